"""New outages: no wait on a finished incident blocks their runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from domain.automations.definitions.templates import definition_from
from domain.automations.services.automations import WriteAutomation
from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Health, Incident, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_system, set_status

OPEN: dict[str, Any] = {
    "id": "open",
    "action": "incident.create",
    "config": {
        "title": "{{ trigger.payload.systemName }} is unhealthy",
        "severity": "critical",
        "systemIds": ["{{ trigger.payload.systemId }}"],
        "dedupeOpenForSystem": True,
        "takeOver": True,
    },
}
RESOLVE = {"action": "incident.resolve", "config": {"message": "It is well again."}}
AFTERWARDS = {"id": "afterwards", "action": "log", "config": {"message": "Well again."}}
OWN = "state.incident[artifacts.open.incident.incidentId]"
UNTIL_HEALTHY = "health.system.status == 'healthy'"
DEGRADED = [{"event": "system.degraded"}]


def until(condition: Any, **options: Any) -> dict[str, Any]:
    return {"wait_until": {"condition": condition, **options}}


FOR_EVENT = {"wait_for_trigger": {"event": "system.healthy"}}
FOR_CONDITION = {"sequence": [{"choose": [{"when": "1 == 1", "sequence": [until(UNTIL_HEALTHY)]}]}]}


async def waiting(world: World, *steps: Mapping[str, Any], **options: Any) -> tuple[AutomationRun, Incident]:
    """Return a run that opened an incident for `payments`, and waits."""
    await world.automation(OPEN, *steps, triggers=DEGRADED, **options)
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    run = await world.until(await world.only_run(), RunStatus.WAITING)
    [incident] = await world.incidents()
    return run, incident


async def fail_again(world: World) -> None:
    await world.report("payments", Health.HEALTHY)
    await world.report("payments", Health.UNHEALTHY)


async def ended(world: World, run: AutomationRun, path: str = "actions[1]") -> Any:
    run = await world.over(run)
    assert run.status is RunStatus.SUCCESS
    assert run.message is not None
    return (await world.step(run, path)).output


@on_one_database
async def test_after_a_manual_resolution_sustained_opens_another_incident(world: World) -> None:
    definition = dict(definition_from("sustained", {"degradedSeconds": 60, "healthySeconds": 600}))
    await world.automation(*definition.pop("actions"), **definition)
    await make_system(world.domain)
    for resolved in range(2):
        await world.report("payments", Health.DEGRADED)
        await world.settle()
        world.clock.advance(seconds=60)
        await world.firing()
        incidents = [incident for incident in await world.incidents() if incident.is_open]
        assert (len(incidents), len(await world.incidents())) == (1, resolved + 1)
        await world.domain.incidents.resolve(ADMIN, incidents[0].id, message="Mended by hand.")
        await world.report("payments", Health.HEALTHY)
        await world.settle()
    assert "already_running" not in await world.skips()
    runs = [run for run in await world.runs() if run.status is not RunStatus.SKIPPED]
    assert [await ended(world, run) for run in runs] == [
        {"ended": "incident_resolved", "incidentId": incident.id} for incident in await world.incidents()
    ]


@on_one_database
async def test_after_a_manual_resolution_flapping_opens_another_incident(world: World) -> None:
    definition = dict(definition_from("flapping", {"transitions": 3, "withinMinutes": 60}))
    await world.automation(*definition.pop("actions"), **definition)
    await make_system(world.domain)
    for _ in range(4):
        await fail_again(world)
    await world.settle()
    [incident] = await world.incidents()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    for opened in (1, 1, 2, 2):
        await fail_again(world)
        await world.settle()
        assert len(await world.incidents()) == opened


@pytest.mark.parametrize("crashed", [False, True], ids=["alive", "killed meanwhile"])
@pytest.mark.parametrize(
    ("dialect", "wait"),
    [
        pytest.param("sqlite", FOR_EVENT, id="sqlite-event"),
        pytest.param("sqlite", FOR_CONDITION, id="sqlite-condition"),
        pytest.param("postgresql", FOR_EVENT, id="postgresql-event", marks=pytest.mark.postgres),
    ],
)
async def test_an_outage_right_after_the_resolution_starts_a_run(
    world: World, wait: dict[str, Any], crashed: bool
) -> None:
    run, incident = await waiting(world, wait, RESOLVE, AFTERWARDS)
    if crashed:
        await world.crash()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await fail_again(world)
    # Routed before the worker of the run checks its wait.
    await world.route()
    first, second = (found for found in await world.runs() if found.status is not RunStatus.SKIPPED)
    assert (first.id, first.status) == (run.id, RunStatus.SUCCESS)
    await world.settle()
    assert [found.status for found in await world.incidents()] == [Status.RESOLVED, Status.INVESTIGATING]
    await world.until(second, RunStatus.WAITING)
    assert "actions[2]" not in await world.trace(first)
    assert await world.messages() == ["Incident resolved"]


ENDS = {
    "health": until(UNTIL_HEALTHY),
    "health, no timeout": until(UNTIL_HEALTHY, timeout_seconds=3600),
    "status": until(f"{OWN}.status == 'monitoring'"),
    "status and health": until({"and": [UNTIL_HEALTHY, f"{OWN}.status != 'resolved'"]}),
    "event": FOR_EVENT,
    "event of the incident": {
        "wait_for_trigger": {
            "event": "incident.updated",
            "context_key": "{{ artifacts.open.incident.incidentId }}",
        }
    },
    "parallel": {"parallel": [{"sequence": [until(UNTIL_HEALTHY), AFTERWARDS]}]},
}


async def all_waiting(world: World, steps: Mapping[str, Sequence[Any]]) -> dict[str, tuple[AutomationRun, str]]:
    """Return for each case a run that waits, and the incident that it opened."""
    for name, following in steps.items():
        opening = {**OPEN, "config": {**OPEN["config"], "title": name, "dedupeOpenForSystem": False}}
        await world.automation(opening, *following, triggers=DEGRADED, name=name)
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    opened = {incident.title: incident.id for incident in await world.incidents()}
    runs = {str(artifact): run for run in await world.runs() for artifact in await world.opened(run)}
    return {name: (await world.until(runs[opened[name]], RunStatus.WAITING), opened[name]) for name in steps}


@pytest.mark.parametrize("how", ["resolved", "deleted"])
@on_one_database
async def test_a_wait_on_an_incident_ends_with_the_incident(world: World, how: str) -> None:
    runs = await all_waiting(world, {name: [wait] for name, wait in ENDS.items()})
    for case, (run, incident_id) in runs.items():
        change = world.domain.incidents.resolve if how == "resolved" else world.domain.incidents.delete
        await change(ADMIN, incident_id)
        path = "actions[1].parallel[0].sequence[0]" if case == "parallel" else "actions[1]"
        over = await world.over(run)
        assert (await world.step(run, path)).output == {"ended": f"incident_{how}", "incidentId": incident_id}, case
        message = f"The incident was {how} before what the run waited for came about."
        assert (over.status, over.message) == (RunStatus.SUCCESS, None if case == "parallel" else message), case
        assert not any("sequence[1]" in path for path in await world.trace(run)), case


STAYS = {
    "for some time": until(f"{OWN}.status == 'resolved' and ({OWN}.resolvedAt | older_than(600))"),
    "and healthy": until({"and": [f"{OWN}.status == 'resolved'", UNTIL_HEALTHY]}),
    "a delay": {"delay": {"seconds": 600}},
}


@on_one_database
async def test_a_wait_for_more_than_the_resolution_goes_on(world: World) -> None:
    runs = await all_waiting(world, {name: [wait, AFTERWARDS] for name, wait in STAYS.items()})
    for _, incident_id in runs.values():
        await world.domain.incidents.resolve(ADMIN, incident_id)
    await world.settle()
    assert {(await world.run(run.id)).status for run, _ in runs.values()} == {RunStatus.WAITING}
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(seconds=600)
    for case, (run, _) in runs.items():
        assert (await world.over(run)).message is None, case
        assert (await world.trace(run))["actions[2]"] == "success", case


@pytest.mark.parametrize(
    "known",
    [
        until(f"{OWN}.status == 'resolved'"),
        {"wait_for_trigger": {"event": "incident.resolved", "context_key": "{{ artifacts.open.incident.incidentId }}"}},
    ],
    ids=["condition", "event"],
)
@on_one_database
async def test_a_wait_that_begins_after_the_resolution_goes_on(world: World, known: dict[str, Any]) -> None:
    run, incident = await waiting(world, known, until(UNTIL_HEALTHY), AFTERWARDS)
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.waiting(run, "actions[2]")
    await world.crash()
    await world.settle()
    await world.waiting(run, "actions[2]")
    await world.report("payments", Health.HEALTHY)
    assert (await world.over(run)).message is None
    assert (await world.trace(run))["actions[3]"] == "success"


@on_one_database
async def test_a_run_that_resolved_its_incident_itself_waits_on(world: World) -> None:
    run, _ = await waiting(world, RESOLVE, until(UNTIL_HEALTHY), AFTERWARDS)
    await world.waiting(run, "actions[2]")
    await world.report("payments", Health.HEALTHY)
    assert (await world.over(run)).message is None
    assert (await world.trace(run))["actions[3]"] == "success"


@on_one_database
async def test_a_recovery_and_a_resolution_at_once_count_as_resolved(world: World) -> None:
    run, incident = await waiting(world, until(UNTIL_HEALTHY), RESOLVE)
    await world.crash()
    await world.report("payments", Health.HEALTHY)
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.settle()
    assert (await ended(world, run))["ended"] == "incident_resolved"
    assert await world.messages() == ["Incident resolved"]


@on_one_database
async def test_an_event_that_came_before_the_resolution_counts(world: World) -> None:
    run, incident = await waiting(world, {"wait_for_trigger": {"event": "system.healthy"}}, AFTERWARDS)
    await world.crash()
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(seconds=1)
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await world.settle()
    assert (await world.over(run)).message is None
    assert (await world.step(run, "actions[1]")).output["incidentResolved"] is True


@on_one_database
async def test_a_wait_on_an_incident_reopened_before_the_check_goes_on(world: World) -> None:
    run, incident = await waiting(world, until(UNTIL_HEALTHY), RESOLVE)
    await world.crash()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await set_status(world.domain, incident, Status.FIXING)
    await world.settle()
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await world.report("payments", Health.HEALTHY)
    await world.over(run)
    assert [found.status for found in await world.incidents()] == [Status.RESOLVED]


@pytest.mark.parametrize("case", ["health", "event"])
@on_one_database
async def test_a_wait_ends_with_the_system_that_its_condition_reads(world: World, case: str) -> None:
    run, incident = await waiting(world, ENDS[case], RESOLVE)
    await world.domain.systems.delete(ADMIN, "payments")
    assert (await ended(world, run)) == {"ended": "system_deleted", "incidentId": incident.id}
    assert [found.status for found in await world.incidents()] == [Status.INVESTIGATING]


@on_one_database
async def test_a_run_without_an_incident_ends_with_its_own_system_alone(world: World) -> None:
    await world.automation(until(UNTIL_HEALTHY), triggers=DEGRADED)
    for key in ("payments", "search"):
        await make_system(world.domain, key)
    await world.report("payments", Health.DEGRADED)
    await world.settle()
    run = await world.only_run()
    await world.domain.systems.delete(ADMIN, "search")
    await world.settle()
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await world.domain.systems.delete(ADMIN, "payments")
    assert (await ended(world, run, "actions[0]")) == {"ended": "system_deleted"}


@on_one_database
async def test_a_branch_that_has_more_to_do_keeps_its_run_active(world: World) -> None:
    branches = [{"sequence": [until(UNTIL_HEALTHY)]}, {"delay": {"seconds": 60}}]
    run, incident = await waiting(world, {"parallel": branches})
    await world.crash()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await fail_again(world)
    await world.route()
    assert (await world.run(run.id)).status is RunStatus.WAITING
    assert (await world.skips())[-1] == "already_running"


@on_one_database
@pytest.mark.parametrize("mode", [{"mode": "queued", "max_runs": 1}, {"mode": "parallel", "max_runs": 1}], ids=str)
async def test_runs_that_wait_on_a_finished_incident_block_no_others(world: World, mode: dict[str, Any]) -> None:
    run, incident = await waiting(world, until(UNTIL_HEALTHY), RESOLVE, **mode)
    if mode["mode"] == "queued":
        await fail_again(world)
        await world.settle()
    await world.crash()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await fail_again(world)
    await world.route()
    assert await world.skips() == []
    runs = await world.runs()
    assert (await world.run(run.id)).status is RunStatus.SUCCESS
    # The next run in the queue begins, and no other.
    assert await world.enqueued() == [run.id, runs[1].id]
    await world.settle()
    assert [found.status for found in await world.incidents()] == [Status.RESOLVED, Status.INVESTIGATING]


@on_one_database
async def test_a_former_queue_starts_its_next_run_when_one_is_released(world: World) -> None:
    run, incident = await waiting(world, until(UNTIL_HEALTHY), mode="queued")
    await fail_again(world)
    await world.settle()
    await world.crash()
    automation_id, definition = run.automation_id, {"triggers": DEGRADED, "actions": [OPEN], "mode": "single"}
    await world.domain.automations.service.update(ADMIN, automation_id, WriteAutomation(definition=definition))
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await fail_again(world)
    await world.route()
    assert (await world.runs())[1].id in await world.enqueued()


@on_one_database
async def test_an_outage_does_not_end_a_wait_on_a_reopened_incident(world: World) -> None:
    run, incident = await waiting(world, until(UNTIL_HEALTHY), RESOLVE)
    await world.crash()
    await world.domain.incidents.resolve(ADMIN, incident.id)
    await set_status(world.domain, incident, Status.FIXING)
    await fail_again(world)
    await world.settle()
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await world.report("payments", Health.HEALTHY)
    await world.over(run)
    assert [found.status for found in await world.incidents()] == [Status.RESOLVED]


@on_one_database
async def test_a_wait_for_another_systems_event_ends_with_that_system(world: World) -> None:
    await make_system(world.domain, "search")
    await world.report("search", Health.DEGRADED)
    wanted = {"event": "system.healthy", "context_key": "search"}
    run, _ = await waiting(world, {"wait_for_trigger": wanted})
    await world.domain.systems.delete(ADMIN, "search")
    assert (await ended(world, run))["ended"] == "system_deleted"
