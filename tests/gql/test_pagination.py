"""Connections: paged from either end, no item is missed and none comes twice."""

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate
from domain.model.incident import Severity, Status
from tests.client import Api, Caller, Json
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases

#: As variables, because each document is planned once.
ASKED = "query Q($first: Int, $last: Int, $after: String, $before: String)"
PAGE = "first: $first, last: $last, after: $after, before: $before"
BODY = (
    "edges { cursor node { ...Key } } nodes { ...Key } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
)
#: Each connection of the schema: the path to it, its type's name for the key, and that key.
CONNECTIONS: dict[str, tuple[str, str, str]] = {
    "incidents": ("{ at: incidents(PAGE) { BODY } }", "Incident", "id"),
    "incidents by severity": (
        "{ at: incidents(orderBy: {field: SEVERITY, direction: ASC}, PAGE) { BODY } }",
        "Incident",
        "id",
    ),
    "incidents by update": ("{ at: incidents(orderBy: {field: UPDATED_AT}, PAGE) { BODY } }", "Incident", "id"),
    "incidents by number": ("{ at: incidents(orderBy: {field: NUMBER}, PAGE) { BODY } }", "Incident", "id"),
    "incidents by several fields": (
        "{ at: incidents(orderBy: {field: SEVERITY, thenBy: {field: NUMBER, direction: ASC}}, PAGE) { BODY } }",
        "Incident",
        "id",
    ),
    "incidents by status": (
        "{ at: incidents(orderBy: {field: STATUS}, filter: {includeResolved: true}, PAGE) { BODY } }",
        "Incident",
        "id",
    ),
    "incidents by end": (
        "{ at: incidents(orderBy: {field: RESOLVED_AT}, filter: {includeResolved: true}, PAGE) { BODY } }",
        "Incident",
        "id",
    ),
    "systems": ("{ at: systems(PAGE) { BODY } }", "System", "id"),
    "systems by age": (
        "{ at: systems(orderBy: {field: CREATED_AT, direction: DESC}, PAGE) { BODY } }",
        "System",
        "id",
    ),
    "events": ("{ at: incidentEvents(PAGE) { BODY } }", "IncidentEvent", "id"),
    "changes": ("{ at: incidentChanges(PAGE) { BODY } }", "IncidentChange", "id"),
    "updates": ("{ of: incident(number: 1) { at: updates(PAGE) { BODY } } }", "IncidentUpdate", "id"),
    "links": ("{ of: incident(number: 1) { at: links(PAGE) { BODY } } }", "IncidentLink", "id"),
    "history": ("{ of: incident(number: 1) { at: history(PAGE) { BODY } } }", "IncidentTransition", "occurredAt field"),
    "incidents of a system": ('{ of: system(key: "a") { at: incidents(PAGE) { BODY } } }', "Incident", "id"),
    "open incidents of a system": ('{ of: system(key: "a") { at: openIncidents(PAGE) { BODY } } }', "Incident", "id"),
}


@on_both_databases
async def test_every_connection_can_be_walked_from_both_ends(api: Api, domain: Domain) -> None:
    await _furnish(domain)
    for name in CONNECTIONS:
        whole = await _page(api.anonymous, name, first=100)
        assert len(whole["nodes"]) >= 5, name
        assert not whole["pageInfo"]["hasNextPage"]
        assert not whole["pageInfo"]["hasPreviousPage"]
        assert (name, await _walked(api.anonymous, name, forward=True)) == (name, whole["nodes"])
        assert (name, await _walked(api.anonymous, name, forward=False)) == (name, whole["nodes"])


async def test_edges_equal_nodes_and_cursors_enclose_the_page(api: Api, domain: Domain) -> None:
    await _furnish(domain)
    for name in CONNECTIONS:
        page = await _page(api.anonymous, name, first=3)
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert [edge["node"] for edge in page["edges"]] == page["nodes"]
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (cursors[0], cursors[-1])
        between = await _page(api.anonymous, name, first=9, after=cursors[0], before=cursors[2])
        assert (name, between["nodes"]) == (name, page["nodes"][1:2])


async def test_an_empty_list_has_no_cursors(api: Api) -> None:
    page = await _page(api.anonymous, "incidents", first=1)
    assert page["nodes"] == []
    assert page["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }


async def test_a_page_has_25_items_by_default_and_100_at_most(api: Api, domain: Domain) -> None:
    for number in range(26):
        await make_system(domain, f"system-{number}")
    data = await api.anonymous.read("{ systems { totalCount nodes { id } } all: systems(first: 100) { nodes { id } } }")
    assert (len(data["systems"]["nodes"]), data["systems"]["totalCount"], len(data["all"]["nodes"])) == (25, 26, 26)


@pytest.mark.parametrize("count", ["first", "last"])
async def test_an_item_added_behind_a_cursor_moves_no_page_before_it(api: Api, domain: Domain, count: str) -> None:
    await _furnish(domain)
    page = await _page(api.anonymous, "incidents", first=3)
    await make_incident(domain, "a", title="New")
    cursor = page["pageInfo"]["endCursor"]
    before = await _page(api.anonymous, "incidents", before=cursor, **{count: 2})
    after = await _page(api.anonymous, "incidents", first=2, after=cursor)
    assert page["nodes"][0] not in after["nodes"]
    if count == "last":
        assert before["nodes"] == page["nodes"][:2]


async def _furnish(domain: Domain) -> None:
    for key in "abcde":
        await make_system(domain, key, name="Same" if key in "bcd" else key)
    severities = [Severity.MINOR, Severity.MAJOR, Severity.MAJOR, Severity.MAJOR, Severity.CRITICAL]
    first, *_ = [await make_incident(domain, "a", "b", severity=severity) for severity in severities]
    for number in range(6):
        await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=first.id, message=f"Comment {number}"))
        await domain.links.add(ADMIN, AddIncidentLink(incident_id=first.id, url=f"https://example.com/{number}"))
    for status in (Status.FIXING, Status.MONITORING, Status.FIXING):
        await set_status(domain, first, status)


async def _page(caller: Caller, name: str, **arguments: int | str) -> Json:
    path, type, key = CONNECTIONS[name]
    document = f"{ASKED} {path.replace('PAGE', PAGE).replace('BODY', BODY)} fragment Key on {type} {{ {key} }}"
    data = await caller.read(document, **arguments)
    page: Json = data.get("of", data)["at"]
    return page


async def _walked(caller: Caller, name: str, *, forward: bool) -> list[Json]:
    """Return all nodes of a connection in its order, read two at a time."""
    nodes: list[Json] = []
    arguments: dict[str, int | str] = {"first": 2} if forward else {"last": 2}
    while True:
        page = await _page(caller, name, **arguments)
        info = page["pageInfo"]
        assert len(page["nodes"]) <= 2
        nodes = nodes + page["nodes"] if forward else page["nodes"] + nodes
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return nodes
        arguments |= {"after": info["endCursor"]} if forward else {"before": info["startCursor"]}


async def test_a_cursor_goes_on_at_its_place_also_with_another_filter(api: Api, domain: Domain) -> None:
    for title, severity in (("A", Severity.MAJOR), ("B", Severity.MINOR), ("C", Severity.MAJOR), ("D", Severity.MINOR)):
        await make_incident(domain, title=title, severity=severity)
    document = (
        "query Q($after: String, $filter: IncidentFilter)"
        " { incidents(first: 1, after: $after, filter: $filter) { nodes { title } pageInfo { endCursor } } }"
    )
    first = (await api.anonymous.read(document, filter={"severity": {"eq": "MAJOR"}}))["incidents"]
    cursor = first["pageInfo"]["endCursor"]
    then = (await api.anonymous.read(document, after=cursor, filter={"severity": {"eq": "MINOR"}}))["incidents"]
    assert [page["nodes"][0]["title"] for page in (first, then)] == ["C", "B"]
