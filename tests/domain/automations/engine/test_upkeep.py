"""Retention of runs."""

from datetime import timedelta

from domain.automations.engine.adapter import Engine
from domain.automations.engine.upkeep import RunUpkeep
from domain.model.automation import RunStatus
from domain.persistence.engines import database_url as parsed_url
from tests.domain.automations.world import World
from tests.factories import ADMIN, make_incident
from tests.inside import inside


async def test_runs_long_over_are_pruned_and_waiting_ones_stay(world: World) -> None:
    await world.automation({"action": "log", "config": {"message": "x"}}, name="short")
    await world.automation({"wait_until": {"condition": "false"}}, name="long")
    await make_incident(world.domain)
    await world.settle()
    upkeep = _upkeep(world)
    world.clock.moment += timedelta(days=29)
    await upkeep.forget_runs()
    assert len(await world.runs()) == 2
    world.clock.moment += timedelta(days=2)
    await upkeep.forget_runs()
    assert [run.status for run in await world.runs()] == [RunStatus.WAITING]


async def test_a_deleted_automation_is_pruned_with_its_last_run(world: World) -> None:
    service = world.domain.automations.service
    kept, _, deleted, unused = [await world.automation({"delay": {"seconds": 1}}) for _ in range(4)]
    run = await world.again(deleted)
    for automation in (deleted, unused):
        await service.delete(ADMIN, automation.id)
    upkeep = _upkeep(world)
    await upkeep.forget_runs()
    assert len(await world.rows("SELECT id FROM automations")) == 3
    assert (await world.run(run.id)).automation_id == deleted.id
    world.clock.moment += timedelta(days=31)
    await upkeep.forget_runs()
    assert len(await world.rows("SELECT id FROM automations")) == 2
    assert await world.runs() == []
    assert list(await world.domain.automations.reads.automations([kept.id])) == [kept.id]


def _upkeep(world: World) -> RunUpkeep:
    url = parsed_url(world.domain.settings.database_url)
    return RunUpkeep(database=inside(world.domain).database, clock=world.clock, engine=Engine(url), retention_days=30)
