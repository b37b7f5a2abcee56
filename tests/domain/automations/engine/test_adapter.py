"""The engine: a workflow of a committed transaction runs to its end, whichever process dies."""

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from multiprocessing import Pipe

import asyncpg
import pytest
import sqlalchemy as sa

from domain.automations.engine import slots
from domain.automations.engine.adapter import Engine, Workflow
from domain.automations.engine.library import slot_under_way
from domain.automations.engine.postgres_slots import PostgresSlots
from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.persistence.addresses import postgres_address
from domain.persistence.engines import create_engines
from domain.persistence.engines import database_url as parsed_url
from domain.persistence.migrate import migrate
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from tests.addresses import postgres_url
from tests.conftest import SECRET_KEY
from tests.domain.automations.engine.hanging import hang
from tests.e2e.processes import process_of
from tests.inside import inside

DEADLINE_SECONDS = 60
Handler = Callable[[str], Awaitable[None]]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without half a second between."""
    monkeypatch.setattr("domain.automations.engine.adapter._FIRST_PAUSE_SECONDS", 0.02)


class Calls:
    """A handler that records its calls and ends only those that are released."""

    def __init__(self, *, hang: bool = False) -> None:
        self.seen: list[str] = []
        self.done: list[str] = []
        self.let_go = asyncio.Event()
        if not hang:
            self.let_go.set()

    async def __call__(self, identifier: str) -> None:
        self.seen.append(identifier)
        await self.let_go.wait()
        self.done.append(identifier)


@asynccontextmanager
async def started(url: str, handler: Handler) -> AsyncIterator[Engine]:
    """Yield a running engine."""
    engine = Engine(parsed_url(url))
    try:
        await engine.start({Workflow.RUN: handler})
        yield engine
    finally:
        await engine.stop()
        await engine.close()


async def enqueue(domain: Domain, engine: Engine, *identifiers: str, fail: bool = False) -> None:
    async def work(unit: UnitOfWork) -> None:
        for identifier in identifiers:
            await engine.enqueue(unit, Workflow.RUN, identifier)
        if fail:
            raise RuntimeError("rolled back")

    await inside(domain).database.write(work)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():  # noqa: ASYNC110 - another process's doing is watched
            await asyncio.sleep(0.02)


async def test_a_workflow_runs_only_if_its_transaction_commits(domain: Domain, database_url: str) -> None:
    calls = Calls()
    async with started(database_url, calls) as engine:
        with pytest.raises(RuntimeError):
            await enqueue(domain, engine, "lost", fail=True)
        await enqueue(domain, engine, "kept")
        await enqueue(domain, engine, "last")
        await until(lambda: "last" in calls.done and "kept" in calls.done)
    assert sorted(calls.seen) == ["kept", "last"]


async def test_a_process_starts_its_own_workflows_ahead_of_the_poll(
    domain: Domain, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls()
    monkeypatch.setattr("domain.automations.engine.adapter._LOOK_SECONDS", 3600.0)
    async with started(database_url, calls) as engine:
        for name in ("one", "two"):
            await enqueue(domain, engine, name)
            await until(lambda name=name: name in calls.done)  # type: ignore[misc]
    assert calls.seen == ["one", "two"]


async def test_a_workflow_that_another_process_only_enqueued_is_started_by_the_poll(
    domain: Domain, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.automations.engine.adapter._LOOK_SECONDS", 0.02)
    calls, client = Calls(), Engine(parsed_url(database_url))
    async with started(database_url, calls):
        await enqueue(domain, client, "from elsewhere")
        await until(lambda: calls.done == ["from elsewhere"])
    await client.close()
    assert calls.seen == ["from elsewhere"]


async def test_an_engine_that_rests_looks_again_until_nothing_of_others_is_under_way(
    domain: Domain, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.automations.engine.adapter._LOOK_SECONDS", 0.02)
    found = iter([3, None, 3, None, None])
    looks: list[int | None] = []

    def under_way(slots: Sequence[int]) -> int | None:
        looks.append(next(found, None))
        return looks[-1]

    monkeypatch.setattr("domain.automations.engine.adapter.slot_under_way", under_way)
    due = iter([False, True])
    engine = Engine(parsed_url(database_url))
    try:
        await engine.start({Workflow.RUN: Calls()}, is_due=lambda: next(due, False))
        # The first poll is always made, and two more because others had something; then it rests.
        await until(lambda: len(looks) == 5)
        await until(lambda: not engine._has_more)
        assert next(due, None) is None
        assert looks == [3, None, 3, None, None]
    finally:
        await engine.stop()
        await engine.close()


async def test_the_library_polls_nothing(domain: Domain, database_url: str) -> None:
    async with started(database_url, Calls()):
        # They end within a second, for which the first may wait.
        await until(lambda: not any(map(_polls, threading.enumerate())))
        assert not any(map(_polls, threading.enumerate())), "a poll began again"


def _polls(thread: threading.Thread) -> bool:
    target = getattr(thread, "_target", None)
    names = {"queue_thread", "queue_worker_thread", "background_jobs_thread", "dynamic_scheduler_loop"}
    return getattr(target, "__name__", "") in {*names, "run_notification_listener", "run_notifier"}


async def test_a_workflow_enqueued_twice_runs_once(domain: Domain, database_url: str) -> None:
    calls = Calls()
    async with started(database_url, calls) as engine:
        await enqueue(domain, engine, "same", "same")
        await until(lambda: calls.done == ["same"])
        await enqueue(domain, engine, "same")
        await enqueue(domain, engine, "last")
        await until(lambda: "last" in calls.done)
    assert calls.seen == ["same", "last"]


async def test_a_workflow_is_resumed_by_the_next_start(domain: Domain, database_url: str) -> None:
    calls = Calls(hang=True)
    async with started(database_url, calls) as engine:
        await enqueue(domain, engine, "wait")
        await until(lambda: calls.seen == ["wait"])
    assert calls.done == []
    calls.let_go.set()
    async with started(database_url, calls):
        await until(lambda: calls.done == ["wait"])
    assert calls.seen == ["wait", "wait"]


async def test_the_next_start_resumes_all_that_was_under_way(domain: Domain, database_url: str) -> None:
    calls, names = Calls(hang=True), [f"wait {number}" for number in range(20)]
    async with started(database_url, calls) as engine:
        await enqueue(domain, engine, *names)
        await until(lambda: len(calls.seen) == len(names))
    calls.let_go.set()
    async with started(database_url, calls):
        await until(lambda: sorted(calls.done) == sorted(names))
    assert sorted(calls.seen) == sorted([*names, *names])


async def test_a_failed_workflow_is_retried(
    domain: Domain, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    async def fail_first(identifier: str) -> None:
        tried.append(identifier)
        if len(tried) == 1:
            raise OSError("the database is away")

    async with started(database_url, fail_first) as engine:
        await enqueue(domain, engine, "shaky")
        await until(lambda: len(tried) == 2)
    assert "shaky could not be run to its end" in caplog.text


async def test_the_workflows_of_a_killed_process_are_resumed_by_another(domain: Domain, database_url: str) -> None:
    client = Engine(parsed_url(database_url))
    await enqueue(domain, client, "orphan")
    await client.close()
    ours, theirs = Pipe()
    process = process_of(hang, database_url, theirs)
    process.start()
    try:
        assert await asyncio.to_thread(ours.poll, DEADLINE_SECONDS)
        assert ours.recv() == "orphan"
        calls = Calls()
        async with started(database_url, calls) as engine:
            assert engine._slot == 1
            process.kill()
            await until(lambda: calls.done == ["orphan"])
    finally:
        process.kill()
        await asyncio.to_thread(process.join)
        process.close()


async def test_only_slots_whose_runs_have_begun_and_not_ended_are_under_way(domain: Domain, database_url: str) -> None:
    calls = Calls(hang=True)
    async with started(database_url, calls) as engine:
        assert await asyncio.to_thread(slot_under_way, [0, 1]) is None
        await enqueue(domain, engine, "begun")
        await until(lambda: calls.seen == ["begun"])
        assert await asyncio.to_thread(slot_under_way, [1, 0]) == 0
        assert await asyncio.to_thread(slot_under_way, [1]) is None
        calls.let_go.set()
        await until(lambda: calls.done == ["begun"])


async def test_several_processes_may_create_the_tables_at_once(empty_database_url: str) -> None:
    url = parsed_url(empty_database_url)
    engines = [Engine(url) for _ in range(3)]
    databases = [create_engines(url) for _ in range(3)]

    async def start(n: int) -> None:
        await migrate(databases[n])
        await engines[n].prepare()

    await asyncio.gather(*map(start, range(3)))
    async with databases[0].reader.connect() as connection:
        assert await connection.scalar(sa.text("SELECT count(*) FROM alembic_version")) == 1
    for database in databases:
        await database.dispose()
    for engine in engines:
        await engine.close()


async def test_a_start_that_fails_leaves_nothing_running(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "SLOTS", 0)
    before = asyncio.all_tasks()
    with pytest.raises(StartupError, match="that is the limit"):
        async with running_domain(dataclasses.replace(settings, automations=True)):
            pass
    assert asyncio.all_tasks() == before


@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_process_that_lost_its_slot_takes_another(domain: Domain, database_url: str) -> None:
    calls = Calls(hang=True)
    async with started(database_url, calls) as engine:
        await enqueue(domain, engine, "under way")
        await until(lambda: calls.seen == ["under way"])
        rival = PostgresSlots(postgres_address(database_url))
        assert isinstance(engine._slots, PostgresSlots)
        assert engine._slots._connection is not None
        engine._slots._connection.terminate()
        async with asyncio.timeout(60):
            while not await rival.take(0):
                pass
        await until(lambda: engine._slot == 1)
        calls.let_go.set()
        await enqueue(domain, engine, "later")
        await until(lambda: calls.done == ["later"])
        await rival.close()
        await until(lambda: calls.done == ["later", "under way"])


@pytest.mark.postgres
async def test_a_database_user_without_schema_rights_stops_the_start() -> None:
    name = f"incidentql_test_{uuid.uuid4().hex[:12]}"
    server = await asyncpg.connect(postgres_url())
    await server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    await server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    address = postgres_url().rpartition("@")[2].rpartition("/")[0]
    inside = await asyncpg.connect(f"{postgres_url().rpartition('/')[0]}/{name}")
    await inside.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    await inside.close()
    settings = Settings(database_url=f"postgresql://{name}:x@{address}/{name}", secret_key=SECRET_KEY)
    try:
        with pytest.raises(StartupError, match="engine cannot be made: permission denied"):
            async with running_domain(settings):
                pass
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.execute(f"DROP ROLE {name}")
        await server.close()
