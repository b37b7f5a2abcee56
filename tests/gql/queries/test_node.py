"""The queries for any object by its id."""

import pytest

from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.ids import new_id
from domain.model.actor import Cause
from domain.model.audit import AuditFilter
from domain.model.automation import Artifact, RunStep, StepStatus
from domain.model.commands import AddIncidentLink, EditIncidentUpdate, RelateIncidents, ResolveIncident
from domain.model.paging import PageRequest
from domain.model.relation import RelationType
from domain.model.system import System
from domain.model.viewer import Audience
from domain.services.maintenance.commands import AddMaintenanceUpdate
from tests.client import Api
from tests.factories import (
    ADMIN,
    log_of,
    make_automation,
    make_channel,
    make_incident,
    make_maintenance,
    make_pending_delivery,
    make_refused_delivery,
    make_secret,
    make_token,
    make_visitor,
    start_run,
)
from tests.inside import inside

VERSIONS = [f"aut_{'0' * 26}:{number}" for number in ("1", "0", "", "x", "9" * 30)]
NODE = "query Q($id: ID!) { node(id: $id) { __typename id } }"


async def one_of_each(domain: Domain) -> dict[str, str]:
    """Return the id of an object of each type that `node` finds."""
    incident = await make_incident(domain, initial_message="Hm")
    link = await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))
    assert link.value.link is not None
    cause = await make_incident(domain)
    caused = RelateIncidents(id=incident.id, type=RelationType.CAUSED_BY, to=cause.id)
    relation = (await domain.relations.relate(ADMIN, caused)).value.relation
    assert relation is not None
    [opened, *_] = await log_of(domain, incident)
    entry = opened.touched[0].id
    await domain.timeline.edit(ADMIN, EditIncidentUpdate(incident_id=incident.id, id=entry, message="Hm, hm"))
    [former] = (await domain.reads.update_versions([entry]))[entry]
    suffix = opened.id.removeprefix("chg_")
    [system] = (await domain.reads.systems(incident.system_ids)).values()
    integration, delivery = await make_refused_delivery(domain, system)
    webhook, sent = await make_pending_delivery(domain)
    return {
        "Incident": incident.id,
        "System": incident.system_ids[0],
        "IncidentUpdate": entry,
        "IncidentUpdateVersion": former.id,
        "IncidentLink": link.value.link.id,
        "IncidentRelation": relation.id,
        "IncidentChange": opened.id,
        "IncidentEvent": f"evt_{suffix}:created",
        "IncidentTransition": f"trn_{suffix}:systemIds",
        "ApiToken": (token := (await make_token(domain))[0]).id,
        "AuditEntry": await _audited(domain, token.id),
        "Secret": (await make_secret(domain)).id,
        "Integration": integration.id,
        "IntegrationDelivery": delivery.id,
        "Channel": (await make_channel(domain)).id,
        "Webhook": webhook.id,
        "WebhookDelivery": sent.id,
        "VisitorSubscription": (await make_visitor(domain)).id,
        **await _maintenance(domain, system),
        **await _automations(domain),
    }


async def _audited(domain: Domain, object_id: str) -> str:
    [entry] = (await domain.audit.page(PageRequest(size=2), AuditFilter(object_id=object_id))).items
    return entry.id


async def _maintenance(domain: Domain, system: System) -> dict[str, str]:
    window = await make_maintenance(domain, system.id)
    await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message="Soon"))
    reads = domain.maintenance.reads
    [instance] = (await reads.of_systems([system.id], Audience.MANAGER))[system.id]
    [update] = (await reads.updates_of([window.id], Audience.MANAGER))[window.id]
    return {"Maintenance": window.id, "MaintenanceInstance": instance.id, "MaintenanceUpdate": update.id}


async def _automations(domain: Domain) -> dict[str, str]:
    automation = await make_automation(domain)
    run = await start_run(domain, automation)
    artifact = Artifact(
        id=new_id("art"),
        automation_id=automation.id,
        run_id=run.id,
        path="actions[0]",
        action_id="open",
        type="incident.incident",
        data={},
        owned=True,
        context_key=None,
        created_at=domain.clock.now(),
    )
    await inside(domain).database.write(lambda unit: unit.artifacts.add(artifact, entity_id=None))
    step = RunStep(
        run_id=run.id,
        path="actions[0].choose[1]",
        position=1,
        kind="action",
        status=StepStatus.SUCCESS,
        started_at=domain.clock.now(),
    )
    await inside(domain).database.write(lambda unit: unit.runs.put_step(step))
    resolved = await make_incident(domain)
    by_run = Origin(cause=Cause(run_id=run.id, depth=1), run_id=run.id)
    await inside(domain).database.write(
        lambda unit: domain.incidents.resolve_in(unit, ResolveIncident(id=resolved.id), origin=by_run)
    )
    *_, written = await log_of(domain, resolved)
    return {
        "Automation": automation.id,
        "AutomationVersion": f"{automation.id}:1",
        "AutomationRun": run.id,
        "AutomationRunChange": written.id.replace("chg_", "rch_"),
        "AutomationStep": f"{run.id.replace('run_', 'stp_')}:{step.path}",
        "Artifact": artifact.id,
    }


async def test_everything_with_an_id_is_found_by_it(api: Api, domain: Domain) -> None:
    for type, id in (await one_of_each(domain)).items():
        assert await api.admin.read(NODE, id=id) == {"node": {"__typename": type, "id": id}}


async def test_every_type_that_is_a_node_can_be_found(api: Api, domain: Domain) -> None:
    found = await api.anonymous.read('{ __type(name: "Node") { possibleTypes { name } } }')
    assert {type["name"] for type in found["__type"]["possibleTypes"]} == set(await one_of_each(domain))


@pytest.mark.parametrize(
    "id",
    [
        "inc_00000000000000000000000000",
        "tok_00000000000000000000000000",
        "inc",
        "_",
        "",
        "payments",
        "x" * 9000,
        *(f"{prefix}_{'0' * 26}:x" for prefix in ("evt", "trn", "stp", "inc")),
        f"rch_{'0' * 26}",
        f"evt_{'0' * 26}",
        *VERSIONS,
    ],
)
async def test_an_unknown_id_is_null(api: Api, domain: Domain, id: str) -> None:
    await make_incident(domain)
    assert await api.admin.read(NODE, id=id) == {"node": None}


async def test_nodes_come_in_the_requested_order_with_null_for_missing_ones(api: Api, domain: Domain) -> None:
    ids = list((await one_of_each(domain)).values())
    asked = [ids[4], "nothing", ids[0], ids[0], *ids[::-1]]
    found = (await api.admin.read("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=asked))["nodes"]
    assert found == [None if id == "nothing" else {"id": id} for id in asked]
    assert (await api.anonymous.read("{ nodes(ids: []) { id } }"))["nodes"] == []


async def test_a_deleted_object_is_null_and_the_changes_stay(api: Api, domain: Domain) -> None:
    ids = await one_of_each(domain)
    await domain.incidents.delete(ADMIN, ids["Incident"])
    for type in ("Incident", "IncidentUpdate", "IncidentLink"):
        assert await api.anonymous.read(NODE, id=ids[type]) == {"node": None}
    assert (await api.anonymous.read(NODE, id=ids["IncidentChange"]))["node"]["id"] == ids["IncidentChange"]


async def test_an_event_is_found_only_under_the_trigger_of_that_event(api: Api, domain: Domain) -> None:
    [change] = await log_of(domain, await make_incident(domain))
    event = change.id.replace("chg_", "evt_")
    document = "query Q($id: ID!) { node(id: $id) { ... on IncidentEvent { id type changeId } } }"
    found = (await api.anonymous.read(document, id=f"{event}:created"))["node"]
    assert found == {"id": f"{event}:created", "type": "CREATED", "changeId": change.id}
    for other in (f"{event}:resolved", event, change.id.replace("chg_", "rch_")):
        assert (await api.admin.read(document, id=other))["node"] is None


async def test_parts_of_runs_and_former_texts_are_for_responders(api: Api, domain: Domain) -> None:
    ids = await one_of_each(domain)
    for type in ("AutomationStep", "AutomationRunChange", "IncidentUpdateVersion"):
        assert (await api.viewer.read(NODE, id=ids[type]))["node"] is None
        assert (await api.responder.read(NODE, id=ids[type]))["node"]["id"] == ids[type]
