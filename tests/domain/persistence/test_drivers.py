"""Statements straight on the driver: they are short, or given up."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.pool import AsyncAdaptedQueuePool

from domain.persistence.drivers import PostgresDriver, SqliteDriver
from domain.persistence.engines import create_engines, database_url

_ENDLESS = "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted) SELECT max(n) FROM counted"


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[SqliteDriver]:
    """A driver on an empty file."""
    driver = SqliteDriver(f"file:{tmp_path}/empty.db", ())
    yield driver
    await driver.close()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [(_ENDLESS, sqlite3.SQLITE_INTERRUPT), ("SELECT hex(zeroblob(1000000))", sqlite3.SQLITE_TOOBIG)],
    ids=["long", "large"],
)
async def test_a_statement_that_would_hold_the_loop_is_given_up_on_sqlite(
    driver: SqliteDriver, statement: str, reason: int
) -> None:
    await driver.fetch("SELECT 1", ())
    connection = driver._connection

    with pytest.raises(sqlite3.Error) as refused:
        await driver.fetch(statement, ())

    assert refused.value.sqlite_errorcode == reason
    assert await driver.fetch("SELECT 2", ()) == (2,)
    assert driver._connection is connection


@pytest.mark.parametrize(("connections", "spared"), [(2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (11, 1), (12, 2)], ids=str)
async def test_postgresql_has_a_connection_for_short_reads_unless_there_are_very_few(
    connections: int, spared: int
) -> None:
    engines = create_engines(database_url("postgresql://host/name"), connections=connections)

    assert (engines.driver._turns._value if isinstance(engines.driver, PostgresDriver) else 0) == spared
    assert isinstance(engines.writer.pool, AsyncAdaptedQueuePool)
    assert engines.writer.pool.size() == connections - spared
