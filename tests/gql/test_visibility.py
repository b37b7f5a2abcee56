"""The parts of the API that each audience sees; a hidden object looks like a missing one."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.change import Change
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, EditIncidentUpdate, UpdateIncidentLink
from domain.model.incident import Incident, IncidentLink, IncidentUpdate
from domain.model.viewer import ANONYMOUS, Role, Viewer, Visibility
from tests.client import Api, Caller
from tests.factories import ADMIN, log_of, make_incident
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching

SEEN = {
    "anonymous": ["PUBLIC"],
    "viewer": ["PUBLIC", "LOGGED_IN"],
    "responder": ["PUBLIC", "LOGGED_IN", "INTERNAL"],
    "admin": ["PUBLIC", "LOGGED_IN", "INTERNAL"],
}
EVERYBODY = pytest.mark.parametrize("name", SEEN)
VIEWERS = {
    "anonymous": ANONYMOUS,
    "viewer": Viewer(actor=Actor(type=ActorType.APPLICATION, id="tok_viewer", name="viewer"), role=Role.VIEWER),
    "admin": ADMIN,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """An incident with an entry and a link for each visibility, which are named after it."""

    incident: Incident
    entries: dict[str, IncidentUpdate]
    links: dict[str, IncidentLink]
    changes: list[Change]


@pytest.fixture
async def parts(domain: Domain) -> Parts:
    incident = await make_incident(domain)
    entries, links = {}, {}
    for visibility in Visibility:
        entry = AddIncidentUpdate(incident_id=incident.id, message=f"said{visibility}", visibility=visibility)
        link = AddIncidentLink(
            incident_id=incident.id, url=f"https://example.com/{visibility}", visibility=visibility, label="secret"
        )
        written = (await domain.timeline.add(ADMIN, entry)).value.update
        linked = (await domain.links.add(ADMIN, link)).value.link
        assert written is not None
        assert linked is not None
        entries[visibility.name], links[visibility.name] = written, linked
    return Parts(incident, entries, links, list(await log_of(domain, incident)))


@on_both_databases
async def test_a_timeline_and_the_links_show_and_count_visible_parts_only(api: Api, parts: Parts) -> None:
    document = """
      query Q($id: ID!) {
        incident(id: $id) {
          updates { totalCount nodes { visibility } edges { node { visibility } } pageInfo { hasNextPage } }
          links(first: 3) { totalCount nodes { visibility } pageInfo { hasNextPage } }
        }
      }
    """
    for name, seen in SEEN.items():
        incident = (await _as(api, name).read(document, id=parts.incident.id))["incident"]
        assert [node["visibility"] for node in incident["updates"]["nodes"]] == seen[::-1]
        assert [edge["node"]["visibility"] for edge in incident["updates"]["edges"]] == seen[::-1]
        assert [node["visibility"] for node in incident["links"]["nodes"]] == seen
        assert incident["updates"]["totalCount"] == incident["links"]["totalCount"] == len(seen)
        assert not incident["updates"]["pageInfo"]["hasNextPage"]
        assert not incident["links"]["pageInfo"]["hasNextPage"]


@EVERYBODY
async def test_a_hidden_node_looks_like_a_missing_one(api: Api, parts: Parts, name: str) -> None:
    caller = _as(api, name)
    touching = {change.touched[0].id: change.id for change in parts.changes if change.touched}
    for visibility in Visibility:
        entry, link = parts.entries[visibility.name].id, parts.links[visibility.name].id
        ids = [entry, link, touching[entry], touching[link]]
        missing = [f"{prefix}_00000000000000000000000000" for prefix in ("upd", "lnk", "chg", "chg")]
        nodes = (await caller.read("query Q($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids + missing))["nodes"]
        shown = [{"id": id} for id in ids] if visibility.name in SEEN[name] else [None] * 4
        assert nodes == shown + [None] * 4
        node = await caller.read("query Q($id: ID!) { node(id: $id) { id } }", id=entry)
        assert node == {"node": shown[0]}


@on_both_databases
async def test_search_finds_words_only_where_the_caller_may_read_them(api: Api, parts: Parts) -> None:
    document = "query Q($text: String) { incidents(filter: {text: $text}) { totalCount nodes { id } } }"
    for name, seen in SEEN.items():
        for visibility in Visibility:
            found = (await _as(api, name).read(document, text=f"said{visibility}"))["incidents"]
            assert (name, visibility, found["totalCount"]) == (name, visibility, int(visibility.name in seen))
        assert (await _as(api, name).read(document, text="checkout"))["incidents"]["totalCount"] == 1


@EVERYBODY
async def test_former_versions_of_an_entry_are_for_responders(
    api: Api, domain: Domain, parts: Parts, name: str
) -> None:
    entry = parts.entries["INTERNAL"]
    edit = EditIncidentUpdate(
        id=entry.id, incident_id=parts.incident.id, message="Fit for all", visibility=Visibility.PUBLIC
    )
    await domain.timeline.edit(ADMIN, edit)
    node = (
        await _as(api, name).read(
            "query Q($id: ID!) { node(id: $id) { ... on IncidentUpdate { message editHistory { message } } } }",
            id=entry.id,
        )
    )["node"]
    assert node["message"] == "Fit for all"
    assert node["editHistory"] == ([{"message": "saidinternal"}] if name in {"responder", "admin"} else [])


@on_both_databases
async def test_the_log_leaves_out_changes_of_hidden_parts(api: Api, parts: Parts) -> None:
    document = "{ incidentChanges { totalCount nodes { id changedFields delta } } }"
    for name, seen in SEEN.items():
        response = await _as(api, name).post(json={"query": document})
        page = response.json()["data"]["incidentChanges"]
        ids = [part[visibility].id for visibility in seen for part in (parts.entries, parts.links)]
        expected = [{"updates": {"added": [id]}} if id.startswith("upd") else {"links": {"added": [id]}} for id in ids]
        assert [node["delta"] for node in page["nodes"][1:]] == expected
        assert page["totalCount"] == 1 + 2 * len(seen)
        # Not even the manager's log holds the text: it is read where it is.
        assert "said" not in response.text
        assert "secret" not in response.text


@pytest.mark.parametrize("name", VIEWERS)
async def test_a_subscription_does_not_show_hidden_parts(domain: Domain, name: str) -> None:
    start = await now(domain)
    incident = await make_incident(domain, initial_message="Inside", initial_visibility=Visibility.INTERNAL)
    for visibility in reversed(Visibility):
        await domain.timeline.add(
            ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Hm", visibility=visibility)
        )
    await domain.incidents.resolve(ADMIN, incident.id)
    document = "subscription S($after: String) { incidentChanges(after: $after) { version changedFields delta } }"
    async with watching(domain, document, viewer=VIEWERS[name], after=start) as watcher:
        changes = await watcher.data(2 + len(SEEN[name]))
    versions = {"anonymous": [1, 4, 5], "viewer": [1, 3, 4, 5], "admin": [1, 2, 3, 4, 5]}
    assert [change["version"] for change in changes] == versions[name]
    assert ("updates" in changes[0]["changedFields"]) is (name == "admin")
    assert ("updates" in changes[0]["delta"]) is (name == "admin")


async def test_a_watched_incident_is_silent_on_hidden_changes(domain: Domain, parts: Parts) -> None:
    document = "subscription S($id: ID!) { incident(id: $id) { version updates { totalCount } } }"
    async with watching(domain, document, id=parts.incident.id) as watcher:
        assert (await watcher.data(1))[0]["updates"]["totalCount"] == 1
        await domain.timeline.delete(ADMIN, update_id=parts.entries["INTERNAL"].id, incident_id=parts.incident.id)
        await domain.timeline.delete(ADMIN, update_id=parts.entries["PUBLIC"].id, incident_id=parts.incident.id)
        [state] = await watcher.data(1)
    assert state["updates"]["totalCount"] == 0


#: The changes that a log shows of a part whose visibility goes from public to internal, logged in and public again.
EXPECTED = {
    "anonymous": ["removed", "added"],
    "viewer": ["removed", "added", "edited"],
    "admin": ["edited", "edited", "edited"],
}


@on_both_databases
@pytest.mark.parametrize("part", ["updates", "links"])
async def test_a_change_of_visibility_adds_or_removes_the_part_live_and_in_replay(
    api: Api, domain: Domain, parts: Parts, part: str
) -> None:
    subscription = "subscription S($after: String) { incidentChanges(after: $after) { delta changedFields } }"
    log = "query Q($after: String) { incidentChanges(after: $after) { nodes { delta changedFields } } }"
    identifier = (parts.entries if part == "updates" else parts.links)["PUBLIC"].id
    start = await now(domain)
    async with AsyncExitStack() as stack:
        live = {
            name: await stack.enter_async_context(watching(domain, subscription, viewer=viewer, after=start))
            for name, viewer in VIEWERS.items()
        }
        for visibility in (Visibility.INTERNAL, Visibility.LOGGED_IN, Visibility.PUBLIC):
            await _show(domain, parts.incident, part, identifier, visibility)
        for name, kinds in EXPECTED.items():
            expected = [{part: {kind: [identifier]}} for kind in kinds]
            received = await live[name].data(len(kinds))
            assert [change["delta"] for change in received] == expected
            assert {tuple(change["changedFields"]) for change in received} == {(part,)}
            async with watching(domain, subscription, viewer=VIEWERS[name], after=start) as replay:
                assert await replay.data(len(kinds)) == received
            assert (await _as(api, name).read(log, after=start))["incidentChanges"]["nodes"] == received


async def _show(domain: Domain, incident: Incident, part: str, identifier: str, visibility: Visibility) -> None:
    if part == "updates":
        edit = EditIncidentUpdate(id=identifier, incident_id=incident.id, visibility=visibility)
        await domain.timeline.edit(ADMIN, edit)
    else:
        change = UpdateIncidentLink(id=identifier, incident_id=incident.id, visibility=visibility)
        await domain.links.update(ADMIN, change)


@EVERYBODY
async def test_an_event_s_payload_holds_no_text_of_the_timeline(
    api: Api, domain: Domain, parts: Parts, name: str
) -> None:
    await domain.incidents.resolve(ADMIN, parts.incident.id, message="saidlast")
    response = await _as(api, name).post(json={"query": "{ incidentEvents { nodes { payload previous trigger } } }"})
    assert [node["trigger"] for node in response.json()["data"]["incidentEvents"]["nodes"]] == [
        "incident.created",
        "incident.resolved",
    ]
    assert "said" not in response.text


@EVERYBODY
async def test_incidents_and_systems_are_for_all_who_may_read(api: Api, parts: Parts, name: str) -> None:
    data = await _as(api, name).read(
        "query Q($id: ID!) { incident(id: $id) { title systems { key } history { totalCount } }"
        ' system(key: "payments") { name } }',
        id=parts.incident.id,
    )
    assert data["system"] == {"name": "Payments"}
    assert data["incident"] == {
        "title": "Checkout fails",
        "systems": [{"key": "payments"}],
        "history": {"totalCount": 3},
    }


async def test_a_version_counts_hidden_changes_without_showing_them(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    document = """query Q($id: ID!) {
      incident(id: $id) { version updatedAt title } incidentChanges { totalCount nodes { version } }
    }"""
    before = await api.anonymous.read(document, id=incident.id)
    entry = AddIncidentUpdate(incident_id=incident.id, message="Hush", visibility=Visibility.INTERNAL)
    await domain.timeline.add(ADMIN, entry)
    after = await api.anonymous.read(document, id=incident.id)
    assert after["incident"]["version"] == before["incident"]["version"] + 1
    assert after["incident"]["updatedAt"] > before["incident"]["updatedAt"]
    assert after["incidentChanges"] == before["incidentChanges"]


def _as(api: Api, name: str) -> Caller:
    caller: Caller = getattr(api, name)
    return caller
