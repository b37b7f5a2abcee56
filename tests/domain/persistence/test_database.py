"""Transactions: whole or not at all, even if their callers are cancelled."""

import asyncio
import logging
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, UnavailableError
from domain.ids import new_id
from domain.model.commands import UpdateIncident
from domain.model.filters import EVERYTHING
from domain.model.incident import Severity
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience
from domain.persistence.engines import create_engines
from domain.persistence.engines import database_url as parsed_url
from domain.persistence.groups import GroupedTransactions
from domain.persistence.tables import counters, server_state
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.domain.messaging.changes import until
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token
from tests.inside import inside


async def _number(domain: Domain) -> int:
    async def read(session: ReadSession) -> int:
        return int(await session.connection.scalar(sa.select(counters.c.value)) or 0)

    return await inside(domain).database.read(read)


async def test_a_failure_leaves_nothing_behind(domain: Domain) -> None:
    async def work(unit: UnitOfWork) -> None:
        await unit.incidents.next_number()
        raise LookupError

    with pytest.raises(LookupError):
        await inside(domain).database.write(work)
    assert await _number(domain) == 0


async def test_a_domain_error_carries_the_position_of_the_log(domain: Domain) -> None:
    await make_incident(domain)

    async def work(unit: UnitOfWork) -> None:
        raise InvalidInputError("No.")

    with pytest.raises(InvalidInputError) as caught:
        await inside(domain).database.write(work)
    assert caught.value.log_head == 2


async def test_a_write_without_changes_is_at_the_position_of_the_log(domain: Domain) -> None:
    await make_incident(domain)
    assert (await inside(domain).database.write(lambda unit: unit.incidents.next_number())).seq == 2


async def test_readers_cannot_write(domain: Domain) -> None:
    async def write(session: ReadSession) -> None:
        await session.connection.execute(sa.update(counters).values(value=99))

    with pytest.raises(DBAPIError):
        await inside(domain).database.read(write)
    assert await _number(domain) == 0


async def test_a_cancelled_caller_interrupts_no_write(domain: Domain) -> None:
    incident = await make_incident(domain)
    for number in range(100):
        command = UpdateIncident(id=incident.id, title=f"Title {number}", severity=list(Severity)[number % 3])
        writing = asyncio.create_task(domain.incidents.update(ADMIN, command))
        for _ in range(number % 12):
            await asyncio.sleep(0)
        writing.cancel()
    while inside(domain).database._running:
        await asyncio.wait(inside(domain).database._running)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="The last"))
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    versions = [change.version for change in await log_of(domain)]
    assert (after.title, after.version) == ("The last", len(versions))
    assert versions == list(range(1, len(versions) + 1))


async def test_cancelled_readers_leave_the_connections_usable(domain: Domain) -> None:
    await make_incident(domain)
    order = Order(field="created_at")
    for number in range(40):
        reading = asyncio.create_task(domain.reads.incident_page(EVERYTHING, order, PageRequest(), Audience.PUBLIC))
        for _ in range(number % 8):
            await asyncio.sleep(0)
        reading.cancel()
    assert await domain.reads.incident_count(EVERYTHING, Audience.PUBLIC) == 1


async def test_closing_waits_for_writes_of_cancelled_callers(domain: Domain) -> None:
    await make_system(domain)
    writing = asyncio.create_task(make_incident(domain, "payments"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writing.cancel()
    while inside(domain).database._running:
        await asyncio.wait(inside(domain).database._running)
    assert len(await log_of(domain)) == 1


async def test_only_commits_that_append_to_the_log_notify_followers(domain: Domain) -> None:
    notified: list[None] = []
    await make_system(domain)
    inside(domain).database.on_append(lambda: notified.append(None))
    await make_token(domain)
    assert len(notified) == 0
    await make_incident(domain, "payments")
    assert len(notified) == 1


async def test_sqlite_is_distinguished_from_postgresql(domain: Domain, dialect: str) -> None:
    assert inside(domain).database.is_sqlite is (dialect == "sqlite")


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_the_victim_of_a_deadlock_is_retried(domain: Domain, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="domain.persistence.database")
    names = ["cursor_key", "log_floor"]
    both_hold_one = asyncio.Barrier(2)
    attempts: list[str] = []

    def crossing(first: str, second: str) -> Any:
        async def work(unit: UnitOfWork) -> str:
            attempts.append(first)
            touch = sa.update(server_state).values(value=server_state.c.value)
            await unit.connection.execute(touch.where(server_state.c.name == first))
            if len(attempts) <= 2:
                await both_hold_one.wait()
            await unit.connection.execute(touch.where(server_state.c.name == second))
            return first

        return work

    done = await asyncio.gather(
        inside(domain).database.write(crossing(*names)), inside(domain).database.write(crossing(*reversed(names)))
    )
    assert [committed.value for committed in done] == names
    # On a busy machine both may be given up, and the second attempts may cross again.
    assert len(attempts) >= 3
    assert "deadlock" in caplog.text


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)])
async def test_any_other_failure_of_the_database_is_not_retried(domain: Domain) -> None:
    attempts: list[None] = []

    async def work(unit: UnitOfWork) -> None:
        attempts.append(None)
        await unit.connection.execute(sa.text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await inside(domain).database.write(work)
    assert len(attempts) == 1


async def test_a_moment_without_an_offset_is_refused(domain: Domain) -> None:
    system = await make_system(domain)
    naive = datetime(2026, 3, 1)  # noqa: DTZ001 - that is the point

    with pytest.raises(StatementError, match="naive datetime"):
        await inside(domain).database.write(
            lambda unit: unit.systems.stamp(replace(system, version=2, updated_at=naive))
        )


async def test_moments_come_back_in_utc_with_their_milliseconds(domain: Domain) -> None:
    moment = datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)
    system = replace(await make_system(domain), version=2, updated_at=moment)
    await inside(domain).database.write(lambda unit: unit.systems.stamp(system))
    stored = (await domain.reads.systems([system.id]))[system.id]
    assert (stored.updated_at, stored.updated_at.tzinfo) == (moment, UTC)


async def test_two_changes_of_one_version_cannot_be_appended(domain: Domain) -> None:
    await make_incident(domain)
    twin = replace((await log_of(domain))[0], id=new_id("chg"))

    async def work(unit: UnitOfWork) -> None:
        unit.record(twin, ())

    with pytest.raises((sqlite3.IntegrityError, asyncpg.UniqueViolationError)):
        await inside(domain).database.write(work)
    assert len(await log_of(domain)) == 1


async def test_a_version_taken_by_another_writer_is_detected(domain: Domain) -> None:
    incident = await make_incident(domain)
    stale = replace(incident, version=7)
    with pytest.raises(RuntimeError, match="was not locked"):
        await inside(domain).database.write(lambda unit: unit.incidents.stamp(stale, version=8, now=domain.clock.now()))


async def test_a_system_with_incidents_cannot_be_deleted_past_the_handle(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(IntegrityError):
        await inside(domain).database.write(lambda unit: unit.systems.delete(incident.system_ids[0], at=unit.moment()))


async def test_a_resolved_incident_without_its_time_cannot_be_stored(domain: Domain) -> None:
    incident = await make_incident(domain)

    async def work(unit: UnitOfWork) -> None:
        await unit.connection.execute(sa.text("UPDATE incidents SET status = 'resolved'"))

    with pytest.raises(IntegrityError):
        await inside(domain).database.write(work)
    assert (await domain.reads.incidents([incident.id]))[incident.id].is_open


async def test_positions_in_the_log_grow_in_the_order_of_commits(domain: Domain) -> None:
    await make_system(domain)
    await asyncio.gather(*(make_incident(domain, "payments") for _ in range(30)))
    changes = await log_of(domain)
    assert [change.seq for change in changes] == list(range(2, 32))
    assert len({change.entity_id for change in changes}) == 30


@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_connection_is_pinged_in_one_message(database_url: str) -> None:
    engines = create_engines(parsed_url(database_url))
    sent: list[str] = []
    async with engines.reader.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    driver.add_query_logger(lambda record: sent.append(record.query))
    async with engines.reader.connect() as connection:
        await connection.execute(sa.text("SELECT 1"))
    await until(lambda: "ROLLBACK;" in sent)
    await engines.dispose()
    assert sent[0] == "SELECT 1"
    assert [each.partition(" ")[0] for each in sent if each != "SELECT 1"] == ["BEGIN", "ROLLBACK;"]


async def test_a_wait_for_a_connection_ends_with_the_database_unavailable(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = inside(domain).database._engines
    pool = engines.writer.sync_engine.pool
    held, holders = asyncio.Event(), asyncio.Semaphore(0)

    async def hold(_: UnitOfWork) -> None:
        holders.release()
        await held.wait()

    places = 1 if isinstance(engines.transactions, GroupedTransactions) else pool.size()  # type: ignore[attr-defined]
    holding = [asyncio.create_task(inside(domain).database.write(hold)) for _ in range(places)]
    try:
        for _ in holding:
            await holders.acquire()
        monkeypatch.setattr(pool, "_timeout", 0.05)
        monkeypatch.setattr(engines.transactions, "_wait_seconds", 0.05, raising=False)
        with pytest.raises(UnavailableError):
            await inside(domain).database.write(lambda unit: unit.changes.head())
    finally:
        held.set()
        await asyncio.gather(*holding)
    await make_system(domain)


async def test_an_error_of_a_statement_quotes_none_of_its_values(domain: Domain) -> None:
    async def read(session: ReadSession) -> None:
        await session.connection.execute(sa.text("SELECT nothing FROM counters WHERE name = :a"), {"a": "hush-hush"})

    with pytest.raises(DBAPIError) as failed:
        await inside(domain).database.read(read)
    assert "hush-hush" not in str(failed.value)
