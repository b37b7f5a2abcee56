"""Dwells that no process fired in time: they fire late, with the same result."""

import asyncio
from datetime import timedelta
from functools import partial

from domain.automations.engine.adapter import Workflow
from domain.entities.origin import Origin
from domain.model.automation import RunStatus
from domain.model.commands import ReportSystemHealth
from domain.model.incident import Health
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_system, report_health
from tests.inside import inside

NOTE = {"variables": {"held": True}}


async def armed(world: World) -> str:
    """Return the dwell of five minutes of a system that has just been degraded."""
    await make_system(world.domain)
    await world.automation(NOTE, triggers=[{"event": "system.degraded", "for": {"minutes": 5}}])
    await world.report("payments", Health.UNHEALTHY)
    await world.route()
    [dwell] = await world.enqueued(Workflow.DWELL)
    return dwell


async def fire(world: World, dwell: str) -> None:
    await inside(world.domain).database.write(partial(world.domain.automations.dwells.fire, dwell_id=dwell))
    await world.settle()


async def stop_at_the_end(world: World, dwell_id: str, *, early: timedelta = timedelta()) -> None:
    """Stop the clock at a dwell's last instant, or a little before it."""
    dwell = await inside(world.domain).database.read(lambda session: session.dwells.get(dwell_id))
    assert dwell is not None
    world.clock.step = timedelta()
    world.clock.moment = dwell.fire_at - early


@on_one_database
async def test_a_dwell_that_held_fires_even_after_a_later_break(world: World) -> None:
    dwell = await armed(world)
    world.clock.advance(minutes=5)
    await world.report("payments", Health.HEALTHY)
    await fire(world, dwell)
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_break_that_is_routed_fires_a_dwell_that_had_held_until_then(world: World) -> None:
    await armed(world)
    world.clock.advance(minutes=6)
    await world.report("payments", Health.HEALTHY)
    await world.settle()
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_dwell_fires_at_its_last_instant_itself(world: World) -> None:
    await stop_at_the_end(world, await armed(world))
    await world.settle()
    await world.firing()
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_break_at_the_last_instant_of_a_dwell_comes_too_late(world: World) -> None:
    await stop_at_the_end(world, await armed(world))
    await world.report("payments", Health.HEALTHY)
    await world.settle()
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_break_just_before_the_last_instant_of_a_dwell_comes_in_time(world: World) -> None:
    await stop_at_the_end(world, await armed(world), early=timedelta(milliseconds=1))
    await world.report("payments", Health.HEALTHY)
    await world.settle()
    assert await world.skips() == ["dwell_broken"]


@on_one_database
async def test_an_unfired_dwell_does_not_block_the_next(world: World) -> None:
    await armed(world)
    for health in (Health.HEALTHY, Health.DEGRADED):
        world.clock.advance(minutes=6)
        await world.report("payments", health)
    await world.settle()
    assert len(await world.enqueued(Workflow.DWELL)) == 2
    assert await world.skips() == []


@on_one_database
async def test_a_break_before_the_end_counts_however_late_the_check(world: World) -> None:
    dwell = await armed(world)
    world.clock.advance(minutes=4)
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(minutes=4)
    await fire(world, dwell)
    assert await world.skips() == ["dwell_broken"]


@on_one_database
async def test_a_dwell_counts_from_the_reporters_observation(world: World) -> None:
    await make_system(world.domain)
    await world.automation(NOTE, triggers=[{"event": "system.degraded", "for": "5m"}])
    seen = world.clock.moment - timedelta(minutes=4)
    await report_health(world.domain, "payments", Health.DEGRADED, observed_at=seen)
    await world.settle()
    world.clock.advance(seconds=59.999)
    assert await world.runs() == []
    world.clock.advance(seconds=0.001)
    await world.firing()
    assert (await world.only_run()).status is RunStatus.SUCCESS


async def test_an_outage_reported_late_fires_at_once_unless_over_in_time(world: World) -> None:
    await world.automation(NOTE, triggers=[{"event": "system.degraded", "for": "5m"}], mode="parallel")
    for key, minutes in (("payments", 2), ("search", 6)):
        await make_system(world.domain, key)
        seen = world.clock.moment - timedelta(minutes=8)
        await report_health(world.domain, key, Health.DEGRADED, observed_at=seen)
        well = seen + timedelta(minutes=minutes)
        await report_health(world.domain, key, Health.HEALTHY, observed_at=well)
    await world.settle()
    await world.firing()
    assert await world.skips() == ["dwell_broken"]
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_break_reported_late_counts_before_its_routing(world: World) -> None:
    await make_system(world.domain)
    await world.automation(NOTE, triggers=[{"event": "system.degraded", "for": "5m"}])
    seen = world.clock.moment - timedelta(minutes=8)
    await report_health(world.domain, "payments", Health.DEGRADED, observed_at=seen)
    await world.route()
    [dwell] = await world.enqueued(Workflow.DWELL)
    world.clock.advance(seconds=1)
    await report_health(world.domain, "payments", Health.HEALTHY, observed_at=seen + timedelta(minutes=2))
    await fire(world, dwell)
    assert await world.skips() == ["dwell_broken"]


async def test_a_break_that_is_being_committed_comes_before_the_run(world: World) -> None:
    dwell = await armed(world)
    world.clock.advance(minutes=4)
    reported, commit = asyncio.Event(), asyncio.Event()

    async def report(unit: UnitOfWork) -> None:
        command = ReportSystemHealth(system="payments", status=Health.HEALTHY)
        await world.domain.health.report_in(unit, command, origin=Origin())
        reported.set()
        await commit.wait()

    reporting = asyncio.create_task(inside(world.domain).database.write(report))
    await reported.wait()
    world.clock.advance(minutes=2)
    firing = asyncio.create_task(fire(world, dwell))
    # Time enough to start the run, were there nothing to wait for.
    await asyncio.wait([firing], timeout=0.3)
    commit.set()
    await asyncio.gather(reporting, firing)
    assert await world.skips() == ["dwell_broken"]
