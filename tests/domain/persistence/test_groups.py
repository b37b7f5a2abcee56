"""Units of work that wait for SQLite's one connection share a commit, and stay whole each by itself."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, UnavailableError
from domain.persistence.database import Database
from domain.persistence.prepared import driver_of
from domain.persistence.sqlite import WriterConnection
from domain.persistence.tables import server_state
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.factories import log_of, make_incident, make_system
from tests.inside import inside

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"])
Work = Callable[[UnitOfWork], Awaitable[Any]]


class Commits:
    """The commits of the writing connection, each of which can be held up, or fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        #: The works whose callers go on, and how many of them had done so at each commit.
        self.waiting: list[asyncio.Task[Any]] = []
        self.gone_on: list[int] = []
        self.error: Exception | None = None
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        commit = WriterConnection.commit

        async def committing(connection: WriterConnection) -> None:
            self.count += 1
            self.begun.set()
            await self.may_end.wait()
            self.gone_on += [sum(task.done() for task in self.waiting)] * bool(self.waiting)
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            await commit(connection)

        monkeypatch.setattr(WriterConnection, "commit", committing)


@pytest.fixture
def database(domain: Domain) -> Database:
    return inside(domain).database


@pytest.fixture
def commits(database: Database, monkeypatch: pytest.MonkeyPatch) -> Commits:
    assert database.is_sqlite
    # On a busy machine, a group would be closed before all of a test have joined it.
    monkeypatch.setattr("domain.persistence.groups._SECONDS", 60.0)
    return Commits(monkeypatch)


def setting(name: str) -> Work:
    async def work(unit: UnitOfWork) -> str:
        await unit.state.set(name, name)
        return name

    return work


def failing(error: Exception, statement: str = "SELECT 1") -> Work:
    async def work(unit: UnitOfWork) -> None:
        await unit.state.set("failed", "half")
        await driver_of(unit.connection).run(statement)
        raise error

    return work


async def stored(database: Database) -> set[str]:
    async def read(session: ReadSession) -> set[str]:
        names = sa.select(server_state.c.name).where(server_state.c.name.in_(["a", "b", "c", "failed"]))
        return set(await session.connection.scalars(names))

    return await database.read(read)


async def grouped(database: Database, commits: Commits, *works: Work) -> list[Any]:
    """Run works at once that share a commit, because one before them is not done with its own."""
    commits.may_end.clear()
    first = asyncio.create_task(database.write(setting("first"), joins=True))
    await commits.begun.wait()
    commits.count = 0
    commits.waiting = [asyncio.create_task(database.write(work, joins=True)) for work in works]
    await asyncio.sleep(0)
    commits.may_end.set()
    await first
    return [
        done if isinstance(done, BaseException) else done.value
        for done in await asyncio.gather(*commits.waiting, return_exceptions=True)
    ]


async def test_works_that_wait_share_one_commit(database: Database, commits: Commits) -> None:
    assert await grouped(database, commits, *map(setting, "abc")) == ["a", "b", "c"]
    assert commits.count == 1
    assert await stored(database) == {"a", "b", "c"}


async def test_a_long_queue_has_more_than_one_commit(
    database: Database, commits: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.persistence.groups._MOST", 2)
    await grouped(database, commits, *map(setting, "abc"))
    assert commits.count == 2


async def test_a_work_that_may_wait_has_a_commit_of_its_own(database: Database, commits: Commits) -> None:
    commits.may_end.clear()
    first = asyncio.create_task(database.write(setting("first"), joins=True))
    await commits.begun.wait()
    commits.count = 0
    alone = asyncio.create_task(database.write(setting("b")))
    joining = [asyncio.create_task(database.write(setting(name), joins=True)) for name in ("a", "c")]
    await asyncio.sleep(0)
    commits.may_end.set()
    await asyncio.gather(first, alone, *joining)
    assert commits.count == 2, "one of its own, and one that the others share"
    assert await stored(database) == {"a", "b", "c"}


async def test_nobody_goes_on_before_the_shared_commit(database: Database, commits: Commits) -> None:
    assert await grouped(database, commits, setting("a"), setting("b")) == ["a", "b"]
    assert commits.gone_on == [0, 0]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_failure_is_undone_alone(database: Database, commits: Commits, place: int) -> None:
    works = [setting("a"), setting("b")]
    works.insert(place, failing(LookupError("no")))
    done = await grouped(database, commits, *works)
    assert isinstance(done.pop(place), LookupError)
    assert done == ["a", "b"]
    assert await stored(database) == {"a", "b"}


async def test_a_refusal_is_given_once_what_it_rests_on_is_committed(domain: Domain, commits: Commits) -> None:
    await make_system(domain)

    async def create(_: UnitOfWork) -> None:
        raise InvalidInputError("No.")

    database = inside(domain).database
    commits.may_end.clear()
    commits.begun.clear()
    first = asyncio.create_task(make_incident(domain, "payments"))
    await commits.begun.wait()
    second = asyncio.create_task(make_incident(domain, "payments"))
    refused = asyncio.create_task(database.write(create, joins=True))
    await asyncio.sleep(0)
    commits.may_end.set()
    await asyncio.gather(first, second)
    with pytest.raises(InvalidInputError) as caught:
        await refused
    assert caught.value.log_head == 3
    assert len(await log_of(domain)) == 2


async def test_a_commit_that_fails_fails_all_of_its_works(database: Database, commits: Commits) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    async def fail(unit: UnitOfWork) -> None:
        await setting("b")(unit)
        commits.error = full

    done = await grouped(database, commits, setting("a"), fail, failing(LookupError("rests on the others")))
    assert [type(each) for each in done] == [UnavailableError] * 3
    assert await stored(database) == set()
    assert (await database.write(setting("c"))).value == "c"


async def test_a_violation_found_at_the_commit_fails_its_own_work_alone(domain: Domain, commits: Commits) -> None:
    system, database = await make_system(domain), inside(domain).database

    async def claim_for_nobody(unit: UnitOfWork) -> None:
        await unit.claims.take("inc_that_is_never_written", system.id, "key")

    done = await grouped(database, commits, setting("a"), claim_for_nobody, setting("b"))
    assert isinstance(done[1], sqlite3.IntegrityError)
    assert done[1].__context__ is None
    assert (done[0], done[2]) == ("a", "b")
    assert await stored(database) == {"a", "b"}


async def test_works_whose_transaction_sqlite_gave_up_are_run_again(database: Database, commits: Commits) -> None:
    done = await grouped(database, commits, setting("a"), failing(LookupError("no"), "ROLLBACK"), setting("b"))
    assert (done[0], done[2]) == ("a", "b")
    assert isinstance(done[1], LookupError)
    assert await stored(database) == {"a", "b"}


@pytest.mark.parametrize("lost", ["SAVEPOINT", "ROLLBACK TO"])
async def test_what_rests_on_a_lost_transaction_is_tried_again(
    database: Database, commits: Commits, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    run, seen = WriterConnection.run, []

    async def running(connection: WriterConnection, statement: str) -> None:
        if statement.startswith(lost):
            monkeypatch.setattr(WriterConnection, "run", run)
            await connection.rollback()
            raise sqlite3.OperationalError("database or disk is full")
        await run(connection, statement)

    async def refuse(unit: UnitOfWork) -> None:
        seen.append(await unit.state.get("a"))
        raise InvalidInputError("It is there.")

    monkeypatch.setattr(WriterConnection, "run", running)
    done = await grouped(database, commits, setting("a"), refuse, setting("b"))
    assert (done[0], done[2]) == ("a", "b")
    assert isinstance(done[1], InvalidInputError)
    assert await stored(database) == {"a", "b"}
    # What was refused at first rested on a value that was not kept.
    assert seen[:-1] == ["a"] * (lost == "ROLLBACK TO")


async def test_a_transaction_that_is_lost_unnoticed_is_not_continued(database: Database) -> None:
    transactions = database._engines.transactions
    kept: list[str] = []

    async def lose(connection: Any) -> str:
        await connection.driver.run("ROLLBACK")
        return "lost"

    async def nothing(_: Any) -> str:
        return "done"

    running = [transactions.run(work, kept.extend, joins=True) for work in (lose, nothing)]
    done = await asyncio.gather(*running, return_exceptions=True)
    assert isinstance(done[0], sqlite3.OperationalError)
    assert (done[1], kept) == ("done", ["done"])


async def test_a_listener_that_fails_does_not_keep_the_turn(domain: Domain) -> None:
    await make_system(domain)
    database, failures = inside(domain).database, [LookupError("no")]

    def fail() -> None:
        if failures:
            raise failures.pop()

    database.on_append(fail)
    with pytest.raises(LookupError):
        await make_incident(domain, "payments")
    await make_incident(domain, "payments")
    assert len(await log_of(domain)) == 2


async def test_a_turn_is_not_given_to_a_work_that_was_just_cancelled(database: Database) -> None:
    transactions = database._engines.transactions
    waiting: list[asyncio.Task[str]] = []

    async def nothing(_: Any) -> str:
        return "done"

    async def cancel(_: Any) -> str:
        await asyncio.sleep(0)
        waiting[0].cancel()
        return "done"

    first = asyncio.create_task(transactions.run(cancel, lambda _: None, joins=True))
    waiting += [asyncio.create_task(transactions.run(nothing, lambda _: None, joins=True)) for _ in range(2)]
    async with asyncio.timeout(60):
        done = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert isinstance(done.pop(1), asyncio.CancelledError)
    assert done == ["done", "done"]


@pytest.mark.parametrize("steps", range(12))
async def test_cancelled_works_leave_the_turn_to_others(database: Database, commits: Commits, steps: int) -> None:
    transactions = database._engines.transactions

    async def work(connection: Any) -> str:
        await connection.execute(sa.text("SELECT 1"))
        await asyncio.sleep(0)
        return "done"

    running = [asyncio.create_task(transactions.run(work, lambda _: None, joins=True)) for _ in range(6)]
    for _ in range(steps):
        await asyncio.sleep(0)
    for task in running[::2]:
        task.cancel()
    done = await asyncio.gather(*running, return_exceptions=True)
    assert done[1::2] == ["done"] * 3
    assert (await database.write(setting("a"), joins=True)).value == "a"


async def test_changes_of_one_commit_are_handed_on_in_order_and_at_once(domain: Domain, commits: Commits) -> None:
    await make_system(domain)
    database, seen = inside(domain).database, []
    database.on_append(lambda: seen.append(sorted(database.fresh._changes)))
    commits.may_end.clear()
    commits.begun.clear()
    creating = [asyncio.create_task(make_incident(domain, "payments")) for _ in range(4)]
    await commits.begun.wait()
    await asyncio.sleep(0)
    commits.may_end.set()
    await asyncio.gather(*creating)
    assert len(seen) == 2
    assert [change.seq for change in await log_of(domain)] == [2, 3, 4, 5]
