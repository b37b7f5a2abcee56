"""Cancellation of runs, in any state."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from domain.automations.actions.registry import ActionContext, Result
from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Health
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_system

DONE = {"variables": {"done": True}}
LOG = {"action": "log", "config": {"message": "here"}}
WAITS: tuple[dict[str, Any], ...] = (
    {"wait_until": {"condition": "health.systems['payments'].status == 'healthy'"}},
    {"wait_for_trigger": {"event": "system.healthy"}},
    {"delay": {"seconds": 60}},
)


class Slow:
    """The action `log`, which lasts until a test ends it."""

    def __init__(self) -> None:
        self.begun, self.goes_on, self.calls = asyncio.Event(), asyncio.Event(), 0

    async def perform(self, config: Any, context: ActionContext) -> Result:
        self.calls += 1
        self.begun.set()
        await self.goes_on.wait()
        return Result(details={"said": config.message})


@contextmanager
def slow_log(world: World) -> Iterator[Slow]:
    """Make `log` slow in the world's catalog, and yield it."""
    actions, slow = world.domain.automations.catalog.actions._actions, Slow()
    actions["log"] = replace(actions["log"], perform=slow.perform)
    yield slow


async def cancel(world: World, run: AutomationRun) -> AutomationRun:
    return (await world.domain.automations.service.cancel_run(ADMIN, run.id)).value


@on_one_database
async def test_a_cancelled_wait_never_goes_on(world: World) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    run = await world.begun({"parallel": list(WAITS)}, DONE)
    places = [f"actions[0].parallel[{number}]" for number in range(len(WAITS))]
    await world.waiting(run, *places)
    cancelled = await cancel(world, run)
    assert await cancel(world, run) == cancelled
    await world.ended(run)
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(minutes=5)
    await world.crash()
    await world.run_enqueued()
    await world.ended(run)
    assert await world.run(run.id) == cancelled
    assert (cancelled.status, cancelled.message) == (RunStatus.CANCELLED, "Cancelled by hand.")
    assert set(await world.trace(run)) == set(places)


async def test_a_step_under_way_is_recorded_and_no_other_follows(world: World) -> None:
    with slow_log(world) as slow:
        run = await world.begun(LOG, LOG, DONE)
        await slow.begun.wait()
        await cancel(world, run)
        slow.goes_on.set()
        await world.ended(run)
    step = await world.step(run, "actions[0]")
    assert (step.status, step.output) == ("success", {"said": "here"})
    assert (list(await world.trace(run)), slow.calls) == (["actions[0]"], 1)
    assert (await world.run(run.id)).status is RunStatus.CANCELLED


async def test_a_run_cancelled_before_an_action_writes_has_no_effect(world: World) -> None:
    await make_system(world.domain)
    opened = {"title": "Down", "severity": "major", "systemIds": ["payments"]}
    with slow_log(world) as slow:
        run = await world.begun(LOG, {"id": "open", "action": "incident.create", "config": opened})
        await slow.begun.wait()
        await cancel(world, run)
        slow.goes_on.set()
        await world.ended(run)
    assert await world.incidents() == []


@on_one_database
async def test_a_step_that_takes_hours_is_not_resumed_elsewhere(world: World) -> None:
    with slow_log(world) as slow:
        run = await world.begun(LOG)
        await slow.begun.wait()
        world.clock.advance(hours=3)
        await world.run_enqueued()
        slow.goes_on.set()
        assert (await world.over(run)).status is RunStatus.SUCCESS
    assert slow.calls == 1


@on_one_database
@pytest.mark.parametrize("place", ["pause", "queue"])
async def test_a_cancelled_run_begins_no_step(world: World, place: str) -> None:
    if place == "pause":
        retry = {"attempts": 2, "delay_seconds": 60}
        run = await world.begun({"action": "incident.resolve", "config": {"incidentId": "inc_x"}, "retry": retry})
        await world.tried(run, "actions[0]", 2)
    else:
        automation = await world.automation(DONE)
        service = world.domain.automations.service
        found = (await service.run_by_hand(ADMIN, automation.id)).value
        assert found is not None
        run = found
    await cancel(world, run)
    world.clock.advance(minutes=2)
    await world.run_enqueued()
    await world.ended(run)
    assert (await world.run(run.id)).status is RunStatus.CANCELLED
    assert "success" not in (await world.trace(run)).values()
