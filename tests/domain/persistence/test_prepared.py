"""Statements that are made once: the same rows, whichever way they take to the driver."""

import sqlite3
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.persistence.log_tables import changes
from domain.persistence.prepared import DirectConnection, Prepared, among, each_of
from domain.persistence.tables import counters
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
    assert written[-1]["after"]["status"] == "investigating"
    assert written[-1]["occurred_at"].tzinfo is not None


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
        return isinstance(session.connection, DirectConnection)

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


@pytest.mark.parametrize(
    ("dialect", "most"),
    [("sqlite", 10), pytest.param("postgresql", 2, marks=pytest.mark.postgres)],
    indirect=["dialect"],
)
async def test_a_create_with_a_message_runs_few_statements(
    domain: Domain, count_statements: CountStatements, most: int
) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    await make_incident(domain, "payments", "search", initial_message="We look into it.")
    with count_statements() as sent:
        await make_incident(domain, "payments", "search", initial_message="We look into it.")
    assert len(sent) <= most, sent


async def test_new_rows_are_there_for_the_next_statement(domain: Domain) -> None:
    incident = replace(await make_incident(domain), id=new_id("inc"), number=2)
    other = replace(incident, id=new_id("inc"), number=3)

    async def prepared(unit: UnitOfWork) -> list[str]:
        await unit.incidents.insert(incident)
        return list(await unit.incidents.get_many([incident.id]))

    async def through_sqlalchemy(unit: UnitOfWork) -> list[str]:
        await unit.incidents.insert(other)
        return await unit.incidents.existing_ids([other.id])

    async def unread(unit: UnitOfWork) -> None:
        await unit.incidents.insert(replace(incident, id=new_id("inc"), number=4))

    database = inside(domain).database
    assert (await database.write(prepared)).value == [incident.id]
    assert (await database.write(through_sqlalchemy)).value == [other.id]
    await database.write(unread)
    assert sorted(await database.read(lambda session: session.incidents.ids_by_number([2, 3, 4]))) == [2, 3, 4]


async def test_many_new_rows_of_one_kind_are_written(domain: Domain) -> None:
    keys = [(await make_system(domain, f"system-{number}")).key for number in range(20)]
    assert len((await make_incident(domain, *keys, initial_message="All of them.")).system_ids) == 20
