"""People who are forgotten: no table of the whole database names them any more, whatever they did and caused."""

import json
from collections.abc import Mapping
from typing import Any

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.automation import RunStatus
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    AssignIncident,
    CreateIncident,
    CreateSystem,
    CreateToken,
    EditIncidentUpdate,
    RelateIncidents,
    ReportSystemHealth,
)
from domain.model.erasure import FORGOTTEN_NAME, ErasureStatus
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.relation import RelationType
from domain.model.viewer import Role, Viewer
from domain.services.forgetting.work import GRACE
from tests.domain.automations.world import World
from tests.domain.dumping import everything
from tests.factories import ADMIN, make_incident, make_token

ID, NAME = "zoë.quill@example.com", "Zoë O'Quill"
USER = Viewer(actor=Actor(type=ActorType.USER, id=ID, name=NAME), role=Role.ADMIN)
#: Writes everything about the person that a step can keep.
TELLS = {
    "id": "says",
    "action": "log",
    "config": {"message": "{{ trigger.actor.name }} <{{ trigger.actor.id }}>"},
}
LEADS = {"id": "leads", "action": "log", "config": {"message": "{{ trigger.payload.lead.name }} leads"}}


async def test_nothing_stored_names_a_forgotten_user(world: World) -> None:
    await do_all(world, USER)
    named = naming(await everything(world.domain), ID, NAME)
    assert {"people", "incidents", "changes", "automation_runs", "automation_steps", "idempotency_keys"} <= named

    erasure = (await world.domain.forgetting.forget(ADMIN, ID)).value
    await world.domain.forgetting.work.run_pending()
    world.clock.advance(seconds=GRACE.total_seconds())
    await world.domain.forgetting.work.run_pending()

    done = await world.domain.forgetting.find(erasure.person.id)
    assert done is not None
    assert (done.status, done.person.name) == (ErasureStatus.DONE, FORGOTTEN_NAME)
    assert naming(await everything(world.domain), ID, NAME) == set()
    assert "incidents" in naming(await everything(world.domain), erasure.person.id)


async def test_nothing_stored_names_a_forgotten_program(world: World) -> None:
    await make_token(world.domain, role=Role.ADMIN)
    token, _ = await make_token(world.domain, name="Yuki's laptop", role=Role.ADMIN)
    await do_all(world, token.viewer)

    await world.domain.forgetting.forget(ADMIN, token.id)
    await finish(world)

    assert naming(await everything(world.domain), token.id, "Yuki's laptop") == set()


async def test_what_runs_and_stale_processes_write_meanwhile_is_rewritten_by_the_last_pass(world: World) -> None:
    await world.automation({"delay": {"minutes": 2}}, TELLS, mode="parallel", triggers=[{"event": "incident.assigned"}])
    incident = await make_incident(world.domain)
    await world.domain.responders.assign(USER, AssignIncident(id=incident.id, lead=ID))
    await world.settle()

    await world.domain.forgetting.forget(ADMIN, ID)
    await world.domain.forgetting.work.run_pending()
    # A request that was under way, in a process that does not know it yet.
    await world.domain.responders.assign(USER, AssignIncident(id=incident.id, assignees=(ID,)))
    await world.settle()
    assert naming(await everything(world.domain), ID) != set()
    await finish(world)
    # The first run has the person in memory, from before all that.
    world.clock.advance(minutes=3)
    over = [(await world.over(run)).status for run in await world.runs()]

    assert over == [RunStatus.SUCCESS, RunStatus.SUCCESS]
    assert naming(await everything(world.domain), ID, NAME) == set()


async def test_texts_that_people_wrote_stay_as_they_are(world: World) -> None:
    incident = await make_incident(world.domain, title=f"{NAME} broke it")
    await world.domain.responders.acknowledge(USER, incident.id)
    await world.domain.forgetting.forget(ADMIN, ID)
    await finish(world)
    assert naming(await everything(world.domain), NAME) == {"incidents", "changes"}


async def finish(world: World) -> None:
    """Work through all erasures to their ends."""
    await world.domain.forgetting.work.run_pending()
    world.clock.advance(seconds=GRACE.total_seconds())
    await world.domain.forgetting.work.run_pending()


def naming(dump: Mapping[str, str], *texts: str) -> set[str]:
    """Return the tables that have any of these texts, in any case and as JSON, percent-encoded or not."""
    forms = {form for text in texts for form in (text, json.dumps(text)[1:-1])}
    wanted = {form.casefold() for form in forms}
    return {table for table, text in dump.items() if any(form in text.casefold() for form in wanted)}


async def do_all(world: World, viewer: Viewer) -> None:
    """Do as that caller whatever leaves a trace, and have automations run by it."""
    domain, person = world.domain, viewer.actor.id
    system = (await domain.systems.create(viewer, CreateSystem(key="api", name="API"), idempotency_key="a")).value
    await automate(world, viewer)
    opened = [await _opened(domain, viewer, system.id, str(number)) for number in range(4)]
    first, second, resolved, deleted = opened
    entry = AddIncidentUpdate(incident_id=first.id, message="Looking", status_change=Status.IDENTIFIED)
    written = (await domain.timeline.add(viewer, entry, idempotency_key="b")).value.update
    assert written is not None
    await domain.timeline.edit(viewer, EditIncidentUpdate(incident_id=first.id, id=written.id, message="Found"))
    await domain.links.add(viewer, AddIncidentLink(incident_id=first.id, url="https://example.com", label="Graph"))
    await domain.relations.relate(
        viewer, RelateIncidents(id=first.id, type=RelationType.CAUSED_BY, to=second.id), idempotency_key="c"
    )
    for incident in opened:
        await domain.responders.acknowledge(viewer, incident.id)
        await domain.responders.assign(viewer, AssignIncident(id=incident.id, lead=person, assignees=(person,)))
    await domain.health.report(viewer, ReportSystemHealth(system=system.id, status=Health.UNHEALTHY))
    await domain.incidents.resolve(viewer, resolved.id, message="Done")
    await domain.incidents.delete(viewer, deleted.id)
    await domain.tokens.create(viewer, CreateToken(name="another", role=Role.VIEWER))
    await domain.secrets.create(viewer, name="KEY", value="correct-horse-battery")
    await world.settle()


async def automate(world: World, viewer: Viewer) -> None:
    """Have automations keep the person in each of their records: firings, keys, steps, artifacts, waits, dwells."""
    person = viewer.actor.id
    created = [{"event": "incident.created"}]
    lead = {"action": "incident.assign", "config": {"incidentId": "{{ trigger.payload.incidentId }}", "lead": person}}
    unknown = {**lead, "config": {"incidentId": "{{ trigger.payload.incidentId }}", "assignees": [f" {person}"]}}
    window = {"count": 9, "minutes": 60, "partition_by": "trigger.actor.id"}
    open_one = {
        "id": "opens",
        "action": "incident.create",
        "config": {"title": "Opened", "severity": "minor", "systemIds": ["api"]},
    }
    documents: list[dict[str, Any]] = [
        {"triggers": [{"event": "incident.assigned"}], "actions": [TELLS, LEADS]},
        {"triggers": [{"event": "incident.acknowledged"}], "actions": [TELLS], "once_for": "trigger.actor.name"},
        {"triggers": created, "actions": [lead], "once_for": "trigger.actor.id"},
        {"triggers": created, "actions": [unknown]},
        {"triggers": created, "actions": [{"wait_for_trigger": {"event": "incident.assigned"}}, TELLS]},
        {"triggers": [{"event": "incident.created", "for": {"hours": 1}}], "actions": [TELLS]},
        {"triggers": [{"event": "incident.created", "window": window}], "actions": [TELLS]},
        {"triggers": [{"event": "manual"}], "actions": [open_one, TELLS]},
    ]
    for number, document in enumerate(documents):
        command = WriteAutomation(name=f"automation {number}", definition=document)
        made = (await world.domain.automations.service.create(viewer, command, idempotency_key=str(number))).value
    payload = {"lead": viewer.actor.as_json(), "text": f"by {viewer.actor.name}"}
    await world.domain.automations.service.run_by_hand(viewer, made.id, payload=payload, context_key=person)


async def _opened(domain: Domain, viewer: Viewer, system_id: str, title: str) -> Incident:
    command = CreateIncident(title=title, severity=Severity.MAJOR, systems=(system_id,), initial_message="Hm")
    return (await domain.incidents.create(viewer, command)).value.incident
