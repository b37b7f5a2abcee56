"""The timeline of an incident as one connection, and its history with typed values."""

from datetime import timedelta

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, AssignIncident, RelateIncidents, UpdateIncident
from domain.model.incident import Incident, Severity, Status
from domain.model.relation import RelationType
from domain.model.viewer import Role, Viewer, Visibility
from tests.client import Api
from tests.conftest import CountStatements
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases

TIMELINE = """
query Q($id: ID!, $first: Int, $after: String, $kinds: [IncidentTimelineKind!]) {
  incident(id: $id) { timeline(first: $first, after: $after, kinds: $kinds) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes {
      at kind update { message } transition { field toStatus } link { url } relation { type incident { id } }
      change { actor { id name } delta incident { id } cursor }
      step { action } run { id }
    }
  } }
}
"""
MANY = """{ incidents { nodes { timeline {
  totalCount nodes { kind update { id } transition { id } link { id } change { id } }
} } } }"""
RITA = Viewer(actor=Actor(type=ActorType.USER, id="usr_rita", name="rita@example.com"), role=Role.RESPONDER)
HISTORY = """
query Q($id: ID!) { incident(id: $id) { history { nodes {
  field fromStatus toStatus fromSeverity toSeverity fromSystemIds toSystemIds
} } } }
"""


async def _lived(domain: Domain) -> Incident:
    incident, cause = [await make_incident(domain, initial_message="Looking") for _ in range(2)]
    hidden = AddIncidentUpdate(incident_id=incident.id, message="Ours", visibility=Visibility.INTERNAL)
    await domain.timeline.add(ADMIN, hidden)
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))
    await domain.relations.relate(ADMIN, RelateIncidents(id=incident.id, type=RelationType.CAUSED_BY, to=cause.id))
    await set_status(domain, incident, Status.FIXING, "Fixing")
    await domain.responders.acknowledge(ADMIN, incident.id)
    return incident


async def test_a_timeline_is_one_list_of_what_the_caller_may_read(api: Api, domain: Domain) -> None:
    incident = await _lived(domain)
    for caller, hidden in ((api.anonymous, []), (api.responder, ["Ours"])):
        found = (await caller.read(TIMELINE, id=incident.id, first=50))["incident"]["timeline"]
        messages = [node["update"]["message"] for node in found["nodes"] if node["kind"] == "UPDATE"]
        assert messages == ["Looking", *hidden, "Fixing"]
        kinds = [node["kind"] for node in found["nodes"]]
        assert kinds == [*["TRANSITION"] * 3, "UPDATE", *["UPDATE"] * len(hidden), "LINK", "RELATION", *kinds[-3:]]
        assert set(kinds[-3:]) == {"TRANSITION", "UPDATE", "ACKNOWLEDGEMENT"}
        assert found["totalCount"] == len(kinds)
        for node in found["nodes"]:
            fields = ("update", "transition", "link", "relation", "step", "run", "change")
            expected = "change" if node["kind"] == "ACKNOWLEDGEMENT" else node["kind"].lower()
            assert [name for name in fields if node[name]] == [expected]


async def test_a_timeline_is_read_in_pages_of_some_kinds(api: Api, domain: Domain) -> None:
    incident = await _lived(domain)
    page = (await api.responder.read(TIMELINE, id=incident.id, first=2, kinds=["UPDATE"]))["incident"]["timeline"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (3, True)
    rest = await api.responder.read(TIMELINE, id=incident.id, after=page["pageInfo"]["endCursor"], kinds=["UPDATE"])
    assert [node["update"]["message"] for node in rest["incident"]["timeline"]["nodes"]] == ["Fixing"]
    error = await api.responder.error(TIMELINE, id=incident.id, kinds=[])
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["kinds"])


@on_both_databases
async def test_a_timeline_says_who_took_care_and_to_some_by_name_alone(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.responders.acknowledge(RITA, incident.id)
    await domain.responders.assign(RITA, AssignIncident(id=incident.id, lead=RITA.actor.id))
    await domain.responders.snooze(RITA, incident.id, domain.clock.now() + timedelta(hours=1))
    kinds = ["ACKNOWLEDGEMENT", "ASSIGNMENT", "SNOOZE"]
    for caller, known in ((api.anonymous, None), (api.responder, RITA.actor.id)):
        found = (await caller.read(TIMELINE, id=incident.id, kinds=kinds))["incident"]["timeline"]
        shown = {node["kind"]: node["change"] for node in found["nodes"]}
        assert (sorted(shown), found["totalCount"]) == (kinds, 3)
        assert {change["actor"]["id"] for change in shown.values()} == {known}
        assert {change["incident"]["id"] for change in shown.values()} == {incident.id}
        assert ("rita@example.com" in str(shown)) is (known is not None)
        people = shown["ACKNOWLEDGEMENT"]["delta"]["acknowledgedBy"], shown["ASSIGNMENT"]["delta"]["lead"]
        assert [person["id"] for person in people] == [known, known]
        assert set(shown["SNOOZE"]["delta"]) == {"snoozedUntil"}


@on_both_databases
async def test_timelines_of_many_incidents_cost_as_many_statements_as_that_of_one(
    api: Api, domain: Domain, count_statements: CountStatements
) -> None:
    await make_system(domain)
    costs = []
    for _ in range(2):
        await _lived(domain)
        with count_statements() as sent:
            await api.admin.read(MANY)
        costs.append(len(sent))
    assert costs[0] == costs[1] < 10


@on_both_databases
async def test_a_history_has_the_values_of_each_field_by_its_type(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain, severity=Severity.MINOR)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await domain.incidents.resolve(ADMIN, incident.id)
    nodes = (await api.anonymous.read(HISTORY, id=incident.id))["incident"]["history"]["nodes"]
    found = [{name: value for name, value in node.items() if value is not None} for node in nodes]
    assert sorted(found[:3], key=lambda node: node["field"]) == [
        {"field": "severity", "toSeverity": "MINOR"},
        {"field": "status", "toStatus": "INVESTIGATING"},
        {"field": "systemIds", "toSystemIds": list(incident.system_ids)},
    ]
    assert found[3:] == [
        {"field": "severity", "fromSeverity": "MINOR", "toSeverity": "CRITICAL"},
        {"field": "status", "fromStatus": "INVESTIGATING", "toStatus": "RESOLVED"},
    ]
