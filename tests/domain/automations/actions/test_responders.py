"""The actions of responders, performed by runs."""

from domain.model.automation import RunStatus
from tests.domain.automations.world import World
from tests.factories import ADMIN, events_of, make_incident, make_system

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


async def test_an_acknowledgement_starts_runs(world: World) -> None:
    incident = await make_incident(world.domain)
    log = {"action": "log", "config": {"message": "{{ trigger.payload.acknowledgedBy.name }}"}}
    await world.automation(log, triggers=[{"event": "incident.acknowledged"}])
    await world.domain.responders.acknowledge(ADMIN, incident.id)
    await world.settle()
    over = await world.only_run()
    assert (over.status, (await world.step(over, "actions[0]")).input) == (RunStatus.SUCCESS, {"message": "admin"})
