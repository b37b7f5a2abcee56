"""Reads of one operation: all of one moment, on one connection, whatever becomes of those who wait."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from domain.bootstrap import Domain
from domain.persistence.database import Database
from domain.persistence.tables import counters
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.inside import inside


@pytest.fixture
def database(domain: Domain) -> Database:
    """Return the database of this test."""
    return inside(domain).database


async def number(session: ReadSession) -> int:
    """Return the number of the latest incident."""
    return int(await session.connection.scalar(sa.select(counters.c.value)) or 0)


async def count(unit: UnitOfWork) -> None:
    """Take the next number."""
    await unit.incidents.next_number()


async def fail(session: ReadSession) -> None:
    """Read what there is not."""
    await session.connection.execute(sa.text("SELECT nothing FROM nowhere"))


async def test_all_reads_of_an_operation_are_of_the_moment_of_the_first(database: Database) -> None:
    await database.write(count)
    with database.snapshot():
        await database.write(count)
        first = await database.read(number)
        await database.write(count)
        later = [await database.read(number), *await asyncio.gather(database.read(number), database.read(number))]
    assert (first, later) == (2, [2, 2, 2])
    assert await database.read(number) == 3


async def test_operations_at_once_have_their_own_moments(database: Database) -> None:
    async def operation() -> tuple[int, int]:
        with database.snapshot():
            first = await database.read(number)
            await database.write(count)
            return first, await database.read(number)

    found = await asyncio.gather(*(operation() for _ in range(5)))
    assert [first for first, _ in found] == [second for _, second in found]


async def test_a_cancelled_read_leaves_the_snapshot_to_the_others(database: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(session: ReadSession) -> int:
        begun.set()
        await go_on.wait()
        return await number(session)

    with database.snapshot():
        slow = asyncio.create_task(database.read(slowly))
        await begun.wait()
        waiting = asyncio.create_task(database.read(number))
        dropped = asyncio.create_task(database.read(number))
        await asyncio.sleep(0)
        slow.cancel()
        dropped.cancel()
        go_on.set()
        assert await waiting == 0
        assert await database.read(number) == 0
    assert {slow.cancelled(), dropped.cancelled()} == {True}


async def test_the_connection_is_given_back_at_the_end(database: Database) -> None:
    pool: Any = database._engines.reader.sync_engine.pool
    await _until_idle(database)
    with database.snapshot():
        assert pool.checkedout() == 0
        await database.read(number)
        assert pool.checkedout() >= 1
    await _until_idle(database)
    assert pool.checkedout() == 0


async def test_an_operation_that_is_given_up_gives_its_connection_back(database: Database) -> None:
    begun = asyncio.Event()

    async def operation() -> None:
        with database.snapshot():
            await database.read(number)
            begun.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(operation())
    await begun.wait()
    running.cancel()
    await asyncio.wait({running})
    await _until_idle(database)
    pool: Any = database._engines.reader.sync_engine.pool
    assert pool.checkedout() == 0


async def test_no_read_follows_a_failure_at_another_moment(database: Database) -> None:
    with database.snapshot():
        await database.read(number)
        failing, behind = await asyncio.gather(database.read(fail), database.read(number), return_exceptions=True)
        assert isinstance(failing, DBAPIError)
        assert isinstance(behind, DBAPIError)
        with pytest.raises(DBAPIError):
            await database.read(number)
    assert await database.read(number) == 0


async def test_a_read_within_a_read_does_not_wait_for_it(database: Database) -> None:
    async def nested(_: ReadSession) -> int:
        return await database.read(number)

    with database.snapshot():
        assert await database.read(nested) == 0


async def test_a_read_that_waits_at_the_end_is_still_done(database: Database) -> None:
    async def slowly(session: ReadSession) -> int:
        await asyncio.sleep(0)
        return await number(session)

    with database.snapshot():
        waiting = [asyncio.create_task(database.read(slowly)) for _ in range(3)]
        await asyncio.sleep(0)
    async with asyncio.timeout(60):
        assert await asyncio.gather(*waiting) == [0, 0, 0]


async def test_what_outlives_an_operation_reads_the_present(database: Database) -> None:
    over = asyncio.Event()

    async def later() -> int:
        await over.wait()
        return await database.read(number)

    with database.snapshot():
        await database.read(number)
        outliving = asyncio.create_task(later())
    await database.write(count)
    over.set()
    assert await outliving == 1


async def _until_idle(database: Database) -> None:
    async with asyncio.timeout(60):
        while not database.is_idle:  # noqa: ASYNC110 - transactions have no event for their end
            await asyncio.sleep(0)
