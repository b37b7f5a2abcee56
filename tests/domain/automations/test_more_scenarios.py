"""More scenarios from end to end: changes without events, failures that go on, and secrets after a resume."""

import pytest

from domain.bootstrap import Domain
from domain.model.automation import RunStatus
from domain.model.commands import UpdateIncident
from domain.model.incident import Severity
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_secret, make_system
from tests.inside import inside

LOG = {"action": "log", "config": {"message": "Seen"}}


async def test_s8_a_severity_starts_a_run_and_a_title_does_not(world: World) -> None:
    events = ["incident.updated", "incident.resolved"]
    await world.automation(LOG, triggers=[{"event": event} for event in events], mode="parallel")
    systems = [(await make_system(world.domain, key)).id for key in ("payments", "search")]
    incident = await make_incident(world.domain, *systems)
    for fields in ({"title": "Another"}, {"description": "FeedPage"}, {"systems": tuple(reversed(systems))}):
        await world.domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, **fields))
    await world.settle()
    assert await world.runs() == []
    await world.domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await world.settle()
    run = await world.only_run()
    assert (run.firing.event, run.firing.payload["severity"]) == ("incident.updated", "critical")
    created, *rest = [list(change.events) for change in await log_of(world.domain, incident)]
    assert (created, rest) == (["incident.created"], [[], [], ["incident.updated"]])
    query = (
        "SELECT field, from_value, to_value FROM entity_transitions WHERE from_value IS NOT NULL AND kind = 'incident'"
    )
    assert [tuple(row) for row in await world.rows(query)] == [("severity", "major", "critical")]


@on_one_database
@pytest.mark.parametrize("goes_on", [False, True])
async def test_s4_resolving_a_missing_incident_fails_the_run_by_default(world: World, goes_on: bool) -> None:
    resolve = {"action": "incident.resolve", "config": {"incidentId": "inc_none"}, "continue_on_error": goes_on}
    run = await world.ran(resolve, LOG)
    step = await world.step(run, "actions[0]")
    assert (step.status, step.error) == ("failed", "Incident inc_none not found.")
    assert run.status is (RunStatus.SUCCESS if goes_on else RunStatus.FAILED)
    assert len(await world.steps(run)) == (2 if goes_on else 1)


async def test_317_a_resuming_process_knows_the_runs_secrets_alone(world: World, other: Domain) -> None:
    await make_system(world.domain)
    await make_secret(world.domain, "API_KEY", "correct-horse")
    await make_secret(world.domain, "UNUSED", "battery-staple")
    named = {"action": "log", "config": {"message": "${{ secrets.API_KEY }}"}, "enabled": False}
    config = {"message": "{{ trigger.payload.said }}", "incidentId": "{{ trigger.payload.incident }}"}
    incident = await make_incident(world.domain)
    payload = {"said": "correct-horse battery-staple", "incident": incident.id}
    run = await world.begun(
        named, {"delay": {"seconds": 60}}, {"action": "incident.add_update", "config": config}, payload=payload
    )
    await world.waiting(run, "actions[1]")
    await world.crash()
    world.clock.advance(seconds=60)
    await other.automations.runner.execute(run.id)
    assert (await world.run(run.id)).status is RunStatus.SUCCESS
    assert (await world.messages())[-1] == "**** battery-staple"
    assert (await world.step(run, "actions[2]")).input["message"] == "**** battery-staple"
    assert inside(other).masker.mask(run.id, "correct-horse") == "correct-horse"
