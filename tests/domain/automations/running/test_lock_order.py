"""The locks of entities, and their order, which is that of all others, so that there is no deadlock."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.kind import EntityKind
from domain.entities.run import RUN
from domain.persistence.automation_tables import automation_runs
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.domain.automations.world import World
from tests.domain.messaging.changes import until_it_is
from tests.factories import ADMIN, make_incident, make_system
from tests.inside import inside

on_postgresql = pytest.mark.parametrize(
    "dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
_WAITING = sa.text(
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@on_postgresql
@pytest.mark.parametrize(
    "action",
    [
        {"variables": {"done": True}},
        {
            "id": "it",
            "action": "incident.create",
            "config": {"title": "Down", "severity": "major", "systemIds": ["payments"]},
        },
    ],
    ids=["noted", "acted"],
)
async def test_a_run_locks_its_automation_before_itself(world: World, action: dict[str, Any]) -> None:
    await make_system(world.domain)
    automation = await world.automation(action, triggers=[{"event": "system.healthy"}])
    run = (await world.domain.automations.service.run_by_hand(ADMIN, automation.id)).value
    assert run is not None

    async def take_over(unit: UnitOfWork) -> None:
        await unit.automations.hold([automation.id])
        await world.run_enqueued()
        await until_it_is(lambda: inside(world.domain).database.read(_somebody_waits))
        # As restarting, cancelling and deleting do it next; fails where they would wait for each other.
        statement = sa.select(automation_runs.c.id).where(automation_runs.c.id == run.id)
        await unit.connection.execute(statement.with_for_update(nowait=True))

    await inside(world.domain).database.write(take_over)
    over = await world.over(run)
    assert over.status.value == "success", over.message


@on_postgresql
async def test_a_writer_of_an_entity_of_any_kind_waits_for_another(world: World) -> None:
    incident = await make_incident(world.domain)
    run = await world.begun({"wait_until": {"condition": "1 > 2"}})
    await world.waiting(run, "actions[0]")
    for kind, identifier in ((INCIDENT, incident.id), (HEALTH, incident.system_ids[0]), (RUN, run.id)):
        await _check_waiting(inside(world.domain).database, _locking(kind, identifier))


def _locking(kind: EntityKind[Any], identifier: str) -> Callable[[UnitOfWork], Awaitable[None]]:
    lock = kind.lock
    assert lock is not None, kind.name
    return lambda unit: lock(unit, [identifier])


async def _check_waiting(database: Database, lock: Callable[[UnitOfWork], Awaitable[None]]) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    async def hold(unit: UnitOfWork) -> None:
        await lock(unit)
        held.set()
        await release.wait()

    first = asyncio.create_task(database.write(hold))
    await held.wait()
    second = asyncio.create_task(database.write(lock))
    try:
        await until_it_is(lambda: database.read(_somebody_waits))
    finally:
        release.set()
    await asyncio.gather(first, second)


async def _somebody_waits(session: ReadSession) -> bool:
    return bool(await session.connection.scalar(_WAITING))
