"""The actions of responders, performed by runs."""

from domain.model.automation import RunStatus
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, make_incident, make_system, make_token

CREATE = {
    "id": "open",
    "action": "incident.create",
    "config": {"title": "Down", "severity": "major", "systemIds": ["payments"]},
}
ACKNOWLEDGE = {"id": "ack", "action": "incident.acknowledge"}


async def test_a_run_acknowledges_its_incident_once(world: World) -> None:
    await make_system(world.domain)
    run = await world.ran(CREATE, ACKNOWLEDGE, {**ACKNOWLEDGE, "id": "again"})
    [incident] = await world.incidents()
    assert incident.acknowledged_by == incident.opened_by
    assert (await world.step(run, "actions[1]")).output["incident"]["incidentId"] == incident.id
    assert (await world.step(run, "actions[2]")).output["skipped"] == "already_acknowledged"
    assert await events_of(world.domain, incident) == ["incident.created", "incident.acknowledged"]


@on_one_database
async def test_a_run_changes_fields_and_people_of_an_incident(world: World) -> None:
    token, _ = await make_token(world.domain, name="night shift")
    await make_system(world.domain, "search")
    incident = await make_incident(world.domain)
    target = {"incidentId": incident.id}
    fields = {
        "severity": "critical",
        "title": "It\nis {{ 'bad' }}",
        "systemIds": ["search"],
        "labels": {"team": "core"},
    }
    update = {"id": "update", "action": "incident.update", "config": {**target, **fields}}
    assign = {"id": "assign", "action": "incident.assign", "config": {**target, "lead": token.id}}
    unknown = {"action": "incident.assign", "config": {**target, "assignees": ["nobody"]}}
    run = await world.ran(update, assign, {**update, "id": "again"}, unknown)
    [after] = await world.incidents()
    assert (after.severity, after.title, after.labels) == ("critical", "It is bad", (("team", "core"),))
    assert (after.system_ids != incident.system_ids, after.lead and after.lead.name) == (True, "night shift")
    assert (await world.step(run, "actions[2]")).output["skipped"] == "unchanged"
    assert run.message == "There is no person with the id 'nobody'."
    assert await events_of(world.domain, incident) == ["incident.created", "incident.updated", "incident.assigned"]


@on_one_database
async def test_an_acknowledgement_starts_runs(world: World) -> None:
    incident = await make_incident(world.domain)
    log = {"action": "log", "config": {"message": "{{ trigger.payload.acknowledgedBy.name }}"}}
    await world.automation(log, triggers=[{"event": "incident.acknowledged"}])
    await world.domain.responders.acknowledge(ADMIN, incident.id)
    await world.settle()
    over = await world.only_run()
    assert (over.status, (await world.step(over, "actions[0]")).input) == (RunStatus.SUCCESS, {"message": "admin"})
