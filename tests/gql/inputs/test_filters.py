"""Filters and orders: every comparison once, and their combinations."""

from dataclasses import dataclass, fields
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink
from domain.model.filters import UNRECORDED
from domain.model.incident import Severity, Status
from domain.model.moment import iso
from domain.model.viewer import Visibility
from gql.inputs.filters import IncidentEventFilter, IncidentFilter
from tests.client import Api, Caller, Json
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases

LIST = "query Q($filter: IncidentFilter) { incidents(filter: $filter) { totalCount nodes { title } } }"
LOG = "query Q($filter: IncidentEventFilter) { incidentEvents(filter: $filter) { nodes { incident { title } } } }"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Four incidents: A and B open, C resolved, D open, begun early and opened by a responder."""

    search: str
    opener: str
    moments: dict[str, str]


@pytest.fixture
async def catalog(domain: Domain, api: Api) -> Catalog:
    payments, search = [await make_system(domain, key) for key in ("payments", "search")]
    a = await make_incident(domain, "payments", title="A outage", severity=Severity.MINOR, labels=[("team", "core")])
    b = await set_status(domain, await make_incident(domain, "search", title="B outage"), Status.IDENTIFIED, "Zebra")
    c = await make_incident(domain, "payments", "search", title="C slow", severity=Severity.CRITICAL)
    await domain.responders.acknowledge(ADMIN, c.id)
    await domain.incidents.resolve(ADMIN, c.id)
    created = await api.responder.do(
        "createIncident",
        {
            "title": "D outage",
            "severity": "MAJOR",
            "systemIds": [payments.id],
            "occurredAt": "2020-01-01T00:00:00Z",
            "labels": [{"key": "team", "value": "shop"}],
        },
        "incident { createdAt openedBy { id } }",
    )
    moments = {"a": iso(a.created_at), "b": iso(b.created_at), "d": created["incident"]["createdAt"]}
    return Catalog(search=search.id, opener=created["incident"]["openedBy"]["id"], moments=moments)


@on_both_databases
async def test_every_comparison_finds_the_matching_incidents(api: Api, catalog: Catalog) -> None:
    a, b, d = catalog.moments["a"], catalog.moments["b"], catalog.moments["d"]
    cases: list[tuple[Json | None, str]] = [
        (None, "DBA"),
        ({}, "DBA"),
        ({"includeResolved": False}, "DBA"),
        ({"includeResolved": True}, "DCBA"),
        ({"status": {"eq": "IDENTIFIED"}}, "B"),
        ({"status": {"in": ["RESOLVED", "IDENTIFIED"]}}, "CB"),
        ({"status": {"notIn": ["INVESTIGATING"]}}, "CB"),
        ({"open": True}, "DBA"),
        ({"open": False}, "C"),
        ({"acknowledged": True, "includeResolved": True}, "C"),
        ({"acknowledged": False, "includeResolved": True}, "DBA"),
        ({"severity": {"eq": "MAJOR"}}, "DB"),
        ({"severity": {"in": ["MINOR", "CRITICAL"]}, "includeResolved": True}, "CA"),
        ({"severity": {"notIn": ["MAJOR"]}, "includeResolved": True}, "CA"),
        ({"severity": {"gt": "MAJOR"}, "includeResolved": True}, "C"),
        ({"severity": {"gte": "MAJOR"}, "includeResolved": True}, "DCB"),
        ({"severity": {"lt": "MAJOR"}}, "A"),
        ({"severity": {"lte": "MAJOR"}}, "DBA"),
        ({"severity": {"gt": "MINOR", "lt": "CRITICAL"}}, "DB"),
        ({"number": {"eq": 2}}, "B"),
        ({"number": {"in": [1, 4, 99]}}, "DA"),
        ({"number": {"gt": 1, "lt": 4}}, "B"),
        ({"number": {"gte": 2}}, "DB"),
        ({"number": {"lte": 2}}, "BA"),
        ({"system": {"in": ["payments"]}}, "DA"),
        ({"system": {"in": [catalog.search]}, "includeResolved": True}, "CB"),
        ({"label": {"key": "team"}}, "DA"),
        ({"label": {"key": "team", "eq": "core"}}, "A"),
        ({"label": {"key": "team", "in": ["shop", "none"]}}, "D"),
        ({"label": {"key": "team", "eq": "core", "in": ["shop"]}}, ""),
        ({"label": {"key": "Team"}}, ""),
        ({"not": {"label": {"key": "team"}}}, "B"),
        ({"openedBy": {"in": [catalog.opener, "nobody"]}}, "D"),
        ({"createdAt": {"gt": a}}, "DB"),
        ({"createdAt": {"gte": b, "lt": d}}, "B"),
        ({"createdAt": {"lte": a.replace("Z", "+00:00")}}, "A"),
        ({"occurredAt": {"lt": "2021-01-01T00:00:00+05:30"}}, "D"),
        ({"updatedAt": {"lte": a}}, "A"),
        ({"resolvedAt": {"gte": "2020-01-01T00:00:00Z"}}, "C"),
        ({"text": "OUTAGE"}, "DBA"),
        ({"text": "zebra"}, "B"),
        ({"text": "outage b"}, "B"),
        ({"text": "slo"}, ""),
        ({"text": "slo", "includeResolved": True}, "C"),
        ({"and": [{"open": True}, {"number": {"lte": 2}}]}, "BA"),
        ({"or": [{"number": {"eq": 1}}, {"status": {"eq": "RESOLVED"}}]}, "CA"),
        ({"not": {"severity": {"eq": "MAJOR"}}}, "A"),
        ({"not": {"or": [{"text": "zebra"}, {"not": {"system": {"in": ["search"]}}}]}, "includeResolved": True}, "C"),
        ({"not": {"resolvedAt": {"gt": "2020-01-01T00:00:00Z"}}}, "DBA"),
        ({"open": True, "status": None, "or": None}, "DBA"),
        ({"status": {}, "severity": {"eq": None}, "number": {"in": None}, "updatedAt": {"gt": None}}, "DBA"),
        ({"lead": {}, "assignee": {"eq": None, "in": None, "exists": None}}, "DBA"),
    ]
    for filter, titles in cases:
        page = (await api.responder.read(LIST, filter=filter))["incidents"]
        assert (filter, "".join(node["title"][0] for node in page["nodes"])) == (filter, titles)
        assert page["totalCount"] == len(titles)


@on_both_databases
async def test_the_log_is_filtered_by_the_state_before_or_after_a_change(api: Api, catalog: Catalog) -> None:
    cases: list[tuple[Json, str]] = [
        ({}, "ABBCCD"),
        ({"status": {"eq": "INVESTIGATING"}}, "ABBCCD"),
        ({"status": {"eq": "RESOLVED"}}, "C"),
        ({"severity": {"gt": "MAJOR"}}, "CC"),
        ({"number": {"in": [1, 2]}}, "ABB"),
        ({"open": False}, "C"),
        ({"system": {"in": ["search"]}}, "BBCC"),
        ({"openedBy": {"in": [catalog.opener]}}, "D"),
        ({"label": {"key": "team", "in": ["core", "shop"]}}, "AD"),
        ({"label": {"key": "team", "eq": "core"}}, "A"),
        ({"createdAt": {"lte": catalog.moments["b"]}}, "ABB"),
        ({"resolvedAt": {"gte": "2020-01-01T00:00:00Z"}}, "C"),
        ({"not": {"severity": {"eq": "MAJOR"}}}, "ACC"),
        ({"and": [{"open": True}, {"or": [{"number": {"eq": 4}}, {"number": {"eq": 1}}]}]}, "AD"),
    ]
    for filter, titles in cases:
        nodes = (await api.responder.read(LOG, filter=filter))["incidentEvents"]["nodes"]
        assert (filter, "".join(node["incident"]["title"][0] for node in nodes)) == (filter, titles)


@pytest.mark.parametrize("field", ["CREATED_AT", "UPDATED_AT", "SEVERITY", "NUMBER"])
@pytest.mark.parametrize("direction", ["ASC", "DESC", None])
async def test_incidents_come_in_the_requested_order(
    api: Api, catalog: Catalog, field: str, direction: str | None
) -> None:
    nodes = (
        await api.anonymous.read(
            "query Q($order: IncidentOrder) { incidents(orderBy: $order, filter: {includeResolved: true})"
            " { nodes { id title CREATED_AT: createdAt UPDATED_AT: updatedAt SEVERITY: severity NUMBER: number } } }",
            order={"field": field} | ({"direction": direction} if direction else {}),
        )
    )["incidents"]["nodes"]
    ranks = {"MINOR": 1, "MAJOR": 2, "CRITICAL": 3}
    expected = sorted(nodes, key=lambda node: (ranks.get(node[field], node[field]), node["id"]))
    assert [node["title"] for node in nodes] == [
        node["title"] for node in (expected if direction == "ASC" else expected[::-1])
    ]


async def test_too_many_words_are_refused_with_the_field(api: Api, catalog: Catalog) -> None:
    document = "query Q($filter: IncidentFilter) { incidents(filter: $filter) { totalCount } }"
    fits = " ".join(f"{number}x" for number in range(31))
    assert (await api.anonymous.read(document, filter={"text": f"outage {fits}"}))["incidents"]["totalCount"] == 0
    for tree in ({"text": f"{fits} a b"}, {"or": [{"text": fits}, {"not": {"text": "a b"}}]}, {"text": "a" * 1_001}):
        error = await api.anonymous.error(document, filter=tree)
        assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["filter", "text"])


def test_events_have_every_filter_of_lists_but_those_that_states_do_not_answer() -> None:
    lists, events = ({field.name for field in fields(each)} for each in (IncidentFilter, IncidentEventFilter))
    assert lists - events == {*UNRECORDED, "include_resolved"}
    assert events <= lists


@on_both_databases
async def test_incidents_are_found_by_dedupe_key_and_by_the_links_that_are_seen(api: Api, domain: Domain) -> None:
    keyed = await make_incident(domain, dedupe_key="disk/full")
    linked = await make_incident(domain, "payments")
    for url, seen in (("https://example.com/a", Visibility.PUBLIC), ("https://example.com/b", Visibility.INTERNAL)):
        await domain.links.add(ADMIN, AddIncidentLink(incident_id=linked.id, url=url, visibility=seen))
    asked = "query ($f: IncidentFilter) { incidents(filter: $f) { totalCount nodes { id } } }"

    async def found(caller: Caller, **given: Any) -> list[str]:
        page = (await caller.read(asked, f=given))["incidents"]
        assert page["totalCount"] == len(page["nodes"])
        return [node["id"] for node in page["nodes"]]

    for _ in range(3):  # executed first, compiled then
        assert await found(api.anonymous, dedupeKey={"in": ["disk/full", "none"]}) == [keyed.id]
        assert await found(api.anonymous, dedupeKey={"in": [""]}) == []
        assert await found(api.anonymous, link={"in": ["https://example.com/a", "https://example.com/none"]}) == [
            linked.id
        ]
        assert await found(api.anonymous, link={"in": ["https://example.com/b"]}) == []
        assert await found(api.admin, link={"in": ["https://example.com/b"]}) == [linked.id]
        assert await found(api.admin, **{"not": {"link": {"in": ["https://example.com/b"]}}}) == [keyed.id]


async def test_an_order_names_each_field_once(api: Api) -> None:
    twice = "{ incidents(orderBy: {field: STATUS, thenBy: {field: STATUS}}) { totalCount nodes { id } } }"
    error = await api.anonymous.error(twice)
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["orderBy", "thenBy"])
