"""Statements straight on the driver: they are short, or moved to a thread, or given up."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import AsyncAdaptedQueuePool

from domain.persistence import drivers
from domain.persistence.drivers import PostgresDriver, SqliteDriver
from domain.persistence.engines import create_engines, database_url
from tests.addresses import postgres_url

_ENDLESS = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT max(n) FROM counted"


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[SqliteDriver]:
    """A driver on an empty file."""
    driver = SqliteDriver(f"file:{tmp_path}/empty.db", ())
    yield driver
    await driver.close()


async def test_a_large_value_is_given_up_on_sqlite(driver: SqliteDriver) -> None:
    await driver.fetch("SELECT 1", ())
    connection = driver._connection

    with pytest.raises(sqlite3.Error) as refused:
        await driver.fetch("SELECT hex(zeroblob(1000000))", ())

    assert refused.value.sqlite_errorcode == sqlite3.SQLITE_TOOBIG
    assert await driver.fetch("SELECT 2", ()) == (2,)
    assert driver._connection is connection


async def test_a_statement_that_would_hold_the_loop_is_moved_to_a_thread(driver: SqliteDriver) -> None:
    counting = _ENDLESS.replace("FROM counted)", "FROM counted WHERE n < 200000)")

    assert [await driver.fetch(counting, ()) for _ in range(2)] == [(200_000,)] * 2
    assert driver._long == {counting: drivers._PATIENCE - 1}
    assert await driver.fetch("SELECT 2", ()) == (2,)


async def test_a_thread_ends_with_the_wait_for_its_statement(driver: SqliteDriver) -> None:
    reading = asyncio.create_task(driver.fetch(_ENDLESS, (), is_long=True))
    await asyncio.sleep(0)
    [reader] = driver._reading

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await reader.closed.wait()

    assert await driver.fetch("SELECT 2", (), is_long=True) == (2,)


@pytest.mark.parametrize(("connections", "spared"), [(2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (11, 1), (12, 2)], ids=str)
async def test_postgresql_has_a_connection_for_short_reads_unless_there_are_very_few(
    connections: int, spared: int
) -> None:
    engines = create_engines(database_url("postgresql://host/name"), connections=connections)

    assert (engines.driver._turns._value if isinstance(engines.driver, PostgresDriver) else 0) == spared
    assert isinstance(engines.writer.pool, AsyncAdaptedQueuePool)
    assert engines.writer.pool.size() == connections - spared


@pytest.mark.postgres
async def test_no_read_is_answered_by_a_server_that_has_become_read_only() -> None:
    engines = create_engines(database_url(postgres_url()), connections=4)
    driver = cast("PostgresDriver", engines.driver)
    backend = "SELECT pg_backend_pid()"
    try:
        [first] = await driver.fetch(backend, ())
        async with engines.reader.connect() as connection:
            second = await connection.scalar(sa.text(backend))
            raw = cast("asyncpg.Connection", (await connection.get_raw_connection()).driver_connection)
            for each in (*driver._idle, raw):
                # As the settings of a primary that another one has taken the place of.
                await each.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            await connection.commit()

        assert await driver.fetch(backend, ()) != (first,)
        async with engines.reader.connect() as connection:
            assert await connection.scalar(sa.text(backend)) != second
    finally:
        await engines.dispose()


@pytest.mark.postgres
async def test_short_reads_leave_a_server_that_refused_a_write() -> None:
    engines = create_engines(database_url(postgres_url()), connections=4)
    driver = cast("PostgresDriver", engines.driver)
    try:
        before = await driver.fetch("SELECT pg_backend_pid()", ())
        reading = asyncio.create_task(driver.fetch("SELECT pg_backend_pid() FROM pg_sleep(0.2)", ()))
        await asyncio.sleep(0)
        await engines.leave()
        during = await reading

        assert await driver.fetch("SELECT pg_backend_pid()", ()) not in {before, during}
    finally:
        await engines.dispose()
