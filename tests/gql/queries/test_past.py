"""Incidents as they were: the arguments `at` and `atCursor`."""

from datetime import timedelta

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.incident import HealthOverride, Severity, Status
from domain.model.moment import iso
from domain.model.viewer import Visibility
from tests.client import Api
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases

FIELDS = """
  id number reference title description status severity healthOverride dedupeKey version occurredAt createdAt updatedAt
  identifiedAt resolvedAt openedBy { name } systems { key } labels { key value } since: inStateSince(field: STATUS)
  updates { totalCount nodes { message createdAt editedAt editHistory { message } } }
  links { totalCount nodes { url } } history { totalCount nodes { field toValue } }
"""
ONE = f"""
query Q($id: ID, $at: DateTime, $cursor: String) {{ incident(id: $id, at: $at, atCursor: $cursor) {{ {FIELDS} }} }}
"""
LIST = f"""
query Q($filter: IncidentFilter, $orderBy: IncidentOrder, $at: DateTime, $cursor: String, $first: Int) {{
  incidents(filter: $filter, orderBy: $orderBy, at: $at, atCursor: $cursor, first: $first) {{
    totalCount nodes {{ {FIELDS} }}
  }}
}}
"""


async def test_an_incident_is_shown_as_it_was(api: Api, domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain, "search")
    incident = await make_incident(domain, health_override=HealthOverride.DEGRADED, dedupe_key="key")
    entry = (await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="First"))).value.update
    assert entry is not None
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/1"))
    then, at = await api.responder.read("{ cursor }"), iso(clock.moment)
    was = (await api.responder.read(ONE, id=incident.id))["incident"]
    clock.advance(hours=1)
    change = UpdateIncident(id=incident.id, title="Other", severity=Severity.CRITICAL, systems=["search"])
    await domain.incidents.update(ADMIN, change)
    await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=entry.id, incident_id=incident.id, message="Second"))
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/2"))
    await set_status(domain, incident, Status.RESOLVED)
    now = (await api.responder.read(ONE, id=incident.id))["incident"]
    assert now != was
    assert (await api.responder.read(ONE, id=incident.id, at=at))["incident"] == was
    assert (await api.responder.read(ONE, id=incident.id, cursor=then["cursor"]))["incident"] == was
    assert (await api.responder.read(LIST, at=at))["incidents"] == {"totalCount": 1, "nodes": [was]}
    assert (await api.responder.read(ONE, id=incident.id, at=iso(clock.moment)))["incident"] == now
    assert (await api.responder.read(ONE, id=incident.id, at="2026-01-01T00:00:00Z"))["incident"] is None


async def test_what_was_hidden_since_is_not_shown_of_the_past(api: Api, domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain)
    ids = []
    for message in ("A slip", "Hidden later", "Open"):
        command = AddIncidentUpdate(incident_id=incident.id, message=message)
        added = (await domain.timeline.add(ADMIN, command)).value.update
        assert added is not None
        ids.append(added.id)
    inner = AddIncidentUpdate(incident_id=incident.id, message="Shown later", visibility=Visibility.INTERNAL)
    shown = (await domain.timeline.add(ADMIN, inner)).value.update
    assert shown is not None
    at = iso(clock.moment)
    clock.advance(hours=1)
    for edit in (
        EditIncidentUpdate(id=ids[0], incident_id=incident.id, message="Put right"),
        EditIncidentUpdate(id=ids[1], incident_id=incident.id, visibility=Visibility.INTERNAL),
        EditIncidentUpdate(id=shown.id, incident_id=incident.id, visibility=Visibility.PUBLIC),
    ):
        await domain.timeline.edit(ADMIN, edit)
    for caller, expected in (
        (api.anonymous, ["Open", "Put right"]),
        (api.responder, ["Shown later", "Open", "Hidden later", "A slip"]),
    ):
        updates = (await caller.read(ONE, id=incident.id, at=at))["incident"]["updates"]
        assert [entry["message"] for entry in updates["nodes"]] == expected
        assert updates["totalCount"] == len(expected)


async def test_a_deleted_incident_is_shown_of_the_past(api: Api, domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain, title="Gone")
    at = iso(clock.moment)
    await domain.incidents.delete(ADMIN, incident.id)
    past = (await api.anonymous.read(ONE, id=incident.id, at=at))["incident"]
    assert (past["title"], past["dedupeKey"], past["updates"]["nodes"]) == ("Gone", None, [])
    assert past["history"] == {"totalCount": 0, "nodes": []}
    story = "query($id: ID, $at: DateTime) { incident(id: $id, at: $at) { timeline { totalCount nodes { kind } } } }"
    assert (await api.anonymous.read(story, id=incident.id, at=at))["incident"] == {
        "timeline": {"totalCount": 0, "nodes": []}
    }
    assert (await api.anonymous.read(LIST, at=at))["incidents"]["totalCount"] == 1
    assert (await api.anonymous.read(LIST))["incidents"]["totalCount"] == 0


async def test_lists_of_the_past_are_paged_both_ways(api: Api, domain: Domain, clock: SteppingClock) -> None:
    for title in ("A", "B", "C", "D"):
        await make_incident(domain, title=title)
    at = iso(clock.moment)
    await domain.incidents.update(ADMIN, UpdateIncident(id=(await make_incident(domain)).id, title="Later"))
    page = """query Q($at: DateTime, $first: Int, $after: String, $last: Int, $before: String) {
      incidents(at: $at, first: $first, after: $after, last: $last, before: $before) {
        nodes { title } pageInfo { startCursor endCursor hasPreviousPage hasNextPage }
      }
    }"""
    begin = (await api.admin.read(page, at=at, first=3))["incidents"]
    back = (await api.admin.read(page, at=at, last=2, before=begin["pageInfo"]["endCursor"]))["incidents"]
    on = (await api.admin.read(page, at=at, first=3, after=begin["pageInfo"]["endCursor"]))["incidents"]
    assert [[node["title"] for node in each["nodes"]] for each in (begin, back, on)] == [
        ["D", "C", "B"],
        ["D", "C"],
        ["A"],
    ]


async def test_filters_and_the_default_of_lists_hold_at_the_moment(
    api: Api, domain: Domain, clock: SteppingClock
) -> None:
    incident = await make_incident(domain)
    at = iso(clock.moment)
    await set_status(domain, incident, Status.RESOLVED)
    after = iso(clock.moment)
    for moment, filter, count in (
        (at, None, 1),
        (after, None, 0),
        (at, {"open": False}, 0),
        (after, {"includeResolved": True}, 1),
        (after, {"status": {"eq": "RESOLVED"}}, 1),
    ):
        listed = (await api.anonymous.read(LIST, at=moment, filter=filter))["incidents"]
        assert (listed["totalCount"], len(listed["nodes"])) == (count, count), (moment, filter)


async def test_bad_moments_are_refused(api: Api, domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain)
    cursor = (await api.anonymous.read("{ cursor }"))["cursor"]
    future = iso(clock.moment + timedelta(days=1))
    for document, variables, code, field in (
        (ONE, {"id": incident.id, "at": future}, "BAD_USER_INPUT", ["at"]),
        (LIST, {"at": future}, "BAD_USER_INPUT", ["at"]),
        (LIST, {"at": iso(clock.moment), "cursor": cursor}, "BAD_USER_INPUT", ["at"]),
        (LIST, {"cursor": cursor[:-1]}, "BAD_USER_INPUT", ["atCursor"]),
        (LIST, {"cursor": cursor, "filter": {"text": "checkout"}}, "BAD_USER_INPUT", ["filter", "text"]),
        (LIST, {"cursor": cursor, "filter": {"openedBy": {"in": ["x"]}}}, "FORBIDDEN", ["filter", "openedBy"]),
    ):
        refusal = await api.viewer.error(document, **variables)
        assert (refusal["code"], refusal["field"]) == (code, field), variables


@on_both_databases
async def test_the_past_takes_as_many_statements_for_many_as_for_few(
    api: Api, domain: Domain, clock: SteppingClock, count_statements: CountStatements
) -> None:
    sent_for = []
    for number in (2, 6):
        for _ in range(number):
            incident = await make_incident(domain)
            await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Then"))
        at = iso(clock.moment)
        await set_status(domain, incident, Status.FIXING)
        with count_statements() as sent:
            await api.responder.read(LIST, at=at, first=number)
        sent_for.append(len(sent))
    assert sent_for[0] == sent_for[1], sent_for
