"""Live lists: one state for each group, steps of one statement, and joining at a step."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, UpdateIncident
from domain.model.incident import Incident, Severity
from domain.model.viewer import Role, Visibility
from domain.persistence.projections import Projection
from domain.services.list_readers import IncidentReader, Whole
from gql.transport.groups import _AT_ONCE
from gql.transport.list_groups import ListGroup
from tests.client import Json
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Raw, Running, until
from tests.inside import inside

DECLARED = "$after: String, $first: Int, $f: IncidentFilter, $o: IncidentOrder"
ARGUMENTS = "after: $after, first: $first, filter: $f, orderBy: $o"
LIST = f"""subscription ({DECLARED}) {{ incidentList({ARGUMENTS}) {{ cursor startsOver totalCount changes {{
  __typename action at: index previousIndex incidentId
  incident {{ id title version updates(first: 1) {{ nodes {{ message }} }} systems {{ key }} }}
}} }} }}"""
COUNTED = "subscription ($f: IncidentFilter, $after: String) { incidentList(filter: $f, after: $after) { totalCount } }"
LATEST = {"field": "UPDATED_AT"}


async def test_a_list_begins_as_it_is_and_goes_on_with_its_changes(served: Running, domain: Domain, path: str) -> None:
    old = await make_incident(domain, title="Old")
    async with served.socket() as raw:
        await raw.subscribe(LIST, first=2)
        first = await _update(raw)
        new = await make_incident(domain, title="New")
        added = await _update(raw)
        await domain.incidents.delete(ADMIN, new.id)
        removed = await _update(raw)

    assert _shown(first) == (True, 1, [("PUT", 0, None, old.id, "Old")])
    assert _shown(added) == (False, 2, [("PUT", 0, None, new.id, "New")])
    assert _shown(removed) == (False, 1, [("REMOVE", None, 0, new.id, None)])
    assert removed["cursor"] == await now(domain)
    assert first["changes"][0]["incident"]["systems"] == [{"key": "payments"}]


async def test_a_list_resumes_with_what_changed_or_starts_over(served: Running, domain: Domain, path: str) -> None:
    kept, moved = await make_incident(domain, title="Kept"), await make_incident(domain, title="Moved")
    async with served.socket() as raw:
        await raw.subscribe(LIST, o=LATEST)
        cursor = (await _update(raw))["cursor"]
    await domain.incidents.update(ADMIN, UpdateIncident(id=kept.id, title="Twice"))
    await domain.incidents.update(ADMIN, UpdateIncident(id=kept.id, title="Thrice"))
    async with served.socket() as raw:
        await raw.subscribe(LIST, id="a", o=LATEST, after=cursor)
        resumed = await _update(raw)
        await raw.subscribe(LIST, id="b", o=LATEST, after=resumed["cursor"])
        nothing = await _update(raw)
        await raw.subscribe(LIST, id="c", o=LATEST, after=inside(domain).cursors.position(10**6))
        unknown = await _update(raw)
        await raw.subscribe(LIST, id="d", o=LATEST, after="made up")
        refused = await raw.next()

    assert _shown(resumed) == (False, 2, [("MOVE", 0, 1, kept.id, "Thrice")])
    assert _shown(nothing) == (False, 2, [])
    assert _shown(unknown) == (True, 2, [("PUT", 0, None, kept.id, "Thrice"), ("PUT", 1, None, moved.id, "Moved")])
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"] == {"code": "BAD_USER_INPUT", "field": ["after"]}


async def test_a_change_that_is_hidden_moves_an_item_and_shows_nothing(served: Running, domain: Domain) -> None:
    first, second = await make_incident(domain, title="First"), await make_incident(domain, title="Second")
    async with served.socket() as public, served.socket(Role.RESPONDER) as insider:
        for raw in (public, insider):
            await raw.subscribe(LIST, o=LATEST)
            await _update(raw)
        note = AddIncidentUpdate(incident_id=first.id, message="Secret", visibility=Visibility.INTERNAL)
        await domain.timeline.add(ADMIN, note)
        seen, known = await _update(public), await _update(insider)

    assert _shown(seen) == (False, 2, [("MOVE", 0, 1, first.id, "First")])
    assert seen["changes"][0]["incident"] == {
        "id": first.id,
        "title": "First",
        "version": 2,
        "updates": {"nodes": []},
        "systems": [{"key": "payments"}],
    }
    assert known["changes"][0]["incident"]["updates"] == {"nodes": [{"message": "Secret"}]}
    assert second.id != first.id


async def test_a_text_filter_is_followed_as_far_as_the_audience_sees(served: Running, domain: Domain) -> None:
    incident = await make_incident(domain, title="Plain")
    async with served.socket() as public, served.socket(Role.RESPONDER) as insider:
        for raw in (public, insider):
            await raw.subscribe(LIST, f={"text": "disk"})
            assert _shown(await _update(raw)) == (True, 0, [])
        for seen in (Visibility.INTERNAL, Visibility.PUBLIC):
            note = AddIncidentUpdate(incident_id=incident.id, message="The disk", visibility=seen)
            await domain.timeline.add(ADMIN, note)
        found, known = await _update(public), await _update(insider)

    assert _shown(found) == (False, 1, [("PUT", 0, None, incident.id, "Plain")])
    assert _shown(known) == (False, 1, [("PUT", 0, None, incident.id, "Plain")])


async def test_a_step_is_one_statement_and_none_where_memory_suffices(
    served: Running, domain: Domain, reads: list[int]
) -> None:
    incidents = [await make_incident(domain, title=f"Number {number}") for number in range(8)]
    async with served.socket() as raw:
        await raw.subscribe(LIST, first=3)
        await _update(raw)
        reads.clear()
        await domain.incidents.update(ADMIN, UpdateIncident(id=incidents[-1].id, title="Within"))
        await _update(raw)
        assert reads == [1], "the changed item"
        await domain.incidents.update(ADMIN, UpdateIncident(id=incidents[0].id, title="Below"))
        await domain.incidents.delete(ADMIN, incidents[1].id)
        assert _shown(await _update(raw)) == (False, 7, [])
        assert reads == [1], "nothing that is shown"
        await domain.incidents.delete(ADMIN, incidents[-1].id)
        await _update(raw)
        assert reads == [1, 2], "the whole list, because one enters it from below"


async def test_all_who_join_at_once_share_one_read(served: Running, domain: Domain, reads: list[int]) -> None:
    await make_incident(domain)
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(served.socket()) for _ in range(3)]
        async with _held(served):
            for raw in sockets:
                for number in range(4):
                    await raw.subscribe(COUNTED, id=str(number))
            await until(lambda: _arriving(served) == 12)
        received = [await raw.data() for raw in sockets for _ in range(4)]

    assert received == [[{"totalCount": 1}]] * 12
    assert reads == [2]


async def test_what_memory_cannot_show_takes_the_other_path(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await make_incident(domain)
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        await _update(raw)
        executed: list[int] = []
        original = IncidentReader.whole

        async def whole(self: IncidentReader, size: int, departed: Sequence[str]) -> Whole[Incident]:
            executed.append(size)
            return await original(self, size, departed)

        async def unreadable(*_: Any) -> None:
            return None

        monkeypatch.setattr(IncidentReader, "whole", whole)
        monkeypatch.setattr(Projection, "read", unreadable)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Other"))
        changed = await _update(raw)

    assert _shown(changed) == (False, 1, [("PUT", 0, 0, incident.id, "Other")])
    assert executed == [25]


async def test_a_socket_that_leaves_while_it_joins_leaves_nothing(served: Running, domain: Domain) -> None:
    await make_incident(domain)
    async with served.socket() as raw:
        await raw.subscribe(LIST)
        await raw.send({"id": "1", "type": "complete"})
        await raw.send({"type": "ping"})
        while (await raw.next())["type"] != "pong":
            pass
        await until(lambda: not len(served.endpoint.groups))


async def test_bad_arguments_are_refused_to_each(served: Running, domain: Domain) -> None:
    await make_system(domain)
    async with served.socket() as raw:
        await raw.subscribe(LIST, id="a", first=101)
        await raw.subscribe(LIST, id="b", f={"system": {"in": ["nowhere"]}})
        await raw.subscribe(LIST, id="c", f={"openedBy": {"in": ["x"]}})
        await raw.subscribe(LIST, id="d", after=5)
        refusals = {
            message["id"]: message["payload"][0]["extensions"] for message in [await raw.next() for _ in "abcd"]
        }

    assert refusals["a"] == {"code": "BAD_USER_INPUT", "field": ["first"]}
    assert refusals["b"]["code"] == "UNKNOWN_SYSTEM"
    assert refusals["c"]["code"] == "FORBIDDEN"
    assert refusals["d"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_changes_that_come_together_are_folded_into_one_message(
    served: Running, domain: Domain, path: str
) -> None:
    incidents = [await make_incident(domain, title=f"Number {number}") for number in range(4)]
    async with served.socket() as raw:
        await raw.subscribe(LIST, o={"field": "SEVERITY"})
        items = _applied([], await _update(raw))
        async with _held(served):
            for incident, severity in zip(incidents, (Severity.MINOR, Severity.CRITICAL) * 2, strict=True):
                await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=severity))
            await until(lambda: served.endpoint.groups.position == inside(domain).tail.last)
        update = await _update(raw)
        items = _applied(items, update)

    assert update["cursor"] == await now(domain)
    assert [item["title"] for item in items] == ["Number 3", "Number 1", "Number 2", "Number 0"]


@asynccontextmanager
async def _held(served: Running) -> AsyncIterator[None]:
    """Let no group take a step while the block runs."""
    slots = served.endpoint.groups.execution_slots
    for _ in range(_AT_ONCE):
        await slots.acquire()
    yield
    for _ in range(_AT_ONCE):
        slots.release()


def _arriving(served: Running) -> int:
    groups = served.endpoint.groups._groups.values()
    return sum(len(group._arriving) for group in groups if isinstance(group, ListGroup))


async def _update(raw: Raw) -> Json:
    [update] = await raw.data()
    found: Json = update
    return found


def _shown(update: Json) -> tuple[bool, int, list[tuple[Any, ...]]]:
    changes = [
        (each["action"], each["at"], each["previousIndex"], each["incidentId"], (each["incident"] or {}).get("title"))
        for each in update["changes"]
    ]
    return update["startsOver"], update["totalCount"], changes


def _applied(items: list[Json], update: Json) -> list[Json]:
    items = [] if update["startsOver"] else items
    for change in update["changes"]:
        items = [item for item in items if item["id"] != change["incidentId"]]
        if change["incident"] is not None:
            items.insert(change["at"], change["incident"])
    return items
