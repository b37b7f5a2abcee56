"""The subscriptions to incidents: their events, cursors, order and end."""

import asyncio
from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, UpdateIncident
from domain.model.incident import Severity, Status
from tests.client import Api, Json
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.inside import inside

EVENTS = """
subscription S($after: String, $types: [IncidentEventType!], $filter: IncidentEventFilter) {
  incidentEvents(after: $after, types: $types, filter: $filter) {
    cursor changeId type trigger changedFields previous payload incidentId actor { name } cause { depth }
    incident { title status systems { key } }
  }
}
"""
CHANGES = """
subscription S($after: String, $filter: IncidentEventFilter) {
  incidentChanges(after: $after, filter: $filter) {
    cursor id action incidentId version changedFields delta incident { title }
  }
}
"""
INCIDENT = """
subscription S($id: ID!, $after: String) { incident(id: $id, after: $after) { title status version } }
"""


@on_both_databases
async def test_events_come_once_and_in_order_and_comments_fire_none(domain: Domain) -> None:
    after = await now(domain)
    incident = await make_incident(domain, title="One")
    await _comment(domain, incident.id)
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Two"))
    await set_status(domain, incident, Status.FIXING)
    async with watching(domain, EVENTS, after=after) as watcher:
        replayed = await watcher.data(2)
        await domain.incidents.resolve(ADMIN, incident.id)
        await domain.incidents.delete(ADMIN, incident.id)
        await make_incident(domain, title="Three")
        live = await watcher.data(2)
    assert [event["type"] for event in replayed + live] == ["CREATED", "UPDATED", "RESOLVED", "CREATED"]
    assert [event["trigger"] for event in live] == ["incident.resolved", "incident.created"]
    log = [change for change in await log_of(domain) if change.events]
    assert [event["changeId"] for event in replayed + live] == [change.id for change in log]


async def test_an_event_has_changed_fields_the_actor_and_the_present_incident(domain: Domain) -> None:
    incident = await make_incident(domain)
    after = await now(domain)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Later"))
    async with watching(domain, EVENTS, after=after) as watcher:
        [event] = await watcher.data(1)
    assert (event["changedFields"], event["previous"]) == (["severity"], {"severity": "major"})
    assert (event["actor"], event["cause"]) == ({"name": "admin"}, {"depth": 0})
    assert event["incident"] == {"title": "Later", "status": "INVESTIGATING", "systems": [{"key": "payments"}]}
    assert event["payload"]["title"] == "Checkout fails"
    assert event["payload"]["severity"] == "critical"
    assert event["payload"]["incidentId"] == event["incidentId"] == incident.id


async def test_every_result_has_a_cursor_that_resumes_behind_it(domain: Domain) -> None:
    after = await now(domain)
    incident = await make_incident(domain)
    for status in (Status.IDENTIFIED, Status.FIXING, Status.MONITORING):
        await set_status(domain, incident, status)
    async with watching(domain, EVENTS, after=after) as watcher:
        results = [await watcher.next() for _ in range(4)]
    events = [result["data"]["incidentEvents"] for result in results]
    assert [result["extensions"]["cursor"] for result in results] == [event["cursor"] for event in events]
    for index, event in enumerate(events[:-1]):
        async with watching(domain, EVENTS, after=event["cursor"]) as watcher:
            assert await watcher.data(3 - index) == events[index + 1 :]


async def test_the_last_event_id_of_a_reconnecting_client_wins_over_after(domain: Domain) -> None:
    after = await now(domain)
    first = await make_incident(domain)
    seen = await now(domain)
    second = await make_incident(domain)
    async with watching(domain, EVENTS, after=after, last_event_id=seen) as watcher:
        [event] = await watcher.data(1)
    assert event["incidentId"] == second.id != first.id


async def test_a_subscription_without_after_has_live_events_only(domain: Domain) -> None:
    old = await make_incident(domain)
    async with watching(domain, CHANGES) as watcher:
        # A subscription begins when its first result is awaited; until then, what happens is of the past.
        first = asyncio.create_task(watcher.data(1))
        written = []
        while not first.done():
            written.append((await make_incident(domain)).id)
            await asyncio.wait({first}, timeout=0.05)
        [change] = await first
    assert change["incidentId"] in written
    assert old.id not in written


@pytest.mark.parametrize(
    ("types", "seen"),
    [
        (["CREATED"], ["CREATED", "CREATED"]),
        (["RESOLVED"], ["RESOLVED"]),
        (["UPDATED", "RESOLVED", "UPDATED"], ["UPDATED", "RESOLVED"]),
        (["ACKNOWLEDGED", "RESOLVED"], ["ACKNOWLEDGED", "RESOLVED"]),
        (None, ["CREATED", "UPDATED", "RESOLVED", "CREATED"]),
    ],
)
async def test_events_are_filtered_by_type(domain: Domain, types: list[str], seen: list[str]) -> None:
    after = await now(domain)
    incident = await make_incident(domain)
    await domain.responders.acknowledge(ADMIN, incident.id)
    await set_status(domain, incident, Status.FIXING)
    await set_status(domain, incident, Status.RESOLVED)
    last = await make_incident(domain)
    async with watching(domain, EVENTS, after=after, types=types) as watcher:
        events = await watcher.data(len(seen))
        assert [event["type"] for event in events] == seen
        if "CREATED" in seen:
            assert events[-1]["incidentId"] == last.id


@on_both_databases
async def test_an_event_matches_by_the_incident_before_or_after(domain: Domain) -> None:
    await make_system(domain, "search")
    after = await now(domain)
    incident = await make_incident(domain)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["search"]))
    await set_status(domain, incident, Status.FIXING)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["payments", "search"]))
    on_payments = {"system": {"in": ["payments"]}}
    async with watching(domain, EVENTS, after=after, filter=on_payments) as watcher:
        events = await watcher.data(3)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["search"]))
        live = await watcher.data(1)
    assert [event["changedFields"] for event in events] == [
        ["severity", "status", "systemIds"],
        ["systemIds"],
        ["systemIds"],
    ]
    assert len(live[0]["previous"]["systemIds"]) == 2


async def test_every_change_comes_with_a_delta(domain: Domain) -> None:
    after = await now(domain)
    incident = await make_incident(domain, initial_message="Hm")
    comment = await _comment(domain, incident.id)
    link = (
        await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))
    ).value.link
    assert link is not None
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Two", severity=Severity.MINOR))
    await domain.timeline.delete(ADMIN, update_id=comment, incident_id=incident.id)
    await domain.incidents.resolve(ADMIN, incident.id, message="Over")
    await domain.incidents.delete(ADMIN, incident.id)
    async with watching(domain, CHANGES, after=after) as watcher:
        changes = await watcher.data(7)
    assert [(change["action"], change["changedFields"]) for change in changes] == [
        ("CREATED", ["severity", "status", "systemIds", "updates"]),
        ("UPDATED", ["updates"]),
        ("UPDATED", ["links"]),
        ("UPDATED", ["severity", "title"]),
        ("UPDATED", ["updates"]),
        ("RESOLVED", ["resolvedAt", "status", "updates"]),
        ("DELETED", ["severity", "status", "systemIds"]),
    ]
    assert [change["version"] for change in changes] == [1, 2, 3, 4, 5, 6, 7]
    assert changes[1]["delta"] == {"updates": {"added": [comment]}}
    assert changes[2]["delta"] == {"links": {"added": [link.id]}}
    assert changes[3]["delta"] == {"severity": "minor", "title": "Two"}
    assert changes[4]["delta"] == {"updates": {"removed": [comment]}}
    assert changes[6]["delta"] == {}
    assert {change["incidentId"] for change in changes} == {incident.id}
    assert [change["incident"] for change in changes] == [None] * 7


async def test_an_event_shows_values_read_after_it(domain: Domain) -> None:
    incident = await make_incident(domain, title="One")
    async with watching(domain, CHANGES, after=await now(domain)) as watcher:
        for title in ("Two", "Three"):
            await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title=title))
            [change] = await watcher.data(1)
            assert change["incident"] == {"title": title}


async def test_an_incident_shown_twice_in_an_event_is_read_once(
    domain: Domain, count_statements: CountStatements
) -> None:
    await make_incident(domain)
    document = "subscription { incidentChanges(after: AFTER) { a: incident { title } b: incident { status } } }"
    start = inside(domain).cursors.position(0)
    with count_statements() as sent:
        async with watching(domain, document.replace("AFTER", f'"{start}"')) as watcher:
            await watcher.data(1)
    assert len([statement for statement in sent if "FROM incidents" in statement]) == 1


async def test_an_incident_comes_at_once_after_every_change_and_ends_with_null(domain: Domain) -> None:
    incident = await make_incident(domain)
    other = await make_incident(domain)
    async with watching(domain, INCIDENT, id=incident.id) as watcher:
        assert await watcher.data(1) == [{"title": "Checkout fails", "status": "INVESTIGATING", "version": 1}]
        await domain.incidents.resolve(ADMIN, other.id)
        await _comment(domain, incident.id)
        assert (await watcher.data(1))[0]["version"] == 2
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Two"))
        assert await watcher.data(1) == [{"title": "Two", "status": "INVESTIGATING", "version": 3}]
        await domain.incidents.delete(ADMIN, incident.id)
        assert await watcher.data(1) == [None]
        assert await watcher.ended()


async def test_an_incident_resumed_from_the_latest_cursor_comes_on_the_next_change(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _comment(domain, incident.id)
    latest = await now(domain)
    async with watching(domain, INCIDENT, id=incident.id, after=latest) as watcher:
        first = asyncio.create_task(watcher.next())
        await asyncio.wait({first}, timeout=0.1)
        assert not first.done()
        await domain.incidents.resolve(ADMIN, incident.id)
        assert (await first)["data"]["incident"]["version"] == 3
    async with watching(domain, INCIDENT, id=incident.id, after=latest) as watcher:
        assert (await watcher.data(1))[0]["version"] == 3


async def test_the_cursor_of_an_incident_s_state_resumes_behind_it(domain: Domain) -> None:
    incident = await make_incident(domain)
    async with watching(domain, INCIDENT, id=incident.id) as watcher:
        cursor = (await watcher.next())["extensions"]["cursor"]
    assert cursor == await now(domain)
    await domain.incidents.resolve(ADMIN, incident.id)
    async with watching(domain, INCIDENT, id=incident.id, after=cursor) as watcher:
        result = await watcher.next()
    assert result["data"]["incident"]["status"] == "RESOLVED"
    assert result["extensions"]["cursor"] == await now(domain)


async def test_an_incident_deleted_meanwhile_ends_with_null(domain: Domain) -> None:
    incident = await make_incident(domain)
    seen = await now(domain)
    await domain.incidents.delete(ADMIN, incident.id)
    async with watching(domain, INCIDENT, id=incident.id, after=seen) as watcher:
        assert await watcher.data(1) == [None]
        assert await watcher.ended()


@pytest.mark.parametrize("id", ["inc_00000000000000000000000000", "nothing", ""])
async def test_an_unknown_incident_is_not_found(domain: Domain, id: str) -> None:
    for after in (None, await now(domain)):
        async with watching(domain, INCIDENT, id=id, after=after) as watcher:
            error = await watcher.error()
            assert (error["code"], error["field"]) == ("NOT_FOUND", ["id"])
            assert await watcher.ended()


@pytest.mark.parametrize("document", [EVENTS, CHANGES])
async def test_a_pruned_cursor_is_expired(domain: Domain, clock: SteppingClock, document: str) -> None:
    await make_incident(domain)
    cursor = inside(domain).cursors.position(0)
    clock.advance(days=2)
    before = clock.moment - timedelta(days=1)
    await inside(domain).database.write(lambda unit: unit.changes.prune(before=before, limit=100))
    async with watching(domain, document, after=cursor) as watcher:
        error = await watcher.error()
    assert (error["code"], error["field"]) == ("CURSOR_EXPIRED", ["after"])
    assert "subscribe again" in error["message"]


async def test_a_cursor_from_ahead_of_the_log_is_expired(domain: Domain) -> None:
    async with watching(domain, CHANGES, after=inside(domain).cursors.position(99)) as watcher:
        assert (await watcher.error())["code"] == "CURSOR_EXPIRED"


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        (CHANGES, {"after": "nonsense"}, "BAD_USER_INPUT"),
        (EVENTS, {"types": []}, "BAD_USER_INPUT"),
        (EVENTS, {"filter": {"or": []}}, "BAD_USER_INPUT"),
        (CHANGES, {"filter": {"system": {"in": ["nowhere"]}}}, "UNKNOWN_SYSTEM"),
        (EVENTS, {"types": ["NOPE"]}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription {", {}, "GRAPHQL_PARSE_FAILED"),
    ],
    ids=["cursor", "types", "filter", "system", "enum", "field", "syntax"],
)
async def test_a_subscription_that_cannot_begin_has_an_error(
    domain: Domain, document: str, variables: Json, code: str
) -> None:
    async with watching(domain, document, **variables) as watcher:
        assert (await watcher.error())["code"] == code


async def test_the_log_as_a_list_equals_the_subscriptions_with_the_same_cursors(api: Api, domain: Domain) -> None:
    start = inside(domain).cursors.position(0)
    incident = await make_incident(domain)
    await _comment(domain, incident.id)
    await set_status(domain, incident, Status.FIXING)
    await domain.incidents.resolve(ADMIN, incident.id)
    for name, count in (("incidentChanges", 4), ("incidentEvents", 3)):
        fields = "cursor id changedFields"
        listed = (await api.anonymous.read(f"{{ {name} {{ edges {{ cursor }} nodes {{ {fields} }} }} }}"))[name]
        live = f"subscription S($after: String) {{ {name}(after: $after) {{ {fields} }} }}"
        assert [edge["cursor"] for edge in listed["edges"]] == [node["cursor"] for node in listed["nodes"]]
        assert len(listed["nodes"]) == count
        for index, cursor in enumerate([start, *(node["cursor"] for node in listed["nodes"][:-1])]):
            async with watching(domain, live, after=cursor) as watcher:
                assert await watcher.data(count - index) == listed["nodes"][index:]


async def _comment(domain: Domain, incident_id: str) -> str:
    written = await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident_id, message="Hm"))
    assert written.value.update is not None
    return written.value.update.id
