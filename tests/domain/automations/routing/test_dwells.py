"""Dwells: the state that fired a trigger has to hold for the trigger's time without a break."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from domain.automations.engine.adapter import Workflow
from domain.automations.services.automations import WriteAutomation
from domain.model.automation import Automation, Dwell, RunStatus
from domain.model.commands import UpdateIncident
from domain.model.incident import Health, Status
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status
from tests.inside import inside

NOTE = {"variables": {"held": True}}


async def sustained(world: World, **fields: Any) -> Automation:
    """Add an automation that runs once a system was degraded for half an hour."""
    trigger = {"event": "system.degraded", "for": {"minutes": 30}, **(fields.pop("trigger", None) or {})}
    if not await world.domain.reads.system_ids(["payments"]):
        await make_system(world.domain)
    return await world.automation(NOTE, triggers=[trigger], **fields)


async def report(world: World, health: Health, *, after: float = 0, system: str = "payments") -> None:
    """Report a health after that many minutes, and route it."""
    world.clock.advance(minutes=after)
    await world.report(system, health)
    await world.settle()


async def fire(world: World, *, after: float = 0) -> None:
    """Let minutes pass, and fire the dwells that are over."""
    world.clock.advance(minutes=after)
    await world.firing()


async def dwells(world: World, automation: Automation) -> list[Dwell]:
    return await inside(world.domain).database.read(lambda session: session.dwells.of_automation(automation.id))


@on_one_database
async def test_a_dwell_is_armed_with_the_state_of_its_firing(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    [dwell] = await dwells(world, automation)
    assert dwell.state == {"status": "degraded"}
    assert (dwell.fire_at - dwell.armed_at).total_seconds() == 1800
    assert await world.runs() == []
    assert await world.enqueued(Workflow.DWELL) == [dwell.id]


@on_one_database
async def test_a_dwell_fires_once_its_state_held_for_long_enough(world: World) -> None:
    await sustained(world)
    await report(world, Health.DEGRADED)
    await fire(world, after=29)
    assert await world.runs() == []
    await fire(world, after=1)
    run = await world.only_run()
    assert (run.status, run.firing.event) == (RunStatus.SUCCESS, "system.degraded")
    assert run.firing.payload["newStatus"] == "degraded"


@on_one_database
async def test_a_dwell_that_is_armed_again_keeps_its_deadline(world: World) -> None:
    trigger = {"id": "changed", "event": "incident.updated", "for": {"minutes": 30}}
    automation = await world.automation(NOTE, triggers=[trigger])
    incident = await make_incident(world.domain)
    first = await set_status(world.domain, incident, Status.IDENTIFIED)
    await world.settle()
    [armed] = await dwells(world, automation)
    world.clock.advance(minutes=10)
    await make_system(world.domain, "search")
    await world.domain.incidents.update(ADMIN, UpdateIncident(id=first.id, systems=["payments", "search"]))
    await world.settle()
    assert await dwells(world, automation) == [armed]
    assert await world.skips() == ["dwell_armed"]
    await fire(world, after=20)
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
async def test_a_recovery_breaks_a_dwell_and_is_recorded(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    await report(world, Health.HEALTHY, after=10)
    assert await dwells(world, automation) == []
    assert await world.skips() == ["dwell_broken"]
    await fire(world, after=60)
    assert await world.runs(RunStatus.SUCCESS) == []


@on_one_database
async def test_a_system_that_recovered_has_to_stay_degraded_again(world: World) -> None:
    await sustained(world)
    await report(world, Health.DEGRADED)
    await report(world, Health.HEALTHY, after=10)
    await report(world, Health.DEGRADED, after=10)
    await fire(world, after=29)
    assert await world.runs(RunStatus.SUCCESS) == []
    await fire(world, after=1)
    assert len(await world.runs(RunStatus.SUCCESS)) == 1


@on_one_database
async def test_a_break_that_is_not_routed_yet_counts(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    [dwell] = await dwells(world, automation)
    world.clock.advance(minutes=10)
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(minutes=1)
    await world.report("payments", Health.DEGRADED)
    world.clock.advance(minutes=30)
    await inside(world.domain).database.write(lambda unit: world.domain.automations.dwells.fire(unit, dwell.id))
    assert await world.skips() == ["dwell_broken"]


@on_one_database
async def test_a_worse_status_does_not_break_a_dwell(world: World) -> None:
    await sustained(world)
    await report(world, Health.DEGRADED)
    await report(world, Health.UNHEALTHY, after=10)
    await fire(world, after=20)
    assert (await world.only_run()).status is RunStatus.SUCCESS


@on_one_database
@pytest.mark.parametrize("event", ["system.health_changed", "system.healthy"])
async def test_another_status_breaks_the_dwell_of_a_status(world: World, event: str) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.route()
    await world.automation(NOTE, triggers=[{"event": event, "for": {"minutes": 5}}])
    await report(world, Health.HEALTHY)
    await report(world, Health.DEGRADED, after=1)
    assert "dwell_broken" in await world.skips()


@on_one_database
async def test_an_incident_that_is_resolved_or_deleted_breaks_a_dwell(world: World) -> None:
    trigger = {"event": "incident.created", "for": {"minutes": 5}}
    automation = await world.automation(NOTE, triggers=[trigger])
    resolved, deleted, kept = [await make_incident(world.domain) for _ in range(3)]
    await set_status(world.domain, resolved, Status.RESOLVED)
    await world.domain.incidents.delete(ADMIN, deleted.id)
    await set_status(world.domain, kept, Status.MONITORING)
    await world.settle()
    assert [dwell.firing.entity_id for dwell in await dwells(world, automation)] == [kept.id]
    assert await world.skips() == ["dwell_broken", "dwell_broken"]


@on_one_database
async def test_a_dwell_of_a_disabled_automation_is_dropped_with_a_row(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    await world.domain.automations.service.update(ADMIN, automation.id, WriteAutomation(enabled=False))
    await fire(world, after=30)
    assert await dwells(world, automation) == []
    assert await world.skips() == ["disabled"]


@on_one_database
async def test_a_dwell_whose_trigger_is_gone_is_dropped_with_a_row(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    other = {"triggers": [{"id": "system_degraded", "event": "system.healthy"}], "actions": [NOTE]}
    await world.domain.automations.service.update(ADMIN, automation.id, WriteAutomation(definition=other))
    await fire(world, after=30)
    assert await world.skips() == ["disabled"]


async def test_a_dwell_of_a_deleted_automation_ends_without_a_trace(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    [dwell] = await dwells(world, automation)
    await world.domain.automations.service.delete(ADMIN, automation.id)
    await inside(world.domain).database.write(lambda unit: world.domain.automations.dwells.fire(unit, dwell.id))
    assert await world.runs() == []


async def test_two_processes_that_fire_one_dwell_start_one_run(world: World) -> None:
    automation = await sustained(world)
    await report(world, Health.DEGRADED)
    [dwell] = await dwells(world, automation)
    world.clock.advance(minutes=30)
    fired = world.domain.automations.dwells.fire
    await asyncio.gather(*(inside(world.domain).database.write(lambda unit: fired(unit, dwell.id)) for _ in range(4)))
    assert [run.status for run in await world.runs()] == [RunStatus.PENDING]


@on_one_database
async def test_conditions_are_checked_when_a_dwell_fires(world: World) -> None:
    await sustained(world, conditions=["health.system.status == 'unhealthy'"])
    await report(world, Health.DEGRADED)
    await fire(world, after=30)
    assert await world.skips() == ["condition"]
    await report(world, Health.HEALTHY)
    await report(world, Health.DEGRADED)
    await report(world, Health.UNHEALTHY, after=29)
    await fire(world, after=1)
    assert len(await world.runs(RunStatus.SUCCESS)) == 1


@on_one_database
async def test_the_filter_of_a_dwell_is_checked_at_arming(world: World) -> None:
    automation = await sustained(world, trigger={"filter": "trigger.payload.newStatus == 'unhealthy'"})
    await report(world, Health.DEGRADED)
    assert await dwells(world, automation) == []
    assert await world.skips() == ["filter"]


@on_one_database
async def test_a_duration_may_be_a_template(world: World) -> None:
    template = {"template": "{{ 600 if trigger.payload.newStatus == 'unhealthy' else 60 }}"}
    automation = await sustained(world, trigger={"for": template})
    await report(world, Health.UNHEALTHY)
    [dwell] = await dwells(world, automation)
    assert (dwell.fire_at - dwell.armed_at).total_seconds() == 600


@on_one_database
async def test_a_dwell_without_a_valid_duration_is_recorded_as_an_error(world: World) -> None:
    await sustained(world, trigger={"for": {"template": "{{ trigger.payload.systemKey }}"}})
    await report(world, Health.UNHEALTHY)
    [run] = await world.runs()
    assert (run.status, run.reason) == (RunStatus.SKIPPED, "error")
    assert (run.message or "").startswith("for: ")


@on_one_database
async def test_each_system_has_a_dwell_of_its_own(world: World) -> None:
    automation = await sustained(world)
    await make_system(world.domain, "search")
    await report(world, Health.DEGRADED)
    await report(world, Health.DEGRADED, system="search", after=10)
    assert len(await dwells(world, automation)) == 2
    await fire(world, after=20)
    assert [run.firing.payload["systemKey"] for run in await world.runs()] == ["payments"]


async def test_a_trigger_without_a_context_key_has_one_dwell(world: World) -> None:
    automation = await sustained(world)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    [armed] = await dwells(world, automation)
    nothing = replace(armed, firing=replace(armed.firing, context_key=None))
    for number, written in ((1, True), (2, False)):
        dwell = replace(nothing, id=f"dwl_{number}")
        armed_anew = await inside(world.domain).database.write(partial(_arm, dwell=dwell))
        assert armed_anew.value is written


async def test_a_redelivered_change_does_not_block_the_run_of_its_dwell(world: World) -> None:
    await sustained(world)
    await world.report("payments", Health.DEGRADED)
    [change] = [change for change in await log_of(world.domain) if change.kind == "health"]
    for _ in range(2):
        await inside(world.domain).database.write(lambda unit: world.domain.automations.router.route(unit, change))
    await world.run_enqueued()
    await fire(world, after=30)
    assert (await world.only_run()).status is RunStatus.SUCCESS
    assert await world.skips() == []


@on_one_database
async def test_a_dwell_counts_from_the_change_not_from_its_routing(world: World) -> None:
    automation = await sustained(world)
    await world.report("payments", Health.DEGRADED)
    world.clock.advance(minutes=20)
    await world.settle()
    [dwell] = await dwells(world, automation)
    assert (dwell.fire_at - world.clock.moment).total_seconds() == 600


async def _arm(unit: UnitOfWork, *, dwell: Dwell) -> bool:
    return await unit.dwells.arm(dwell)
