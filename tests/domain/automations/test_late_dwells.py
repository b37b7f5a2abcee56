"""Dwells that nobody fired in time: what they were armed for happened all the same."""

from functools import partial

from domain.automations.engine import Workflow
from domain.model.automation import RunStatus
from domain.model.incident import Health
from tests.domain.automations.world import World
from tests.factories import make_system

NOTE = {"variables": {"held": True}}


async def armed(world: World) -> str:
    """The dwell of a system that has been degraded for a moment, of five minutes."""
    await make_system(world.domain)
    await world.automation(NOTE, triggers=[{"event": "system.degraded", "for": {"minutes": 5}}])
    await world.report("payments", Health.UNHEALTHY)
    await world.route()
    [dwell] = await world.enqueued(Workflow.DWELL)
    return dwell


async def fire(world: World, dwell: str) -> None:
    await world.domain.database.write(partial(world.domain.automations.dwells.fire, dwell_id=dwell))
    await world.settle()


async def test_a_dwell_that_held_fires_although_it_was_over_before_anybody_looked(world: World) -> None:
    dwell = await armed(world)
    world.clock.advance(minutes=5)
    await world.report("payments", Health.HEALTHY)
    await fire(world, dwell)
    assert (await world.only_run()).status is RunStatus.SUCCESS


async def test_a_break_that_is_routed_fires_a_dwell_that_had_held_until_then(world: World) -> None:
    await armed(world)
    world.clock.advance(minutes=6)
    await world.report("payments", Health.HEALTHY)
    await world.settle()
    assert (await world.only_run()).status is RunStatus.SUCCESS


async def test_a_dwell_that_nobody_fired_does_not_stand_in_the_way_of_the_next(world: World) -> None:
    await armed(world)
    for health in (Health.HEALTHY, Health.DEGRADED):
        world.clock.advance(minutes=6)
        await world.report("payments", health)
    await world.settle()
    assert len(await world.enqueued(Workflow.DWELL)) == 2
    assert await world.skips() == []


async def test_a_break_before_the_end_counts_however_late_anybody_looks(world: World) -> None:
    dwell = await armed(world)
    world.clock.advance(minutes=4)
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(minutes=4)
    await fire(world, dwell)
    assert await world.skips() == ["dwell_broken"]
