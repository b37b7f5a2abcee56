"""The incidents of systems, asked for like all incidents: by a filter and in an order."""

from itertools import count
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, AssignIncident
from domain.model.incident import Incident, Severity, Status
from domain.model.viewer import Visibility
from tests.client import Api, Caller, Json
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token, set_status
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching

OF_SYSTEM = """query Of(
  $filter: IncidentFilter, $order: IncidentOrder, $first: Int, $after: String, $before: String, $last: Int
) {
  system(key: "payments") {
    incidents(filter: $filter, orderBy: $order, first: $first, after: $after, before: $before, last: $last) {
      totalCount nodes { title } edges { cursor } pageInfo { endCursor startCursor hasNextPage hasPreviousPage }
    }
  }
}"""
SYSTEMS = """query Systems($filter: IncidentFilter, $order: IncidentOrder, $first: Int) {
  systems(first: $first) {
    nodes { key incidents(filter: $filter, orderBy: $order, first: 2) { totalCount nodes { title } } }
  }
}"""
_texts = count()


async def _both_ways(caller: Caller, document: str, **variables: Any) -> Json:
    """Return what is said on the generic path, provided that the compiled one says the same."""
    text = f"{document} # {next(_texts)}"
    answers = [await caller.send(text, **variables) for _ in range(3)]
    said = [{name: answer.get(name) for name in ("data", "errors")} for answer in answers]
    assert said[0] == said[1] == said[2]
    return said[0]


async def _listed(caller: Caller, **variables: Any) -> Any:
    return (await _both_ways(caller, OF_SYSTEM, **variables))["data"]["system"]["incidents"]


async def _titles(caller: Caller, **variables: Any) -> str:
    return "".join(node["title"] for node in (await _listed(caller, **variables))["nodes"])


async def _several(domain: Domain) -> dict[str, Incident]:
    """Make incidents of some severities on two systems, of which one is resolved."""
    for key in ("payments", "web"):
        await make_system(domain, key)
    made = {}
    for title, severity, systems in (
        ("a", Severity.MINOR, ("payments",)),
        ("b", Severity.CRITICAL, ("payments", "web")),
        ("c", Severity.MINOR, ("payments", "web")),
        ("d", Severity.MAJOR, ("payments",)),
        ("e", Severity.CRITICAL, ("web",)),
    ):
        made[title] = await make_incident(domain, *systems, title=title, severity=severity)
    await set_status(domain, made["c"], Status.RESOLVED)
    return made


@on_both_databases
async def test_incidents_of_a_system_are_filtered_and_ordered(api: Api, domain: Domain) -> None:
    made = await _several(domain)
    web = (await domain.reads.system_ids(["web"]))["web"]
    cases: list[tuple[Any, str]] = [
        (None, "dcba"),
        ({}, "dcba"),
        ({"open": True}, "dba"),
        ({"open": False}, "c"),
        ({"status": {"eq": "RESOLVED"}}, "c"),
        ({"includeResolved": False}, "dba"),
        ({"includeResolved": True}, "dcba"),
        ({"includeResolved": False, "status": {"notIn": ["FIXING"]}}, "dcba"),
        ({"severity": {"gte": "MAJOR"}}, "db"),
        ({"number": {"in": [made["a"].number, made["d"].number, made["e"].number]}}, "da"),
        ({"or": [{"severity": {"eq": "MINOR"}}, {"number": {"eq": made["b"].number}}]}, "cba"),
        ({"not": {"severity": {"eq": "MINOR"}}}, "db"),
        # Another system: those that affect both, by id and by key.
        ({"system": {"in": [web]}}, "cb"),
        ({"system": {"in": ["web"]}}, "cb"),
        ({"text": "b"}, "b"),
        ({"text": "?"}, ""),
    ]
    for given, titles in cases:
        listed = await _listed(api.anonymous, filter=given)
        assert (given, "".join(node["title"] for node in listed["nodes"])) == (given, titles)
        assert (given, listed["totalCount"]) == (given, len(titles))


@on_both_databases
async def test_incidents_of_a_system_are_walked_in_any_order(api: Api, domain: Domain) -> None:
    await _several(domain)
    by_severity = {"field": "SEVERITY", "thenBy": {"field": "CREATED_AT", "direction": "ASC"}}
    orders: list[tuple[Any, str]] = [
        (None, "dcba"),
        ({"field": "CREATED_AT"}, "dcba"),
        ({"field": "NUMBER", "direction": "ASC"}, "abcd"),
        (by_severity, "bdac"),
        ({"field": "STATUS", "thenBy": {"field": "NUMBER"}}, "cdba"),
        ({"field": "RESOLVED_AT", "thenBy": by_severity}, "cbda"),
        ({"field": "RESOLVED_AT", "direction": "ASC", "thenBy": {"field": "NUMBER", "direction": "ASC"}}, "abdc"),
    ]
    for order, titles in orders:
        assert (order, await _titles(api.anonymous, order=order)) == (order, titles)
        for ahead, size, end in (("after", "first", "endCursor"), ("before", "last", "startCursor")):
            walked, place = "", None
            for _ in range(3):
                page = await _listed(api.anonymous, order=order, **{size: 2, ahead: place})
                found = "".join(node["title"] for node in page["nodes"])
                walked = walked + found if size == "first" else found + walked
                place = page["pageInfo"][end]
                if not page["pageInfo"]["hasNextPage" if size == "first" else "hasPreviousPage"]:
                    break
            assert (order, size, walked) == (order, size, titles)


async def test_cursors_of_a_systems_incidents_are_bound_to_their_order(api: Api, domain: Domain) -> None:
    await _several(domain)
    orders = [None, {"field": "NUMBER"}, {"field": "NUMBER", "direction": "ASC"}, {"field": "CREATED_AT"}]
    for order in orders:
        cursor = (await _listed(api.anonymous, order=order, first=2))["pageInfo"]["endCursor"]
        for other in orders:
            answer = await _both_ways(api.anonymous, OF_SYSTEM, order=other, after=cursor)
            codes = [(error["extensions"]["code"], error["extensions"]["field"]) for error in answer["errors"] or ()]
            assert (order, other, codes) == (order, other, [] if order == other else [("BAD_USER_INPUT", ["after"])])


_ROOT = """query Root($filter: IncidentFilter, $order: IncidentOrder) {
  incidents(filter: $filter, orderBy: $order) { totalCount }
}"""
_TOO_DEEP: Json = {"open": True}
for _ in range(9):
    _TOO_DEEP = {"not": _TOO_DEEP}


@pytest.mark.parametrize(
    "given",
    [
        {"filter": {"status": {"in": []}}},
        {"filter": {"number": {"in": list(range(101))}}},
        {"filter": _TOO_DEEP},
        {"filter": {"system": {"in": ["nowhere"]}}},
        {"filter": {"lead": {"exists": True}}},
        {"filter": {"text": " ".join("abcdefghijklmnopqrstuvwxyz1234567")}},
        {"order": {"field": "NUMBER", "thenBy": {"field": "NUMBER"}}},
    ],
    ids=["an empty list", "a long list", "too deep", "no such system", "people", "many words", "a field twice"],
)
async def test_the_incidents_of_a_system_refuse_what_all_incidents_refuse(
    api: Api, domain: Domain, given: Json
) -> None:
    await make_incident(domain)
    root = await api.anonymous.error(_ROOT, **given)
    for _ in range(2):
        error = await api.anonymous.error(OF_SYSTEM, **given)
        assert (error["code"], error["field"], error["message"]) == (root["code"], root["field"], root["message"])


async def test_a_systems_incidents_are_searched_as_far_as_the_caller_may_read(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain, title="a")
    secret = AddIncidentUpdate(incident_id=incident.id, message="the vault leaks", visibility=Visibility.INTERNAL)
    await domain.timeline.add(ADMIN, secret)
    person = (await make_token(domain))[0].id
    await domain.responders.assign(ADMIN, AssignIncident(id=incident.id, lead=person, assignees=[person]))
    assert await _titles(api.anonymous, filter={"text": "vault"}) == ""
    assert await _titles(api.viewer, filter={"text": "vault"}) == ""
    assert await _titles(api.responder, filter={"text": "vault"}) == "a"
    for name in ("lead", "assignee"):
        assert await _titles(api.responder, filter={name: {"in": [person]}}) == "a"
        assert await _titles(api.responder, filter={name: {"exists": False}}) == ""


@on_both_databases
@pytest.mark.parametrize("given", [{"severity": {"lt": "CRITICAL"}}, {"system": {"in": ["s-0"]}, "text": "about"}])
async def test_filtered_incidents_of_many_systems_take_the_statements_of_one(
    api: Api, domain: Domain, count_statements: CountStatements, given: Json
) -> None:
    keys = [f"s-{number}" for number in range(40)]
    for key in keys:
        await make_system(domain, key)
    for number in range(3):
        await make_incident(domain, *keys, title=f"About {number}", severity=list(Severity)[number])
    order = {"field": "SEVERITY", "direction": "ASC"}
    sent, found = [], []
    for first in (1, 40):
        with count_statements() as statements:
            nodes = (await api.anonymous.read(SYSTEMS, filter=given, order=order, first=first))["systems"]["nodes"]
        sent.append(len(statements))
        found.append(len(nodes))
        total = 2 if "severity" in given else 3
        shown = {"totalCount": total, "nodes": [{"title": "About 0"}, {"title": "About 1"}]}
        assert [node["incidents"] for node in nodes] == [shown] * first
    assert found == [1, 40]
    assert sent[0] == sent[1] <= 6


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ("filter: {status: {in: []}}", ["filter", "status"]),
        ('filter: {system: {in: ["payments"]}}', ["filter"]),
        ("orderBy: {field: NUMBER, thenBy: {field: NUMBER}}", ["orderBy", "thenBy"]),
        ('orderBy: {field: NUMBER}, after: "none"', ["after"]),
    ],
)
async def test_a_filter_in_a_payload_is_refused_before_the_write(
    api: Api, domain: Domain, arguments: str, field: list[str]
) -> None:
    system = await make_system(domain)
    before = len(await log_of(domain))
    answer = await api.admin.try_to(
        "updateSystem", {"id": system.id, "name": "New"}, f"system {{ incidents({arguments}) {{ totalCount }} }}"
    )
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", field)
    assert (await domain.reads.systems([system.id]))[system.id].name == system.name
    assert len(await log_of(domain)) == before


async def test_a_payload_shows_filtered_incidents_of_a_system(api: Api, domain: Domain) -> None:
    made = await _several(domain)
    web = (await domain.reads.system_ids(["web"]))["web"]
    shown = f'systems {{ key incidents(filter: {{open: true, system: {{in: ["{web}"]}}}}) {{ nodes {{ title }} }} }}'
    for number in range(3):
        input = {"id": made["a"].id, "title": f"a{number}"}
        payload = await api.responder.do("updateIncident", input, f"incident {{ {shown} }}")
        assert payload["incident"]["systems"] == [{"key": "payments", "incidents": {"nodes": [{"title": "b"}]}}]


async def test_events_show_filtered_incidents_of_systems_as_they_are_then(domain: Domain) -> None:
    made = await _several(domain)
    document = """subscription S($after: String) { incidentChanges(after: $after) { incident { systems { key
      incidents(filter: {open: true}, orderBy: {field: SEVERITY}) { totalCount nodes { title } } } } } }"""
    async with watching(domain, document, after=await now(domain)) as watcher:
        for title, titles in (("d", "ba"), ("a", "b")):
            await domain.incidents.resolve(ADMIN, made[title].id)
            [change] = await watcher.data(1)
            [system] = change["incident"]["systems"]
            shown = {"totalCount": len(titles), "nodes": [{"title": each} for each in titles]}
            assert system == {"key": "payments", "incidents": shown}


async def test_systems_of_the_past_have_the_incidents_of_now(api: Api, domain: Domain, clock: SteppingClock) -> None:
    made = await _several(domain)
    at = clock.moment
    clock.advance(minutes=1)
    await domain.incidents.resolve(ADMIN, made["d"].id)
    document = """query Past($id: ID!, $at: DateTime!) { incident(id: $id, at: $at) {
      status systems { incidents(filter: {open: true}) { nodes { title } } } } }"""
    incident = (await api.anonymous.read(document, id=made["d"].id, at=at.isoformat()))["incident"]
    assert incident["status"] == "INVESTIGATING"
    assert incident["systems"] == [{"incidents": {"nodes": [{"title": "b"}, {"title": "a"}]}}]
