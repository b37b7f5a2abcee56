"""Durable readers: every change once, with its effects, or not at all."""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
import pytest_asyncio

from domain.bootstrap import Domain, running_domain
from domain.errors import UnavailableError
from domain.ids import new_id
from domain.messaging import readers
from domain.messaging.readers import DurableReader, Handler
from domain.model.change import Change
from domain.model.system import System
from domain.persistence.prepared import driver_of
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.messaging.changes import a_change, append, until
from tests.inside import inside

KINDS = ("widget",)
pytestmark = pytest.mark.asyncio(loop_scope="module")
on_sqlite = pytest.mark.parametrize("shared", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "shared", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the time limit of a transaction, so that a slow machine does not end one early."""
    monkeypatch.setattr(readers, "_TRANSACTION_SECONDS", 60.0)


class Work:
    """A handler whose effect can happen only once per change, and which fails on demand."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        #: The reader's; of its own, because tests share a database.
        self.name = uuid.uuid4().hex
        self.tried: list[int] = []
        self.failing: set[int] = set()

    async def __call__(self, unit: UnitOfWork, change: Change) -> None:
        fails = change.seq in self.failing
        self.tried.append(change.seq)
        now = self._domain.clock.now()
        system = System(
            id=new_id("sys"),
            key=f"effect-{self.name}-{change.seq}",
            name="Effect",
            description=None,
            created_at=now,
            updated_at=now,
        )
        assert await unit.systems.insert(system), "this change had its effect already"
        if fails:
            raise RuntimeError("poison")


@pytest.fixture
def work(domain: Domain) -> Work:
    """Return the handler of this test."""
    return Work(domain)


@pytest_asyncio.fixture(loop_scope="module")
async def reader(domain: Domain, work: Work) -> DurableReader:
    """Return a reader of widgets that starts now."""
    reader = a_reader(domain, work)
    await reader.register()
    return reader


def a_reader(
    domain: Domain, work: Work, handler: Handler | None = None, *, name: str | None = None, kinds: Sequence[str] = KINDS
) -> DurableReader:
    """Return a reader of the name that this test's readers share."""
    return DurableReader(
        work.name if name is None else name,
        kinds=kinds,
        handler=handler or work,
        database=inside(domain).database,
        tail=inside(domain).tail,
        clock=domain.clock,
    )


async def test_a_new_reader_handles_later_changes_once_and_in_order(domain: Domain, work: Work) -> None:
    await append(domain, 2)
    reader = a_reader(domain, work)
    await reader.register()
    stored = await append(domain, 3)

    assert await reader.run_pending() == 3
    assert await reader.run_pending() == 0
    assert work.tried == stored


async def test_a_new_reader_can_start_after_a_given_change(domain: Domain, work: Work) -> None:
    stored = await append(domain, 3)
    reader = a_reader(domain, work)
    await reader.register(after=stored[0])
    await reader.run_pending()

    assert work.tried == stored[1:]


@on_sqlite
async def test_readers_of_different_names_each_get_the_change(domain: Domain, work: Work) -> None:
    other = Work(domain)
    readers = [a_reader(domain, each) for each in (work, other)]
    for reader in readers:
        await reader.register()
    stored = await append(domain, 3)
    for reader in readers:
        await reader.run_pending()

    assert work.tried == other.tried == stored


@pytest.mark.parametrize("name", ["", " "])
@on_sqlite
async def test_a_reader_without_a_name_is_refused(domain: Domain, work: Work, name: str) -> None:
    with pytest.raises(ValueError, match="a name"):
        a_reader(domain, work, name=name)


@pytest.mark.parametrize("kinds", [[], [""], ["widget", " "]], ids=["none", "empty", "blank"])
@on_sqlite
async def test_a_reader_of_a_blank_kind_is_refused(domain: Domain, work: Work, kinds: Sequence[str]) -> None:
    with pytest.raises(ValueError, match="non-empty string"):
        a_reader(domain, work, kinds=kinds)


async def test_a_reader_resumes_where_its_predecessor_stopped(
    domain: Domain, reader: DurableReader, work: Work
) -> None:
    stored = await append(domain, 2)
    await reader.run_pending()
    stored += await append(domain, 2)
    again = a_reader(domain, work)
    await again.register()
    await again.run_pending()

    assert work.tried == stored


async def test_changes_of_other_kinds_are_skipped(domain: Domain, reader: DurableReader, work: Work) -> None:
    await append(domain, 2, kind="gadget")
    stored = await append(domain, 1)
    await append(domain, 1, kind="gadget")
    await reader.run_pending()

    assert work.tried == stored


async def test_more_changes_than_one_batch_are_all_handled(domain: Domain, work: Work) -> None:
    handled: list[int] = []

    async def handle(_: UnitOfWork, change: Change) -> None:
        handled.append(change.seq)

    reader = a_reader(domain, work, handle)
    await reader.register()

    async def many(unit: UnitOfWork) -> None:
        for _ in range(120):
            unit.record(a_change(domain), ())

    last = (await inside(domain).database.write(many)).seq

    assert await reader.run_pending() == 120
    assert handled == list(range(last - 119, last + 1))


async def test_a_change_is_handled_again_after_a_crash_in_the_handler(
    domain: Domain, reader: DurableReader, work: Work
) -> None:
    [seq] = await append(domain)
    work.failing = {seq}
    before = await _position(domain, work)
    with pytest.raises(RuntimeError, match="poison"):
        await reader.run_pending()
    assert (await _effects(domain, work, [seq]), await _position(domain, work)) == ([], before)

    work.failing = set()
    await reader.run_pending()
    assert (await _effects(domain, work, [seq]), await _position(domain, work)) == ([seq], seq)


async def test_the_effects_of_changes_and_the_position_appear_together(
    domain: Domain, reader: DurableReader, work: Work
) -> None:
    stored = await append(domain, 2)
    seen: list[tuple[list[int], int | None]] = []

    async def looking(unit: UnitOfWork, change: Change) -> None:
        await work(unit, change)
        seen.append((await _effects(domain, work, stored), await _position(domain, work)))

    before = await _position(domain, work)
    await a_reader(domain, work, looking).run_pending()

    assert seen == [([], before)] * 2
    assert (await _effects(domain, work, stored), await _position(domain, work)) == (stored, stored[1])


async def test_a_change_that_fails_five_times_is_logged_and_skipped(
    domain: Domain, reader: DurableReader, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    stored = await append(domain, 3)
    work.failing = {stored[1]}
    for _ in range(4):
        with pytest.raises(RuntimeError, match="poison"):
            await reader.run_pending()
    assert await _position(domain, work) == stored[0]

    await reader.run_pending()
    # Once together with the one before it, which is then handled without it.
    assert work.tried == [*stored[:2], stored[0], *[stored[1]] * 5, stored[2]]
    assert await _effects(domain, work, stored) == [stored[0], stored[2]]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4 + [logging.ERROR]


async def test_a_failing_change_does_not_undo_others_of_its_transaction(
    domain: Domain, reader: DurableReader, work: Work
) -> None:
    stored = await append(domain, 30)
    work.failing = {stored[0], stored[7], stored[29]}
    for _ in range(3 * 4):
        with pytest.raises(RuntimeError, match="poison"):
            await reader.run_pending()
    await reader.run_pending()

    # Where others were handled before it in the same transaction, once more.
    assert {work.tried.count(seq) for seq in work.failing} <= {5, 6}
    assert await _effects(domain, work, stored) == [seq for seq in stored if seq not in work.failing]
    assert await _position(domain, work) == stored[-1]


async def test_many_changes_take_few_transactions(domain: Domain, reader: DurableReader, work: Work) -> None:
    stored = await append(domain, 60)
    transactions = set[int]()

    async def counting(unit: UnitOfWork, change: Change) -> None:
        transactions.add(id(unit))
        kept.append(unit)
        work.tried.append(change.seq)

    kept: list[UnitOfWork] = []
    assert await a_reader(domain, work, counting).run_pending() == 60
    assert work.tried == stored
    assert len(transactions) == 3


async def test_changes_handled_by_another_process_cost_one_read(
    domain: Domain, reader: DurableReader, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await append(domain, 30)
    elsewhere = a_reader(domain, work)
    looks = 0
    write = inside(domain).database.write

    async def overtaken(unit: Any) -> Any:
        nonlocal looks
        monkeypatch.setattr(inside(domain).database, "write", write)
        await elsewhere.run_pending()
        monkeypatch.setattr(inside(domain).database, "write", counted)
        return await counted(unit)

    async def counted(unit: Any) -> Any:
        nonlocal looks
        looks += 1
        return await write(unit)

    monkeypatch.setattr(inside(domain).database, "write", overtaken)
    assert await reader.run_pending() == 0
    assert (work.tried, looks) == (stored, 1)


@on_sqlite
async def test_a_database_that_is_locked_uses_up_no_attempts(domain: Domain, reader: DurableReader, work: Work) -> None:
    stored = await append(domain)
    await _wait_for_the_lock(domain, millis=0)
    file = domain.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        for _ in range(6):
            with pytest.raises(UnavailableError):
                await reader.run_pending()
    await _wait_for_the_lock(domain, millis=10_000)

    await reader.run_pending()
    assert work.tried == stored


@on_sqlite
async def test_a_database_that_is_full_uses_up_no_attempts(domain: Domain, work: Work) -> None:
    async def grow(unit: UnitOfWork, change: Change) -> None:
        await work(unit, change)
        await unit.connection.exec_driver_sql("CREATE TABLE much AS SELECT zeroblob(4000000) AS bytes")
        await unit.connection.exec_driver_sql("DROP TABLE much")

    reader = a_reader(domain, work, grow)
    await reader.register()
    [seq] = await append(domain)
    await _set_most_pages(domain, 1)
    for _ in range(6):
        with pytest.raises(UnavailableError):
            await reader.run_pending()
    await _set_most_pages(domain, 1_000_000)

    await reader.run_pending()
    assert await _effects(domain, work, [seq]) == [seq]


@on_sqlite
async def test_a_running_reader_retries_by_itself(
    domain: Domain, reader: DurableReader, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(reader.run(stopping))
    work.failing = {await domain.events.head() + 1}
    [seq] = await append(domain)
    try:
        await until(lambda: len(work.tried) > 0)
        work.failing = set()
        # There may have been several by now: the tail wakes the reader for a change that it has tried already.
        failed = len(work.tried)
        await until(lambda: len(work.tried) > failed)
    finally:
        stopping.set()
        await running

    assert await _effects(domain, work, [seq]) == [seq]


async def test_a_stopping_reader_leaves_the_remaining_changes_for_later(domain: Domain, work: Work) -> None:
    stopping = asyncio.Event()

    async def stops(unit: UnitOfWork, change: Change) -> None:
        await work(unit, change)
        if len(work.tried) == 2:
            stopping.set()

    reader = a_reader(domain, work, stops)
    await reader.register()
    stored = await append(domain, 5)
    await asyncio.wait_for(reader.run(stopping), 60)

    assert work.tried == stored[:2]
    assert await _position(domain, work) == stored[1]


async def test_a_reader_that_waits_for_changes_stops_at_once(
    reader: DurableReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_LONGEST_WAIT_SECONDS", 3600.0)
    stopping = asyncio.Event()
    running = asyncio.create_task(reader.run(stopping))
    await until(lambda: bool(reader._tail._followers))
    stopping.set()
    await asyncio.wait_for(running, 60)


async def test_two_processes_share_the_work_of_one_reader(domain: Domain, reader: DurableReader, work: Work) -> None:
    stopping = asyncio.Event()
    async with running_domain(domain.settings) as other:
        elsewhere = Work(other)
        elsewhere.name = work.name
        running = [asyncio.create_task(each.run(stopping)) for each in (reader, a_reader(other, elsewhere))]
        stored = await append(domain, 20)
        await until(lambda: len({*work.tried, *elsewhere.tried}) == 20)
        stopping.set()
        await asyncio.gather(*running)

    assert sorted(work.tried + elsewhere.tried) == stored


@on_postgresql
async def test_a_reader_held_by_another_process_does_not_wait(domain: Domain, work: Work) -> None:
    held, go_on = asyncio.Event(), asyncio.Event()

    async def slow(unit: UnitOfWork, change: Change) -> None:
        held.set()
        await go_on.wait()

    slow_one, quick_one = a_reader(domain, work, slow), a_reader(domain, work)
    await slow_one.register()
    await append(domain)
    at_work = asyncio.create_task(slow_one.run_pending())
    await held.wait()

    assert await quick_one.run_pending() == 0
    go_on.set()
    assert (await at_work, work.tried) == (1, [])


async def _set_most_pages(domain: Domain, pages: int) -> None:
    async def work(unit: UnitOfWork) -> None:
        await unit.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await inside(domain).database.write(work)


async def _wait_for_the_lock(domain: Domain, *, millis: int) -> None:
    async def change(unit: UnitOfWork) -> None:
        driver_of(unit.connection)._busy_millis = millis

    await inside(domain).database.write(change)


async def _position(domain: Domain, work: Work) -> int | None:
    return await inside(domain).database.read(lambda session: session.readers.position(work.name))


async def _effects(domain: Domain, work: Work, seqs: Sequence[int]) -> list[int]:
    keys = {seq: f"effect-{work.name}-{seq}" for seq in seqs}
    found = await domain.reads.system_ids(list(keys.values()))
    return [seq for seq, key in keys.items() if key in found]
