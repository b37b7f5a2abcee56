import asyncio
import logging
import sqlite3

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from domain.bootstrap import Domain
from domain.errors import UnavailableError
from domain.persistence.availability import is_outage, reason_of
from tests.factories import make_incident
from tests.inside import inside
from tests.outages import Away, locked, sqlite_error


def postgres_error(state: str) -> Exception:
    error = Exception("as PostgreSQL says it")
    error.sqlstate = state  # type: ignore[attr-defined]
    return DBAPIError("SELECT", {}, error)


OUTAGES = {
    "refused": ConnectionRefusedError(),
    "slow to connect": TimeoutError(),
    "no connection left in the pool": PoolTimeoutError(),
    "closed under us": asyncpg.InterfaceError("connection is closed"),
    "broken off": asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    "psycopg cannot connect": OperationalError("SELECT", {}, Exception("connection failed")),
    "locked": locked(),
    "full": sqlite_error(sqlite3.SQLITE_FULL, "database or disk is full"),
    "disk fails": sqlite_error(sqlite3.SQLITE_IOERR | 3 << 8, "disk I/O error"),
    "file gone": sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
    "starting": postgres_error("57P03"),
    "shut down": postgres_error("57P01"),
    "too many connections": postgres_error("53300"),
    "disk full": postgres_error("53100"),
    "I/O error": postgres_error("58030"),
    "statement timeout": postgres_error("57014"),
    "password changed": postgres_error("28P01"),
    "deadlock after all": postgres_error("40P01"),
}
FAULTS = {
    "no such table": sqlite_error(sqlite3.SQLITE_ERROR, "no such table: runs"),
    "unique": postgres_error("23505"),
    "no such column": postgres_error("42703"),
    "division": postgres_error("22012"),
    "a value": ValueError(),
}


@pytest.mark.parametrize("error", OUTAGES.values(), ids=OUTAGES)
async def test_a_failing_database_is_unavailable_to_readers_and_writers(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    away = Away(monkeypatch)
    away.begin(error)
    with pytest.raises(UnavailableError):
        await domain.events.head()
    with pytest.raises(UnavailableError):
        await make_incident(domain)
    away.end()


@pytest.mark.parametrize("error", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_our_code_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)
    assert not is_outage(error, writing=True)


@pytest.mark.parametrize(
    "error",
    [sqlite_error(sqlite3.SQLITE_READONLY, "attempt to write a readonly database"), postgres_error("25006")],
    ids=["read-only disk", "standby"],
)
def test_a_read_only_database_is_an_outage_for_writers_alone(error: Exception) -> None:
    assert is_outage(error, writing=True)
    assert not is_outage(error)


def test_a_reason_is_one_line_without_the_statement() -> None:
    assert reason_of(locked()) == "database is locked"
    assert reason_of(TimeoutError()) == "TimeoutError"
    assert reason_of(PoolTimeoutError("QueuePool limit of size 1")) == "no connection became free in time"


async def test_an_outage_of_the_database_is_logged_once_and_its_end_once(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = Away(monkeypatch)
    away.begin()
    for _ in range(20):
        with pytest.raises(UnavailableError):
            await domain.events.head()
    assert inside(domain).database.outage.is_on
    away.end()
    await _until_over(domain)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    assert caplog.messages[0] == "the database is not available: no server listens"


async def test_a_database_that_is_only_readable_is_still_unavailable(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = Away(monkeypatch)
    away.begin(locked())
    with pytest.raises(UnavailableError):
        await domain.events.head()
    away.reading, away.left = None, 5
    while away.left:
        assert inside(domain).database.outage.is_on
        await asyncio.sleep(0.005)
    away.end()
    await _until_over(domain)


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_connections_to_a_new_standby_are_not_reused_after_a_failover(domain: Domain) -> None:
    async with inside(domain).database._engines.writer.connect() as connection:
        before = await connection.scalar(sa.text("SELECT pg_backend_pid()"))
        await connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        with pytest.raises(DBAPIError) as caught:
            await connection.execute(sa.text("UPDATE counters SET value = 1"))
    assert caught.value.connection_invalidated
    async with inside(domain).database._engines.writer.connect() as connection:
        assert await connection.scalar(sa.text("SELECT pg_backend_pid()")) != before


async def _until_over(domain: Domain) -> None:
    async with asyncio.timeout(60):
        while inside(domain).database.outage.is_on:  # noqa: ASYNC110 - it is the database that is watched
            await asyncio.sleep(0.005)


def test_a_lost_connection_is_reported_in_words_of_operators() -> None:
    broken = Exception("<class 'asyncpg.exceptions.InternalClientError'>: cannot switch to state 12")
    broken.__cause__ = asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")
    assert reason_of(DBAPIError("SELECT", {}, broken)) == "the connection was lost"
