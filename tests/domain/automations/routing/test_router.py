"""The router: each change reaches its listeners once, with its payload, up to the depth cap."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.automations.routing.router import firing_of
from domain.automations.services.automations import WriteAutomation
from domain.automations.services.system import DEPTH
from domain.ids import new_id
from domain.messaging.readers import DurableReader
from domain.model.actor import SYSTEM
from domain.model.automation import Automation, AutomationVersion, RunStatus
from domain.model.change import Change
from domain.model.commands import UpdateIncident
from domain.model.incident import Health, Status
from domain.persistence.unit_of_work import UnitOfWork
from tests.conftest import CountStatements
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status
from tests.inside import inside


def reader(world: World, name: str = "on_change:automations:incident") -> DurableReader:
    """Return a process's reader of the work queue of incidents."""
    domain = world.domain

    async def route(unit: UnitOfWork, change: Change) -> None:
        await domain.automations.router.route(unit, change)

    return DurableReader(
        name,
        kinds=["incident"],
        handler=route,
        database=inside(domain).database,
        tail=inside(domain).tail,
        clock=domain.clock,
    )


async def changes(world: World, kind: str = "incident") -> list[Change]:
    return [change for change in await log_of(world.domain) if change.kind == kind]


@on_one_database
async def test_a_change_starts_every_automation_that_listens_to_its_events(world: World) -> None:
    both = [{"event": "system.degraded"}, {"event": "system.health_changed"}]
    await world.automation(name="both", triggers=both, mode="parallel")
    await world.automation(name="one", triggers=both[1:])
    await world.automation(name="none", triggers=[{"event": "system.healthy"}])
    await make_system(world.domain)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    assert sorted(run.trigger_id for run in await world.runs(RunStatus.SUCCESS)) == [
        "system_degraded",
        "system_health_changed",
        "system_health_changed",
    ]


@on_one_database
async def test_a_comment_fires_nothing_and_a_title_is_no_update(world: World) -> None:
    await world.automation(triggers=[{"event": "incident.updated"}])
    incident = await make_incident(world.domain)
    await world.domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Another"))
    await world.settle()
    assert await world.runs() == []


@on_one_database
async def test_a_run_has_the_payload_actor_and_context_key_of_its_change(world: World) -> None:
    await world.automation()
    incident = await make_incident(world.domain)
    await world.settle()
    [change] = await changes(world)
    firing = (await world.only_run()).firing
    assert (firing.payload["incidentId"], firing.payload["title"]) == (incident.id, "Checkout fails")
    assert (firing.actor, firing.context_key, firing.change_id) == (ADMIN.actor, incident.id, change.id)


@on_one_database
async def test_a_kind_without_a_payload_mapper_has_the_change_as_payload(world: World) -> None:
    await make_incident(world.domain)
    [change] = await changes(world)
    bare = firing_of(_without_payload(change), "incident.created").payload
    assert (bare["kind"], bare["id"], bare["prev"]) == ("incident", change.entity_id, None)
    assert bare["status"] == "investigating"
    assert bare["changedFields"] == ["severity", "status", "system_ids"]


async def test_a_redelivered_change_starts_nothing(world: World) -> None:
    await world.automation(mode="parallel")
    await make_incident(world.domain)
    [change] = await changes(world)
    await asyncio.gather(
        *(
            inside(world.domain).database.write(lambda unit: world.domain.automations.router.route(unit, change))
            for _ in range(3)
        )
    )
    assert len(await world.runs()) == 1
    assert len(await world.enqueued()) == 1


async def test_two_changes_in_one_moment_are_two_runs(world: World) -> None:
    await world.automation(mode="parallel")
    await asyncio.gather(make_incident(world.domain), make_system(world.domain, "search"))
    await make_incident(world.domain)
    first, second = await changes(world)
    assert first.occurred_at == second.occurred_at
    await world.settle()
    assert {run.firing.key for run in await world.runs()} == {first.id, second.id}


async def test_two_processes_route_a_change_once(world: World) -> None:
    await world.automation(mode="parallel")
    one, other = reader(world), reader(world)
    await one.register(after=0)
    for _ in range(5):
        await make_incident(world.domain)
    await asyncio.gather(one.run_pending(), other.run_pending())
    await one.run_pending()
    assert len(await world.runs()) == 5


@on_one_database
async def test_a_deleted_automation_is_not_triggered(world: World) -> None:
    automation = await world.automation()
    await make_incident(world.domain)
    await world.domain.automations.service.delete(ADMIN, automation.id)
    await world.settle()
    assert await world.runs() == []


@on_one_database
async def test_an_automation_disabled_before_the_routing_does_not_run(world: World) -> None:
    automation = await world.automation()
    await make_incident(world.domain)
    await world.domain.automations.service.update(ADMIN, automation.id, WriteAutomation(enabled=False))
    await world.settle()
    assert await world.runs() == []


@on_one_database
async def test_a_gate_on_an_undefined_path_is_closed_and_names_the_path(world: World) -> None:
    gone, deeper = "trigger.payload.previous.absent == 'x'", "trigger.payload.previous.absent.deeper > 3"
    for name, gates in (
        ("a", {"filter": gone}),
        ("b", {"filter": deeper}),
        (
            "c",
            {"conditions": [{"or": [gone, {"numeric_state": {"value": "health.systems['nope'].status", "above": 1}}]}]},
        ),
    ):
        trigger = {"event": "incident.updated", **({"filter": gates["filter"]} if "filter" in gates else {})}
        await world.automation(name=name, triggers=[trigger], conditions=gates.get("conditions", []))
    await set_status(world.domain, await make_incident(world.domain), Status.FIXING)
    await world.settle()
    absent = "trigger.payload.previous.absent is not defined."
    skipped = [(str(run.reason), run.message) for run in await world.runs(RunStatus.SKIPPED)]
    assert skipped == [
        ("filter", absent),
        ("filter", absent),
        ("condition", f"{absent} health.systems.nope is not defined."),
    ]


@on_one_database
async def test_a_gate_that_does_not_hold_has_no_message(world: World) -> None:
    await world.automation(triggers=[{"event": "incident.created", "filter": "trigger.payload.severity == 'minor'"}])
    await make_incident(world.domain)
    await world.settle()
    assert [run.message for run in await world.runs(RunStatus.SKIPPED)] == [None]


@on_one_database
async def test_two_automations_that_trigger_each_other_stop_at_the_depth_cap(world: World) -> None:
    for name, here, there in (("to", "identified", "monitoring"), ("fro", "monitoring", "identified")):
        move = {"incidentId": "{{ trigger.payload.incidentId }}", "message": "ping", "statusChange": there}
        await world.automation(
            {"action": "incident.add_update", "config": move},
            name=name,
            triggers=[{"event": "incident.updated", "filter": f"trigger.payload.status == '{here}'"}],
            mode="parallel",
        )
    incident = await make_incident(world.domain)
    await set_status(world.domain, incident, Status.IDENTIFIED)
    await world.settle()
    ran = await world.runs(RunStatus.SUCCESS)
    assert [run.firing.depth for run in ran] == list(range(DEPTH + 1))
    stopped = [run for run in await world.runs(RunStatus.SKIPPED) if run.reason == "depth"]
    assert {run.firing.depth for run in stopped} == {DEPTH + 1}
    assert {run.message for run in stopped} == {f"The chain of causes is longer than {DEPTH}."}


@on_one_database
async def test_a_chain_keeps_its_depth_through_waits_and_dwells(world: World) -> None:
    create = {
        "id": "more",
        "action": "incident.create",
        "config": {"title": "More", "severity": "minor", "systemIds": ["{{ trigger.payload.systemIds[0] }}"]},
    }
    trigger = {"event": "incident.created", "for": {"minutes": 1}}
    await world.automation({"delay": {"seconds": 30}}, create, triggers=[trigger], mode="parallel")
    await make_incident(world.domain)
    for _ in range(2):
        await world.settle()
        world.clock.advance(minutes=1)
        await world.firing()
        world.clock.advance(seconds=30)
        for run in await world.runs():
            await world.until(run, RunStatus.SUCCESS)
    await world.settle()
    assert [run.firing.depth for run in await world.runs()] == [0, 1]


@on_one_database
async def test_routing_does_not_read_automations_of_other_events(
    world: World, count_statements: CountStatements
) -> None:
    await world.automation(name="listens", mode="parallel")
    counts = []
    for others in (1, 199):
        document = {"triggers": [{"event": "system.healthy"}]}
        await _insert_many(world, others, document)
        await make_incident(world.domain)
        change = (await changes(world))[-1]
        with count_statements() as sent:
            await inside(world.domain).database.write(lambda unit, change=change: _route(world, unit, change))  # type: ignore[misc]
        counts.append(len(sent))
    assert counts[0] == counts[1]


async def _route(world: World, unit: UnitOfWork, change: Change) -> None:
    await world.domain.automations.router.route(unit, change)


async def _insert_many(world: World, count: int, document: Mapping[str, Any]) -> None:
    """Add that many automations in one transaction, which is quicker than by the service."""

    async def work(unit: UnitOfWork) -> None:
        now = unit.moment()
        for _ in range(count):
            identifier = new_id("aut")
            automation = Automation(
                id=identifier,
                name=identifier,
                description=None,
                group=None,
                enabled=True,
                number=1,
                definition=document,
                managed_by=None,
                created_at=now,
                updated_at=now,
            )
            version = AutomationVersion(
                automation_id=identifier, number=1, definition=document, created_at=now, created_by=SYSTEM
            )
            await unit.automations.insert(automation, version)
            await unit.automations.set_triggers(identifier, [("t", "system.healthy", None)], head=0)

    await inside(world.domain).database.write(work)


def _without_payload(change: Change) -> Change:
    return replace(change, payload=None)


@pytest.mark.parametrize("dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_an_automation_deleted_during_routing_stops_no_other(world: World) -> None:
    doomed, other = await world.automation(), await world.automation()
    await make_system(world.domain)
    await make_incident(world.domain)
    [change] = await changes(world)

    async def route(unit: UnitOfWork) -> None:
        listening = unit.automations.listening

        async def deleted_after(*arguments: Any, **options: Any) -> list[tuple[str, str]]:
            found = await listening(*arguments, **options)
            await world.domain.automations.service.delete(ADMIN, doomed.id)
            return found

        unit.automations.listening = deleted_after  # type: ignore[method-assign]
        await world.domain.automations.router.route(unit, change)

    await inside(world.domain).database.write(route)
    assert {run.automation_id for run in await world.runs()} == {other.id}
