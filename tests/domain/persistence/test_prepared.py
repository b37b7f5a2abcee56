"""Statements that are made once: the same rows, whichever way they take to the driver."""

import sqlite3
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.persistence.prepared import Prepared, among, each_of, is_direct
from domain.persistence.tables import changes, counters
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.conftest import CountStatements
from tests.factories import make_incident, make_system
from tests.inside import inside

COUNTED = Prepared(
    lambda sqlite: sa.select(counters.c.name, counters.c.value).where(among(counters.c.name, "names", sqlite=sqlite))
)
EACH = Prepared(lambda sqlite: sa.select(each_of("words", sqlite=sqlite).label("word")))
PICTURES = Prepared(lambda _: sa.select(changes.c.after, changes.c.occurred_at))


async def test_rows_of_a_write_are_those_of_a_read(domain: Domain) -> None:
    await make_incident(domain)
    database = inside(domain).database

    async def read(session: ReadSession) -> list[dict[str, Any]]:
        return [dict(row) for row in await PICTURES.rows(session.connection, {})]

    written = (await database.write(read)).value
    assert written == await database.read(read)
    assert written[0]["after"]["status"] == "investigating"
    assert written[0]["occurred_at"].tzinfo is not None


async def test_a_parameter_holds_any_number_of_texts(domain: Domain) -> None:
    async def work(unit: UnitOfWork) -> list[list[Any]]:
        found = [await COUNTED.rows(unit.connection, {"names": names}) for names in ([], ["incident"], ["x", "y"])]
        found.append(await EACH.rows(unit.connection, {"words": ["b", "a"]}))
        return [[list(row.values()) for row in rows] for rows in found]

    written = (await inside(domain).database.write(work)).value
    assert written == [[], [["incident", 0]], [], [["b"], ["a"]]]


async def test_a_write_asks_the_driver_and_a_read_does_not(domain: Domain) -> None:
    database = inside(domain).database

    async def ask(session: ReadSession) -> bool:
        return is_direct(session.connection)

    assert (await database.write(ask)).value
    assert not await database.read(ask)


async def test_what_the_driver_wrote_is_undone_with_the_unit_of_work(domain: Domain) -> None:
    async def work(unit: UnitOfWork) -> None:
        await unit.incidents.next_number()
        await unit.connection.execute(sa.text("SELECT 1 / 0"))
        raise RuntimeError("the unit of work fails")

    with pytest.raises(Exception, match=r"fails|division by zero"):
        await inside(domain).database.write(work)

    async def number(session: ReadSession) -> Any:
        return await COUNTED.value(session.connection, {"names": ["incident"]})

    assert await inside(domain).database.read(number) == "incident"
    assert (await inside(domain).database.write(lambda unit: unit.incidents.next_number())).value == 1


async def test_a_failure_of_the_driver_undoes_all_of_a_unit_of_work(domain: Domain) -> None:
    incident = await make_incident(domain)

    async def work(unit: UnitOfWork) -> None:
        await unit.incidents.next_number()
        await unit.incidents.insert(incident)

    with pytest.raises((sqlite3.IntegrityError, asyncpg.UniqueViolationError)):
        await inside(domain).database.write(work)
    assert (await inside(domain).database.write(lambda unit: unit.incidents.next_number())).value == 2


async def test_a_create_with_a_message_runs_ten_statements_at_most(
    domain: Domain, count_statements: CountStatements
) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    await make_incident(domain, "payments", "search", initial_message="We look into it.")
    with count_statements() as sent:
        await make_incident(domain, "payments", "search", initial_message="We look into it.")
    assert len(sent) <= 10, sent
