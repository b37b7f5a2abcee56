"""Role by visibility by operation: hidden parts are nowhere, and look like missing ones."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate
from domain.model.viewer import Role, Visibility
from tests.factories import ADMIN, make_incident
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import TOKENS, Running, own_domain, serving, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEEN = {
    Role.ANONYMOUS: {Visibility.PUBLIC},
    Role.VIEWER: {Visibility.PUBLIC, Visibility.LOGGED_IN},
    Role.RESPONDER: set(Visibility),
    Role.ADMIN: set(Visibility),
}
EVENTS = "subscription S($after: String) { incidentEvents(after: $after) { %s } }"
CHANGES = "subscription S($after: String) { incidentChanges(after: $after) { %s } }"
SHOWN = """
  title updates { totalCount nodes { id message visibility createdBy { name } editHistory { message } } }
  links { totalCount nodes { id url label visibility } }
"""
CHANGE = f"id version changedFields delta incident {{ {SHOWN} }}"
EVENT = f"id changedFields previous payload incident {{ {SHOWN} }}"
MISSING = "00000000000000000000000000"


@dataclass(frozen=True, slots=True)
class World:
    """A server, and an incident with an entry and a link of each visibility, which hold a word of their own."""

    running: Running
    http: httpx.AsyncClient
    incident_id: str
    start: str
    #: The ids of the entry and of the link, and of the changes that added them, of each visibility.
    ids: dict[Visibility, list[str]]

    async def ask(self, role: Role, query: str, **variables: Any) -> str:
        """Return the raw answer."""
        headers = {"authorization": f"Bearer {TOKENS[role]}"} if role is not Role.ANONYMOUS else {}
        body = {"query": query, "variables": variables}
        return (await self.http.post(self.running.url, json=body, headers=headers)).text


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Yield one server for all of these tests."""
    async with own_domain(sqlite_template, tmp_path_factory.mktemp("matrix")) as domain, serving(domain) as running:
        start = await now(domain)
        incident = await make_incident(domain)
        ids = {visibility: await _write(domain, incident.id, visibility) for visibility in Visibility}
        async with httpx.AsyncClient(verify=False) as http:
            yield World(running, http, incident.id, start, ids)


async def _write(domain: Domain, incident_id: str, visibility: Visibility, *, word: str = "first") -> list[str]:
    """Add an entry and a link; return their ids and those of the two changes."""
    secret = _secret(visibility, word)
    entry = AddIncidentUpdate(incident_id=incident_id, message=secret, visibility=visibility)
    link = AddIncidentLink(
        incident_id=incident_id, url=f"https://example.com/{secret}", label=secret, visibility=visibility
    )
    update = (await domain.timeline.add(ADMIN, entry)).value.update
    linked = (await domain.links.add(ADMIN, link)).value.link
    assert update is not None
    assert linked is not None
    head = await domain.events.head()
    changes = await domain.events.raw(head - 2, limit=2)
    return [update.id, linked.id, *(change.id for change in changes)]


def _secret(visibility: Visibility, word: str = "first") -> str:
    return f"word{visibility}{word}".replace("_", "")


# ----------------------------------------------------------------------------------------------------------- surfaces


async def _by_id(world: World, role: Role) -> str:
    return await world.ask(role, f"query Q($id: ID!) {{ incident(id: $id) {{ {SHOWN} }} }}", id=world.incident_id)


async def _by_node(world: World, role: Role) -> str:
    query = f"query Q($id: ID!) {{ node(id: $id) {{ ... on Incident {{ {SHOWN} }} }} }}"
    return await world.ask(role, query, id=world.incident_id)


async def _by_nodes(world: World, role: Role) -> str:
    query = """query Q($ids: [ID!]!) { nodes(ids: $ids) {
      id ... on IncidentUpdate { message } ... on IncidentLink { url label } ... on IncidentChange { delta }
    } }"""
    return await world.ask(role, query, ids=[id for ids in world.ids.values() for id in ids])


async def _by_list(world: World, role: Role) -> str:
    return await world.ask(role, f"{{ incidents {{ totalCount nodes {{ {SHOWN} }} }} }}")


async def _by_past(world: World, role: Role) -> str:
    cursor = json.loads(await world.ask(role, "{ cursor }"))["data"]["cursor"]
    query = f"""query Q($id: ID!, $cursor: String!) {{
      incident(id: $id, atCursor: $cursor) {{ {SHOWN} }} incidents(atCursor: $cursor) {{ nodes {{ {SHOWN} }} }}
    }}"""
    return await world.ask(role, query, id=world.incident_id, cursor=cursor)


async def _by_system(world: World, role: Role) -> str:
    return await world.ask(role, f'{{ system(key: "payments") {{ incidents {{ nodes {{ {SHOWN} }} }} }} }}')


async def _by_changes(world: World, role: Role) -> str:
    return await world.ask(role, f"{{ incidentChanges {{ totalCount nodes {{ {CHANGE} }} }} }}")


async def _by_events(world: World, role: Role) -> str:
    return await world.ask(role, f"{{ incidentEvents {{ totalCount nodes {{ {EVENT} }} }} }}")


async def _by_socket(world: World, role: Role) -> str:
    async with world.running.socket(role) as raw:
        await raw.subscribe(CHANGES % CHANGE, after=world.start)
        return "".join([await raw.text() for _ in range(1 + 2 * len(SEEN[role]))])


async def _by_stream(world: World, role: Role) -> str:
    async with world.running.stream(role, query=CHANGES % CHANGE, after=world.start) as stream:
        return json.dumps([await stream.next() for _ in range(1 + 2 * len(SEEN[role]))])


async def _by_state(world: World, role: Role) -> str:
    query = f"subscription S($id: ID!) {{ incident(id: $id) {{ {SHOWN} }} }}"
    async with world.running.socket(role) as raw:
        await raw.send(
            {"id": "1", "type": "subscribe", "payload": {"query": query, "variables": {"id": world.incident_id}}}
        )
        return await raw.text()


SURFACES: dict[str, Callable[[World, Role], Awaitable[str]]] = {
    "incident": _by_id,
    "node": _by_node,
    "nodes": _by_nodes,
    "incidents": _by_list,
    "the past": _by_past,
    "system": _by_system,
    "incidentChanges": _by_changes,
    "incidentEvents": _by_events,
    "replay over WebSocket": _by_socket,
    "replay over SSE": _by_stream,
    "state over WebSocket": _by_state,
}


@pytest.mark.parametrize("surface", SURFACES)
async def test_each_role_sees_only_parts_visible_to_that_role(world: World, surface: str) -> None:
    for role, seen in SEEN.items():
        shown = await SURFACES[surface](world, role)
        assert "errors" not in shown, role
        for visibility in Visibility:
            assert (_secret(visibility) in shown) == (visibility in seen), (role, visibility)
            if visibility not in seen:
                assert visibility.name not in shown, (role, visibility)
                assert [id for id in world.ids[visibility] if id in shown] == [], (role, visibility)


@pytest.mark.parametrize("role", SEEN)
async def test_hidden_parts_are_not_counted(world: World, role: Role) -> None:
    query = """query Q($id: ID!) {
      incident(id: $id) { updates { totalCount pageInfo { hasNextPage } } links(first: 1) { totalCount } }
      incidentChanges { totalCount } incidentEvents { totalCount }
    }"""
    data = json.loads(await world.ask(role, query, id=world.incident_id))["data"]
    seen = len(SEEN[role])
    assert data == {
        "incident": {
            "updates": {"totalCount": seen, "pageInfo": {"hasNextPage": False}},
            "links": {"totalCount": seen},
        },
        "incidentChanges": {"totalCount": 1 + 2 * seen},
        "incidentEvents": {"totalCount": 1},
    }


@pytest.mark.parametrize("visibility", Visibility)
@pytest.mark.parametrize("role", SEEN)
async def test_a_hidden_object_looks_like_a_missing_one(world: World, role: Role, visibility: Visibility) -> None:
    hidden = world.ids[visibility]
    missing = [f"{id.split('_')[0]}_{MISSING}" for id in hidden]
    nodes = " ".join(f"n{place}: node(id: $i{place}) {{ id }}" for place in range(4))
    query = f"""query Q($i0: ID!, $i1: ID!, $i2: ID!, $i3: ID!, $ids: [ID!]!, $t: String!) {{
      {nodes} nodes(ids: $ids) {{ id }} incidents(filter: {{text: $t}}) {{ totalCount nodes {{ title }} }}
      incidentCounts(filter: {{text: $t}}) {{ count }}
    }}"""
    answers = {}
    for name, ids, text in (("hidden", hidden, _secret(visibility)), ("missing", missing, "wordnowhere")):
        single = {f"i{place}": id for place, id in enumerate(ids)}
        answers[name] = await world.ask(role, query, ids=ids, t=text, **single)
        assert "errors" not in answers[name]
    assert (answers["hidden"] == answers["missing"]) == (visibility not in SEEN[role])


@pytest.mark.parametrize("visibility", Visibility)
@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.VIEWER])
async def test_a_refused_mutation_does_not_show_the_object(world: World, role: Role, visibility: Visibility) -> None:
    mutation = """mutation M($i: EditIncidentUpdateInput!) {
      editIncidentUpdate(input: $i) { userErrors { code message } update { id message } } }"""
    hidden, missing = [
        await world.ask(role, mutation, i={"id": id, "incidentId": world.incident_id, "message": "Mine"})
        for id in (world.ids[visibility][0], f"upd_{MISSING}")
    ]
    assert hidden == missing
    [error] = json.loads(hidden)["data"]["editIncidentUpdate"]["userErrors"]
    assert error["code"] in {"UNAUTHENTICATED", "FORBIDDEN"}


@pytest.mark.parametrize("role", SEEN)
@pytest.mark.parametrize("broken", ["{ incident(id: %s) { nope } }", "{ node(id: %s) { id } "])
async def test_errors_quote_no_stored_text(world: World, role: Role, broken: str) -> None:
    shown = await world.ask(role, broken % json.dumps(world.ids[Visibility.INTERNAL][0]))
    assert "errors" in shown
    assert "word" not in shown


@pytest.mark.parametrize("kind", ["changes", "events"])
async def test_live_events_hold_only_parts_visible_to_each_role(world: World, kind: str) -> None:
    running, domain = world.running, world.running.domain
    document = CHANGES % CHANGE if kind == "changes" else EVENTS % EVENT
    for role, seen in SEEN.items():
        incident = await make_incident(domain)
        async with running.socket(role) as raw, running.stream(role, query=document) as stream:
            await raw.subscribe(document)
            await until(lambda: running.members == 2)
            word = f"{role}{kind}"
            ids = {visibility: await _write(domain, incident.id, visibility, word=word) for visibility in Visibility}
            await domain.incidents.resolve(ADMIN, incident.id)
            count = 1 + 2 * len(seen) if kind == "changes" else 1
            pushed = [
                "".join([await raw.text() for _ in range(count)]),
                json.dumps([await stream.next() for _ in range(count)]),
            ]
            await raw.ping()
        for shown in pushed:
            for visibility in Visibility:
                assert (_secret(visibility, word) in shown) == (visibility in seen)
                if visibility not in seen:
                    assert [id for id in ids[visibility] if id in shown] == []
                    assert visibility.name not in shown
        await until(running.idle)
