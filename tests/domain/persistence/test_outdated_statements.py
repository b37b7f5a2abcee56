"""Prepared statements that the server refuses, because the schema changed or somebody dropped them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from domain.persistence.database import Database
from domain.persistence.engines import create_engines
from domain.persistence.engines import database_url as parsed_url
from domain.persistence.prepared import driver_of
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

pytestmark = pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
#: As many as reads and writes share by default.
CONNECTIONS = 4


@pytest.fixture
async def database(own_database_url: str) -> AsyncIterator[Database]:
    """Yield a database whose connections all have statements prepared, each those of reads and writes."""
    engines = create_engines(parsed_url(own_database_url))
    database = Database(engines)
    await database.write(lambda unit: _run(unit, "CREATE TABLE things (number integer)"))
    all_at_it = asyncio.Barrier(CONNECTIONS)
    await asyncio.gather(*(database.write(lambda unit: _things(unit, all_at_it)) for _ in range(CONNECTIONS)))
    await asyncio.gather(*(database.read(lambda session: _read(session, all_at_it)) for _ in range(CONNECTIONS)))
    yield database
    await database.close()


async def test_a_write_survives_a_change_of_the_schema(database: Database) -> None:
    await database.write(lambda unit: _run(unit, "ALTER TABLE things ALTER COLUMN number TYPE bigint"))
    assert (await database.write(_things)).value == []


async def test_a_write_survives_the_loss_of_its_statements(database: Database) -> None:
    await _drop_statements(database)
    assert (await database.write(_things)).value == []


async def test_reads_go_on_after_the_loss_of_their_statements(database: Database) -> None:
    await _drop_statements(database)
    await asyncio.gather(database.read(_read), return_exceptions=True)
    assert [await database.read(_read) for _ in range(CONNECTIONS)] == [0] * CONNECTIONS


async def test_a_write_survives_the_loss_of_all_connections(database: Database) -> None:
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"

    async def end(session: ReadSession) -> None:
        await session.connection.execute(sa.text(f"{ended} AND pid <> pg_backend_pid()"))

    await database.read(end)
    done = await asyncio.gather(*(database.write(_things) for _ in range(2 * CONNECTIONS)))
    assert [committed.value for committed in done] == [[]] * (2 * CONNECTIONS)


async def _drop_statements(database: Database) -> None:
    all_at_it = asyncio.Barrier(CONNECTIONS)

    async def drop(session: ReadSession) -> None:
        await session.connection.execute(sa.text("SELECT 1"))
        await driver_of(session.connection).execute("DEALLOCATE ALL")
        await all_at_it.wait()

    await asyncio.gather(*(database.read(drop) for _ in range(CONNECTIONS)))


async def _run(unit: UnitOfWork, text: str) -> None:
    await driver_of(unit.connection).execute(text)


async def _things(unit: UnitOfWork, all_at_it: asyncio.Barrier | None = None) -> list[Any]:
    found: list[Any] = await driver_of(unit.connection).fetch("SELECT * FROM things")
    if all_at_it is not None:
        await all_at_it.wait()
    return found


async def _read(session: ReadSession, all_at_it: asyncio.Barrier | None = None) -> int:
    count = int(await session.connection.scalar(sa.text("SELECT count(*) FROM things")) or 0)
    if all_at_it is not None:
        await all_at_it.wait()
    return count
