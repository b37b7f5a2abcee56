"""Forgetting old runs."""

from datetime import timedelta

from domain.automations.engine import Engine
from domain.automations.upkeep import RunUpkeep
from domain.model.automation import RunStatus
from domain.persistence.engines import database_url as parsed_url
from tests.domain.automations.world import World
from tests.factories import make_incident


async def test_runs_that_are_long_over_are_forgotten_and_waiting_ones_stay(world: World) -> None:
    await world.automation({"action": "log", "config": {"message": "x"}}, name="short")
    await world.automation({"wait_until": {"condition": "false"}}, name="long")
    await make_incident(world.domain)
    await world.settle()
    upkeep = RunUpkeep(
        database=world.domain.database,
        clock=world.clock,
        engine=Engine(parsed_url(world.domain.settings.database_url)),
        retention_days=30,
    )
    world.clock.moment += timedelta(days=29)
    await upkeep.forget_runs()
    assert len(await world.runs()) == 2
    world.clock.moment += timedelta(days=2)
    await upkeep.forget_runs()
    assert [run.status for run in await world.runs()] == [RunStatus.WAITING]
