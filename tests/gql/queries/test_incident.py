"""The queries for incidents, for the log, and for health overrides."""

from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.incident import HealthOverride, Severity, Status
from domain.model.moment import iso
from tests.client import Api
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases
from tests.inside import inside

EVERYTHING = """
query Q($id: ID, $number: Int) {
  incident(id: $id, number: $number) {
    id number reference title description status severity suppressNotifications healthOverride dedupeKey version
    openedBy { type id name } occurredAt createdAt updatedAt identifiedAt fixingAt monitoringAt resolvedAt
    timeToResolveSeconds
  }
}
"""


async def test_an_incident_is_found_by_id_and_by_number(api: Api, domain: Domain) -> None:
    await make_incident(domain)
    incident = await make_incident(
        domain,
        description="Long",
        suppress_notifications=True,
        health_override=HealthOverride.UNHEALTHY,
        dedupe_key="key",
    )
    by_id = (await api.responder.read(EVERYTHING, id=incident.id))["incident"]
    assert (await api.responder.read(EVERYTHING, number=2))["incident"] == by_id
    assert by_id == {
        "id": incident.id,
        "number": 2,
        "reference": "INC-2",
        "title": "Checkout fails",
        "description": "Long",
        "status": "INVESTIGATING",
        "severity": "MAJOR",
        "suppressNotifications": True,
        "healthOverride": "UNHEALTHY",
        "dedupeKey": "key",
        "version": 1,
        "openedBy": {"type": "APPLICATION", "id": "tok_admin", "name": "admin"},
        "occurredAt": iso(incident.occurred_at),
        "createdAt": iso(incident.created_at),
        "updatedAt": iso(incident.updated_at),
        "identifiedAt": None,
        "fixingAt": None,
        "monitoringAt": None,
        "resolvedAt": None,
        "timeToResolveSeconds": None,
    }


async def test_the_times_of_an_incident_follow_the_statuses(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    for status in (Status.IDENTIFIED, Status.FIXING, Status.MONITORING, Status.RESOLVED):
        incident = await set_status(domain, incident, status)
    shown = (await api.anonymous.read(EVERYTHING, id=incident.id))["incident"]
    times = [shown[name] for name in ("identifiedAt", "fixingAt", "monitoringAt", "resolvedAt")]
    assert times == sorted(times)
    assert incident.resolved_at is not None
    assert shown["timeToResolveSeconds"] == (incident.resolved_at - incident.occurred_at).total_seconds()


@on_both_databases
async def test_the_times_of_an_incident_follow_the_dates_of_the_timeline(
    api: Api, domain: Domain, clock: SteppingClock
) -> None:
    start = clock.moment - timedelta(days=1)
    incident = await make_incident(domain, occurred_at=start)
    began, fixing, over = [iso(start + timedelta(hours=hours)) for hours in (1, 2, 3)]
    document = """
      mutation M($id: ID!, $began: DateTime, $fixing: DateTime, $over: DateTime) {
        resolveIncident(input: {id: $id, resolvedAt: $over, visibility: INTERNAL}) { incident { status } }
        updateIncident(input: {id: $id, occurredAt: $began}) { incident { timeToResolveSeconds } }
        addIncidentUpdate(input: {incidentId: $id, message: "Hm", statusChange: FIXING, createdAt: $fixing}) {
          update { createdAt statusChange } incident { status fixingAt resolvedAt }
        }
      }
    """
    data = await api.responder.read(document, id=incident.id, began=began, fixing=fixing, over=over)
    assert data == {
        "resolveIncident": {"incident": {"status": "RESOLVED"}},
        "updateIncident": {"incident": {"timeToResolveSeconds": 7200.0}},
        "addIncidentUpdate": {
            "update": {"createdAt": fixing, "statusChange": "FIXING"},
            "incident": {"status": "RESOLVED", "fixingAt": fixing, "resolvedAt": over},
        },
    }
    timeline = "query Q($id: ID!) { incident(id: $id) { updates { nodes { createdAt } } } }"
    shown = (await api.anonymous.read(timeline, id=incident.id))["incident"]["updates"]["nodes"]
    assert [entry["createdAt"] for entry in shown] == [fixing]


@pytest.mark.parametrize(
    "asked", ['id: "inc_00000000000000000000000000"', 'id: "x"', 'id: ""', "number: 99", "number: -1", "number: 0"]
)
async def test_an_unknown_incident_is_null(api: Api, domain: Domain, asked: str) -> None:
    await make_incident(domain)
    assert await api.anonymous.read(f"{{ incident({asked}) {{ id }} }}") == {"incident": None}


async def test_a_history_has_each_transition_and_the_time_of_the_present_value(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await set_status(domain, incident, Status.FIXING)
    shown = (
        await api.anonymous.read(
            "{ incident(number: 1) { history { nodes { field fromValue toValue occurredAt } }"
            " status: inStateSince(field: STATUS) systems: inStateSince(field: SYSTEM_IDS) } }"
        )
    )["incident"]
    steps = shown["history"]["nodes"]
    assert [(step["field"], step["fromValue"], step["toValue"]) for step in steps] == [
        ("severity", None, "major"),
        ("status", None, "investigating"),
        ("systemIds", None, f'["{incident.system_ids[0]}"]'),
        ("severity", "major", "critical"),
        ("status", "investigating", "fixing"),
    ]
    assert shown["status"] == steps[-1]["occurredAt"]
    assert shown["systems"] == steps[2]["occurredAt"]


async def test_resolved_incidents_are_hidden_by_default(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.incidents.resolve(ADMIN, incident.id)
    data = await api.anonymous.read(
        "{ hidden: incidents { totalCount } shown: incidents(filter: {includeResolved: true}) { totalCount }"
        " deep: incidents(filter: {or: [{status: {eq: RESOLVED}}]}) { totalCount }"
        " counted: incidents(filter: {number: {eq: 1}}) { totalCount } }"
    )
    assert {name: page["totalCount"] for name, page in data.items()} == {
        "hidden": 0,
        "shown": 1,
        "deep": 1,
        "counted": 0,
    }


async def test_the_log_keeps_a_deleted_incident(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.incidents.delete(ADMIN, incident.id)
    nodes = (await api.anonymous.read("{ incidentChanges { nodes { action incidentId incident { id } } } }"))[
        "incidentChanges"
    ]["nodes"]
    assert nodes == [
        {"action": action, "incidentId": incident.id, "incident": None} for action in ("CREATED", "DELETED")
    ]


async def test_events_of_the_log_are_filtered_by_type(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.FIXING)
    await domain.incidents.resolve(ADMIN, incident.id)
    page = (await api.anonymous.read("{ incidentEvents(types: [RESOLVED, CREATED]) { totalCount nodes { type } } }"))[
        "incidentEvents"
    ]
    assert page == {"totalCount": 2, "nodes": [{"type": "CREATED"}, {"type": "RESOLVED"}]}


@pytest.mark.parametrize("field", ["incidentChanges", "incidentEvents"])
async def test_a_page_behind_a_pruned_cursor_is_refused(
    api: Api, domain: Domain, clock: SteppingClock, field: str
) -> None:
    await make_incident(domain)
    await make_incident(domain)
    clock.advance(days=2)
    await make_incident(domain)
    before = clock.moment - timedelta(days=1)
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=before, limit=100))
    document = f"query Q($after: String) {{ {field}(after: $after) {{ nodes {{ id }} }} }}"
    error = await api.anonymous.error(document, after=inside(domain).cursors.position(2))
    assert (error["code"], error["field"]) == ("CURSOR_EXPIRED", ["after"])
    assert len((await api.anonymous.read(document, after=inside(domain).cursors.position(3)))[field]["nodes"]) == 1
    assert len((await api.anonymous.read(document))[field]["nodes"]) == 1


async def test_open_incidents_override_the_health_of_their_systems(api: Api, domain: Domain) -> None:
    search = await make_system(domain, "search")
    bad = await make_incident(domain, health_override=HealthOverride.UNHEALTHY)
    await make_incident(domain, "search", health_override=HealthOverride.DEGRADED, title="Slow")
    over = await make_incident(domain, "search", health_override=HealthOverride.UNHEALTHY)
    await domain.incidents.resolve(ADMIN, over.id)
    await make_incident(domain, "search")
    fields = "systemId status incidentId incidentTitle"
    document = f"query Q($ids: [String!]!) {{ activeHealthOverrides(systemIds: $ids) {{ {fields} }} }}"
    found = (await api.anonymous.read(document, ids=["payments", search.id, "search", "nowhere"]))[
        "activeHealthOverrides"
    ]
    assert {(said["status"], said["incidentTitle"]) for said in found} == {
        ("UNHEALTHY", "Checkout fails"),
        ("DEGRADED", "Slow"),
    }
    assert len(found) == 2
    assert bad.id in {said["incidentId"] for said in found}
    assert (await api.anonymous.read(document, ids=[]))["activeHealthOverrides"] == []
