"""The ready-made reminder: it reminds while nobody has acknowledged an incident, and not while that is snoozed."""

from datetime import timedelta
from typing import Any

import pytest

from domain.automations.definitions.templates import definition_from
from domain.automations.validation import problems_of
from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Incident, Severity, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system, set_status

ROUND = "actions[0].repeat[{}].sequence"
FIRST, SNOOZE = f"{ROUND}[0].then[0]", f"{ROUND}[1]"
NEXT = f"{ROUND}[0].else[0]"


async def _begun(world: World, incident: Incident | None = None, **parameters: Any) -> tuple[AutomationRun, Incident]:
    """Install the template and open an incident; return its run once it waits for the first time."""
    definition = dict(definition_from("unacknowledged", parameters))
    await world.automation(*definition.pop("actions"), **definition)
    opened = incident or await make_incident(world.domain, severity=Severity.MINOR)
    await world.settle()
    run = await world.only_run()
    await world.waiting(run, FIRST.format(0))
    return run, opened


async def _reminders(world: World, incident: Incident, audience: Audience = Audience.MANAGER) -> list[str]:
    page = (await world.domain.reads.update_pages([incident.id], PageRequest(size=50), audience))[incident.id]
    return [entry.message for entry in reversed(page.items) if "acknowledged" in entry.message]


@pytest.mark.parametrize("remind", ["update", "severity", "log"])
def test_each_way_to_remind_is_valid_for_all_and_for_some_systems(world: World, remind: str) -> None:
    for parameters in ({}, {"systemIds": ["sys_a", 'sys_"b'], "atLeast": "major", "times": 1}):
        definition = definition_from("unacknowledged", {"remind": remind, **parameters})
        problems = problems_of(definition, world.domain.automations.catalog)
        assert [problem for problem in problems if problem.severity == "error"] == []


async def test_an_incident_is_brought_to_mind_until_its_reminders_are_used_up(world: World) -> None:
    run, incident = await _begun(world, afterMinutes=10, everyMinutes=20, times=2)
    world.clock.advance(minutes=9, seconds=59)
    assert (await _reminders(world, incident), (await world.run(run.id)).status) == ([], RunStatus.WAITING)
    world.clock.advance(seconds=1)
    await world.waiting(run, NEXT.format(1))
    reference = incident.reference
    first = f"Nobody has acknowledged {reference} for 10 minutes or more: reminder 1 of 2."
    assert await _reminders(world, incident) == [first]
    assert await _reminders(world, incident, Audience.PUBLIC) == []
    world.clock.advance(minutes=20)
    await world.until(run, RunStatus.SUCCESS)
    assert await _reminders(world, incident) == [first, first.replace("1 of", "2 of")]


@on_one_database
@pytest.mark.parametrize("end", ["acknowledge", "resolve", "delete"])
async def test_reminders_end_with_what_they_ask_for(world: World, end: str) -> None:
    run, incident = await _begun(world, afterMinutes=10, everyMinutes=20)
    world.clock.advance(minutes=10)
    await world.waiting(run, NEXT.format(1))
    if end == "acknowledge":
        await world.domain.responders.acknowledge(ADMIN, incident.id)
    elif end == "resolve":
        await set_status(world.domain, incident, Status.RESOLVED)
    else:
        await world.domain.incidents.delete(ADMIN, incident.id)
    await world.settle()
    assert (await world.over(run)).status is RunStatus.SUCCESS
    expected = [] if end == "delete" else ["reminder 1 of 5."]
    assert [text[-len("reminder 1 of 5.") :] for text in await _reminders(world, incident)] == expected


@on_one_database
async def test_no_reminder_comes_while_an_incident_is_snoozed(world: World) -> None:
    run, incident = await _begun(world, afterMinutes=10, everyMinutes=20)
    await world.domain.responders.snooze(ADMIN, incident.id, world.domain.clock.now() + timedelta(hours=2))
    await world.settle()
    world.clock.advance(minutes=10)
    await world.waiting(run, SNOOZE.format(0))
    world.clock.advance(minutes=100)
    await world.settle()
    assert await _reminders(world, incident) == []
    world.clock.advance(minutes=10, seconds=1)
    await world.waiting(run, NEXT.format(1))
    assert len(await _reminders(world, incident)) == 1


@on_one_database
async def test_a_reminder_may_raise_the_severity_step_by_step(world: World) -> None:
    run, incident = await _begun(world, afterMinutes=10, everyMinutes=20, times=3, remind="severity")
    severities = []
    for number in range(3):
        world.clock.advance(minutes=20)
        if number < 2:
            await world.waiting(run, NEXT.format(number + 1))
        else:
            await world.until(run, RunStatus.SUCCESS)
        severities.append((await world.domain.reads.incidents([incident.id]))[incident.id].severity)
    assert severities == [Severity.MAJOR, Severity.CRITICAL, Severity.CRITICAL]
    await world.settle()
    assert (await world.only_run()).id == run.id


@on_one_database
async def test_a_reopened_incident_is_reminded_of_anew(world: World) -> None:
    run, incident = await _begun(world, afterMinutes=10, times=1)
    await set_status(world.domain, incident, Status.RESOLVED)
    await world.settle()
    await world.over(run)
    await set_status(world.domain, incident, Status.FIXING)
    await world.settle()
    again = (await world.runs(RunStatus.WAITING))[0]
    await world.waiting(again, FIRST.format(0))
    world.clock.advance(minutes=10)
    await world.until(again, RunStatus.SUCCESS)
    assert len(await _reminders(world, incident)) == 1


@on_one_database
async def test_only_what_it_is_for_is_brought_to_mind(world: World) -> None:
    api, web = await make_system(world.domain, "api"), await make_system(world.domain, "web")
    definition = dict(definition_from("unacknowledged", {"systemIds": [api.id], "atLeast": "major"}))
    await world.automation(*definition.pop("actions"), **definition)
    for system, severity in ((api, Severity.MINOR), (web, Severity.CRITICAL), (api, Severity.MAJOR)):
        await make_incident(world.domain, system.key, severity=severity)
    await world.settle()
    begun = [run.firing.context_key for run in await world.runs(RunStatus.WAITING)]
    assert begun == [(await world.incidents())[-1].id]
