"""Progress of streams that are filtered: each ping says up to where all that matches was sent."""

import json

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from tests.client import Json
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Raw, Running, until
from tests.inside import inside

CHANGES = """subscription S($after: String, $f: IncidentEventFilter) {
  incidentChanges(after: $after, filter: $f) { incidentId }
}"""
ALONE = "subscription { ...F } fragment F on Subscription { incidentChanges { id } }"
ON_SEARCH = {"system": {"in": ["search"]}}
CHANGED = 20


async def test_a_ping_says_up_to_where_all_that_matches_was_sent(served: Running, domain: Domain) -> None:
    await make_system(domain, "search")
    async with served.socket() as raw:
        await raw.subscribe(CHANGES, f=ON_SEARCH)
        await until(lambda: served.members == 1)
        await make_incident(domain)
        cursor = await now(domain)
        await _until_fed(served, domain)
        await served.endpoint.sockets.ping()
        ping = json.loads(await raw.frame())
    wanted = await make_incident(domain, "search")
    async with served.socket() as raw:
        await raw.subscribe(CHANGES, f=ON_SEARCH, after=ping["payload"]["cursor"])
        received = await raw.data()

    assert ping == {"type": "ping", "payload": {"cursor": cursor}}
    assert received == [{"incidentId": wanted.id}]


async def test_a_ping_says_nothing_while_a_subscription_may_be_behind(served: Running) -> None:
    async with served.socket() as raw:
        await raw.subscribe(ALONE)
        await raw.ping()
        await served.endpoint.sockets.ping()
        assert json.loads(await raw.frame()) == {"type": "ping"}


async def test_what_a_ping_counts_as_sent_came_before_it(served: Running, domain: Domain) -> None:
    incident = await make_incident(domain)
    reached, seen = "", 0
    async with served.socket() as raw:
        await raw.subscribe(CHANGES)
        await until(lambda: served.members == 1)
        for number in range(CHANGED):
            await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title=f"Title {number}"))
            await served.endpoint.sockets.ping()
            await raw.send({"type": "pong"})
        while seen < CHANGED:
            message = await _message(raw)
            if message["type"] == "ping":
                reached = message["payload"]["cursor"]
            else:
                seen += 1
                assert message["payload"]["extensions"]["cursor"] > reached, "a ping had counted it already"


async def test_an_sse_stream_gets_ids_without_data(served: Running, domain: Domain) -> None:
    await make_system(domain, "search")
    async with served.stream(query=CHANGES, f=ON_SEARCH) as stream:
        await until(lambda: served.members == 1)
        await make_incident(domain)
        passed = await now(domain)
        await _until_fed(served, domain)
        for _ in range(2):
            served.endpoint.groups.report()
        await make_incident(domain, "search")
        lines = stream.response.aiter_lines()
        received = [await anext(lines) for _ in range(4)]

    assert received == [f"id: {passed}", "", f"id: {await now(domain)}", "event: next"]


async def _until_fed(served: Running, domain: Domain) -> None:
    """Wait until the feed of the groups has passed all that is committed."""
    head = await inside(domain).database.read(lambda session: session.changes.head())
    await until(lambda: served.endpoint.groups.position == head)


async def _message(raw: Raw) -> Json:
    message: Json = json.loads(await raw.frame())
    return message
