"""Subscriptions and lists about incidents skip other kinds in the log, and keep their position."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.incident import Health, Incident, Status
from domain.model.viewer import Audience
from domain.services.events import Watch
from tests.client import Api, Json
from tests.factories import ADMIN, log_of, make_incident, make_system, report_health, set_status
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.gql.transport.sockets import Raw, Running, serving, until

EVENTS = """
subscription S($after: String, $filter: IncidentEventFilter) {
  incidentEvents(after: $after, filter: $filter) { cursor id type incidentId }
}
"""
CHANGES = """
subscription S($after: String, $filter: IncidentEventFilter) {
  incidentChanges(after: $after, filter: $filter) { cursor id action incidentId }
}
"""
INCIDENT = "subscription S($id: ID!, $after: String) { incident(id: $id, after: $after) { version status } }"
FILTERS: list[Json | None] = [
    None,
    {"open": True},
    {"not": {"severity": {"eq": "MINOR"}}},
    {"or": [{"system": {"in": ["payments"]}}, {"createdAt": {"gte": "2020-01-01T00:00:00Z"}}]},
]


@pytest.fixture
async def served(domain: Domain) -> AsyncIterator[Running]:
    """Yield the application on a real server, where subscriptions are shared."""
    async with serving(domain) as running:
        yield running


@pytest.mark.parametrize("document", [EVENTS, CHANGES], ids=["events", "changes"])
async def test_a_subscription_skips_stored_and_live_reports(domain: Domain, document: str) -> None:
    await make_system(domain)
    for filter in FILTERS:
        after = await now(domain)
        incident = await _in_between(domain)
        async with watching(domain, document, after=after, filter=filter) as watcher:
            stored = await watcher.data(2)
            await report_health(domain, "payments", Health.DEGRADED)
            await domain.incidents.resolve(ADMIN, incident.id)
            live = await watcher.data(1)
        assert {node["incidentId"] for node in stored + live} == {incident.id}
        await report_health(domain, "payments", Health.HEALTHY)


@on_both_databases
async def test_the_cursor_of_a_report_resumes_with_the_next_incident_change(domain: Domain) -> None:
    incident = await make_incident(domain)
    await report_health(domain, "payments", Health.DEGRADED)
    at_report = await now(domain)
    await report_health(domain, "payments", Health.HEALTHY)
    await domain.incidents.resolve(ADMIN, incident.id)
    for document in (EVENTS, CHANGES):
        async with watching(domain, document, after=at_report) as watcher:
            [node] = await watcher.data(1)
            assert (node["incidentId"], node["cursor"]) == (incident.id, await now(domain))


async def test_an_incident_is_not_repeated_after_a_report(domain: Domain) -> None:
    incident = await make_incident(domain)
    known = await now(domain)
    await report_health(domain, "payments", Health.UNHEALTHY)
    async with watching(domain, INCIDENT, id=incident.id, after=known) as watcher:
        first = asyncio.create_task(watcher.data(1))
        await asyncio.wait({first}, timeout=0.1)
        await report_health(domain, "payments", Health.HEALTHY)
        await set_status(domain, incident, Status.FIXING)
        assert await first == [{"version": 2, "status": "FIXING"}]


@on_both_databases
async def test_the_log_as_a_list_has_changes_of_incidents_alone(api: Api, domain: Domain) -> None:
    await make_system(domain)
    incident = await _in_between(domain)
    await domain.systems.delete(ADMIN, "payments")
    expected = [change.id for change in await log_of(domain, incident)]
    for name, count, key in (("incidentChanges", 3, "id"), ("incidentEvents", 3, "id: changeId")):
        for filter in ("", "(filter: {not: {severity: {eq: MINOR}}})"):
            page = (await api.anonymous.read(f"{{ {name}{filter} {{ totalCount nodes {{ {key} cursor }} }} }}"))[name]
            assert (page["totalCount"], [node["id"] for node in page["nodes"]]) == (count, expected)
            rest = f'{{ {name}(after: "{page["nodes"][0]["cursor"]}") {{ nodes {{ {key} }} }} }}'
            assert [node["id"] for node in (await api.anonymous.read(rest))[name]["nodes"]] == expected[1:]


async def test_a_change_of_another_kind_is_no_node_and_no_history_of_an_incident(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    await report_health(domain, "payments", Health.UNHEALTHY)
    created, reported = await log_of(domain)
    document = "query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    found = (await api.admin.read(document, ids=[created.id, reported.id]))["nodes"]
    assert found == [{"id": created.id}, None]
    history = f'{{ incident(id: "{incident.id}") {{ history {{ totalCount }} }} }}'
    assert (await api.admin.read(history))["incident"]["history"]["totalCount"] == 3


async def test_a_subscription_with_a_system_s_id_gets_no_health(domain: Domain) -> None:
    system = await make_system(domain)
    await report_health(domain, "payments", Health.UNHEALTHY)
    [change] = await log_of(domain)
    assert change.concerns(Audience.PUBLIC)
    assert not Watch(audience=Audience.PUBLIC, entity_id=system.id).wants(change)
    assert await domain.events.latest(system.id, Audience.MANAGER) == 0


@pytest.mark.parametrize("document", [EVENTS, CHANGES], ids=["events", "changes"])
async def test_shared_subscriptions_skip_reports_and_keep_their_position(
    served: Running, domain: Domain, document: str
) -> None:
    await make_system(domain)
    start = await now(domain)
    async with served.socket() as live, served.socket() as late:
        await live.subscribe(document)
        await until(lambda: served.members == 1)
        incident = await _in_between(domain)
        received = [await _node(live) for _ in range(2)]
        await late.subscribe(document, after=start)
        caught_up = [await _node(late) for _ in range(2)]
        await report_health(domain, "payments", Health.DEGRADED)
        await domain.incidents.resolve(ADMIN, incident.id)
        assert await _node(live) == await _node(late)
    assert received == caught_up
    assert {node["incidentId"] for node in received} == {incident.id}


async def _in_between(domain: Domain) -> Incident:
    """Return an incident that was opened and changed, with reports of health before, between and after."""
    await report_health(domain, "payments", Health.DEGRADED)
    incident = await make_incident(domain, "payments")
    await report_health(domain, "payments", Health.UNHEALTHY)
    moved = await set_status(domain, incident, Status.FIXING)
    await report_health(domain, "payments", Health.HEALTHY)
    return moved


async def _node(raw: Raw) -> Any:
    payload = (await raw.next())["payload"]
    return next(iter(payload["data"].values()))
