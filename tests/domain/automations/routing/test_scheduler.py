"""Time triggers: each instant fires once, in one process, and only while it is wanted."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from domain.automations.routing import scheduler
from domain.automations.routing.scheduler import Scheduler
from domain.automations.services.automations import WriteAutomation
from domain.model.actor import SYSTEM
from domain.model.automation import Automation
from domain.persistence.automations import NEXT_DUE
from domain.persistence.database import Database
from domain.persistence.prepared import Prepared
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN
from tests.inside import inside

NOON = {"event": "time.cron", "config": {"cron": "0 12 * * *"}}
MINUTELY = {"event": "time.interval", "config": {"seconds": 60}}


async def scheduled(world: World, trigger: Mapping[str, Any] = MINUTELY, **fields: Any) -> Automation:
    return await world.automation(triggers=[trigger], **{"mode": "parallel", "max_runs": 100, **fields})


async def pass_time(world: World, **duration: float) -> int:
    """Let time pass, and return the number of triggers that fired."""
    world.clock.advance(**duration)
    return await world.domain.automations.scheduler.run_pending()


async def due(world: World) -> datetime | None:
    return await inside(world.domain).database.read(lambda session: session.automations.next_due())


@on_one_database
async def test_a_schedule_fires_when_it_is_due_and_not_before(world: World) -> None:
    await scheduled(world, NOON)
    assert await pass_time(world, hours=2, minutes=59) == 0
    assert await pass_time(world, minutes=1) == 1
    assert await due(world) == datetime(2026, 3, 2, 12, tzinfo=UTC)


@on_one_database
async def test_a_firing_by_time_has_its_due_time_and_no_actor(world: World) -> None:
    await scheduled(world, NOON)
    await pass_time(world, hours=4)
    firing = (await world.only_run()).firing
    assert firing.payload == {"scheduledAt": "2026-03-01T12:00:00.000Z"}
    assert (firing.event, firing.actor, firing.context_key) == ("time.cron", SYSTEM, None)
    assert firing.occurred_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


@on_one_database
async def test_an_interval_fires_again_and_again(world: World) -> None:
    await scheduled(world)
    assert [await pass_time(world, seconds=30) for _ in range(6)] == [0, 1, 0, 1, 0, 1]


@on_one_database
async def test_an_interval_does_not_drift_when_noticed_late(world: World) -> None:
    await scheduled(world)
    first = await due(world)
    assert first is not None
    for _ in range(3):
        await pass_time(world, seconds=60.4)
    assert await due(world) == first + timedelta(seconds=180)


async def test_instants_missed_without_a_process_fire_once(world: World) -> None:
    await scheduled(world)
    assert await pass_time(world, hours=5) == 1
    assert await pass_time(world, seconds=1) == 0
    assert len(await world.runs()) == 1


async def test_two_schedulers_fire_each_instant_once(world: World) -> None:
    await scheduled(world)
    parts = world.domain.automations
    database, tail = inside(world.domain).database, inside(world.domain).tail
    other = Scheduler(database=database, clock=world.clock, tail=tail, gates=parts.gates)
    for _ in range(3):
        world.clock.advance(seconds=60)
        await asyncio.gather(*(each.run_pending() for each in (parts.scheduler, other, other)))
    assert len(await world.runs()) == 3


async def test_a_new_schedule_is_noticed_at_once(world: World) -> None:
    automation = await scheduled(world)
    assert await due(world) == world.clock.moment + timedelta(seconds=60)
    await _update(world, automation, definition={"triggers": [NOON]})
    assert await due(world) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    await _update(world, automation, enabled=False)
    assert await due(world) is None
    await _update(world, automation, enabled=True)
    assert await due(world) is not None
    await world.domain.automations.service.delete(ADMIN, automation.id)
    assert await due(world) is None


@on_one_database
async def test_a_disabled_automation_is_not_fired_by_time(world: World) -> None:
    automation = await scheduled(world)
    await _update(world, automation, enabled=False)
    assert await pass_time(world, hours=1) == 0


@on_one_database
async def test_a_schedule_changed_between_poll_and_firing_does_not_fire(world: World) -> None:
    automation = await scheduled(world)
    world.clock.advance(seconds=60)
    [found] = await inside(world.domain).database.read(
        lambda session: session.automations.due(world.clock.moment, limit=10)
    )
    await _update(world, automation, definition={"triggers": [NOON]})
    await inside(world.domain).database.write(lambda unit: world.domain.automations.scheduler._fire(*found, unit))
    assert await world.runs() == []
    assert await due(world) == datetime(2026, 3, 1, 12, tzinfo=UTC)


@on_one_database
async def test_a_schedule_goes_through_the_gates(world: World) -> None:
    await scheduled(world, {**MINUTELY, "filter": "false"})
    await pass_time(world, seconds=60)
    assert await world.skips() == ["filter"]


async def test_a_trigger_that_cannot_fire_does_not_block_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken = await scheduled(world, name="broken")
    world.clock.advance(seconds=1)
    await scheduled(world, name="sound")

    async def spoil(unit: UnitOfWork) -> None:
        spoilt = sa.text("UPDATE automation_versions SET definition = '{}' WHERE automation_id = :id")
        await unit.connection.execute(spoilt, {"id": broken.id})

    await inside(world.domain).database.write(spoil)
    await pass_time(world, seconds=60)
    assert [run.automation_id for run in await world.runs()] != [broken.id]
    assert len(await world.runs()) == 1
    assert "could not be fired" in caplog.text


@on_one_database
async def test_the_scheduler_notices_a_trigger_that_became_due(world: World) -> None:
    await scheduled(world)
    stopping = asyncio.Event()
    task = asyncio.create_task(world.domain.automations.scheduler.run(stopping))
    world.clock.advance(seconds=60)
    async with asyncio.timeout(60):
        while not await world.runs():  # noqa: ASYNC110 - it is the database that is watched
            await asyncio.sleep(0.02)
    stopping.set()
    await task
    assert len(await world.runs()) == 1


async def test_a_schedule_that_is_written_here_is_looked_at_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_POLL_SECONDS", 3600.0)
    looks: list[Any] = []
    glance = Database.glance

    async def noted(database: Database, statement: Prepared, values: Any = None) -> Any:
        looks.extend([statement] if statement is NEXT_DUE else [])
        return await glance(database, statement, values)

    monkeypatch.setattr(Database, "glance", noted)
    stopping = asyncio.Event()
    task = asyncio.create_task(world.domain.automations.scheduler.run(stopping))
    async with asyncio.timeout(60):
        while len(looks) < 1:  # noqa: ASYNC110 - the scheduler tells nobody that it looks
            await asyncio.sleep(0.02)
        await scheduled(world)
        while len(looks) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    stopping.set()
    await task
    assert set(looks) == {NEXT_DUE}


async def test_a_schedule_of_another_process_is_noticed_by_the_poll(world: World) -> None:
    # Not the one that this process's services tell.
    database, tail = inside(world.domain).database, inside(world.domain).tail
    other = Scheduler(database=database, clock=world.clock, tail=tail, gates=world.domain.automations.gates)
    stopping = asyncio.Event()
    task = asyncio.create_task(other.run(stopping))
    await scheduled(world)
    world.clock.advance(seconds=60)
    async with asyncio.timeout(60):
        while not await world.runs():  # noqa: ASYNC110 - it is the database that is watched
            await asyncio.sleep(0.02)
    stopping.set()
    await task
    assert len(await world.runs()) == 1


async def _update(world: World, automation: Automation, **fields: Any) -> None:
    await world.domain.automations.service.update(ADMIN, automation.id, WriteAutomation(**fields))
