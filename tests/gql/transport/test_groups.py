"""Shared subscriptions: delivery to the members of a group, and its end."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.viewer import Audience
from domain.services.events import EventService, Watch
from domain.services.reads import Reads
from gql.compiled.events import CompiledEvent
from gql.transport import groups, sharing
from gql.transport.groups import Group
from gql.transport.members import SharedResult
from gql.types.change import IncidentChange
from tests.client import Json
from tests.factories import ADMIN, log_of, make_incident, make_system
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Running, serving, until
from tests.inside import inside

CHANGES = "subscription S($after: String, $f: IncidentEventFilter) { incidentChanges(after: $after, filter: $f) {"
PLAIN = f"{CHANGES} version changedFields delta incidentId }} }}"
SHOWING = f"{CHANGES} version incident {{ title }} }} }}"
INCIDENT = "subscription S($id: ID!, $after: String) { incident(id: $id, after: $after) { version title } }"


# ------------------------------------------------------------------------------------------------ what all of them get


async def test_only_groups_that_may_want_a_change_are_checked(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"system-{number}" for number in range(20)]
    for key in keys:
        await make_system(domain, key)
    moved = await make_incident(domain, keys[0])
    asked: list[Watch] = []
    original = Watch.wants

    def wants(watch: Watch, change: Any) -> bool:
        asked.append(watch)
        return original(watch, change)

    monkeypatch.setattr(Watch, "wants", wants)
    async with served.socket() as raw:
        for key in keys:
            await raw.subscribe(PLAIN, id=key, f={"system": {"in": [key]}})
        await until(lambda: served.members == 20)
        await domain.incidents.update(ADMIN, UpdateIncident(id=moved.id, systems=[keys[1]]))
        received = [await raw.next() for _ in range(2)]
        await raw.ping()
    assert {message["id"] for message in received} == {keys[0], keys[1]}
    assert len(asked) == 2


async def test_errors_of_an_execution_are_shared(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def broken(_: Reads, ids: Any) -> Any:
        calls.append(ids)
        raise RuntimeError("with a secret")

    monkeypatch.setattr(Reads, "incidents", broken)
    async with served.socket() as one, served.socket() as other:
        for raw in (one, other):
            await raw.subscribe(SHOWING)
        await until(lambda: served.members == 2)
        await make_incident(domain)
        payloads = [(await raw.next())["payload"] for raw in (one, other)]
    assert payloads[0] == payloads[1]
    assert payloads[0]["data"] == {"incidentChanges": {"version": 1, "incident": None}}
    assert payloads[0]["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str(payloads)
    assert len(calls) == 1


async def test_events_after_the_first_take_no_executor(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "WARM", 1)
    async with served.socket() as raw:
        await raw.subscribe(SHOWING)
        await until(lambda: served.members == 1)
        incident = await make_incident(domain)
        first = (await raw.next())["payload"]
        monkeypatch.setattr(IncidentChange, "of", None)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Two"))
        second = (await raw.next())["payload"]
    assert list(first) == list(second) == ["data", "extensions"]
    assert second["data"] == {"incidentChanges": {"version": 2, "incident": {"title": "Two"}}}
    assert second["extensions"]["cursor"] == domain.events.cursor_of(await domain.events.head())


@pytest.mark.parametrize("failure", [None, RuntimeError("a fault")], ids=["nothing read", "a fault"])
async def test_an_event_that_a_function_does_not_answer_is_executed(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    monkeypatch.setattr(groups, "WARM", 1)
    asked = []

    async def data(*_: Any) -> None:
        asked.append(1)
        if failure is not None:
            raise failure

    monkeypatch.setattr(CompiledEvent, "data", data)
    async with served.socket() as raw:
        await raw.subscribe(SHOWING)
        await until(lambda: served.members == 1)
        incident = await make_incident(domain)
        for title in ("Two", "Three"):
            await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title=title))
        shown = [change["version"] for change in await raw.data(3)]
    assert (shown, len(asked)) == ([1, 2, 3], 2)


async def test_a_source_that_fails_between_two_events_is_an_error_for_all(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await make_incident(domain)

    async def broken(*_: Any) -> Any:
        raise RuntimeError("with a secret")

    async with served.socket() as one, served.socket() as other:
        for raw in (one, other):
            await raw.send(_watch(incident.id))
            await raw.data()
        await until(lambda: served.members == 2)
        monkeypatch.setattr(Reads, "incidents", broken)
        await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Two"))
        for raw in (one, other):
            message = await raw.next()
            assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
            await raw.ping()


async def test_a_failed_feed_ends_all_groups_and_starts_again(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    original = EventService.follow_raw

    async def broken(service: EventService, position: int) -> Any:
        async with aclosing(original(service, position)) as changes:
            await anext(changes)
        raise RuntimeError("the database is gone")
        yield

    monkeypatch.setattr(EventService, "follow_raw", broken)
    async with served.socket() as raw, served.stream(query=PLAIN) as stream:
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 2)
        await make_incident(domain)
        assert (await raw.next())["payload"][0]["extensions"]["code"] == "INTERNAL"
        event = await stream.next()
        assert event is not None
        assert event["data"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        monkeypatch.undo()
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
        incident = await make_incident(domain)
        assert (await raw.data())[0]["incidentId"] == incident.id
    assert "the database is gone" in caplog.text


async def test_frames_equal_those_of_the_server_s_encoder(domain: Domain) -> None:
    shown = f"{CHANGES} delta incident {{ title description }} }} }}"
    texts: dict[str, list[str]] = {}
    start = await now(domain)
    async with (
        serving(domain) as wired,
        serving(domain, outermost=lambda app, _: app) as plain,
        wired.socket() as one,
        plain.socket() as other,
    ):
        sockets = {"wired": one, "plain": other}
        for raw in sockets.values():
            await raw.subscribe(shown, id='€"')
        await until(lambda: wired.members == plain.members == 1)
        for size in (0, 10, 125, 5000, 19_000):
            await make_incident(domain, description="é€" * (size // 2) or None)
        for name, raw in sockets.items():
            texts[name] = [await raw.text() for _ in range(5)]
        # What is caught up with is encoded by the library, one operation at a time.
        await one.subscribe(shown, id="2", after=start)
        texts["caught up"] = [(await one.text()).replace('"id":"2"', '"id":"€\\""', 1) for _ in range(5)]
    assert texts["wired"] == texts["plain"]
    assert [json.loads(text) for text in texts["caught up"]] == [json.loads(text) for text in texts["wired"]]


# ---------------------------------------------------------------------------------------------------------- how it ends


async def test_a_group_ends_with_the_last_member_and_leaves_no_task_running(served: Running, domain: Domain) -> None:
    async with served.socket() as raw:
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
    await until(served.idle)
    followers, tasks = len(inside(domain).tail._followers), len(asyncio.all_tasks())
    async with served.socket() as one, served.socket() as other, served.stream(query=PLAIN):
        for raw in (one, other):
            await raw.subscribe(PLAIN)
            await raw.subscribe(SHOWING, id="2")
        await until(lambda: served.members == 5)
        assert len(inside(domain).tail._followers) == followers + 1  # one feed for all groups
        await one.send({"id": "1", "type": "complete"}, {"id": "2", "type": "complete"})
        await one.ping()
        assert served.members == 3
        other.abort()
        await until(lambda: served.members == 1)
        assert len(served.endpoint.groups) == 1
    await until(served.idle)
    await until(lambda: len(asyncio.all_tasks()) <= tasks)
    assert len(inside(domain).tail._followers) == followers
    assert not served.endpoint.groups._listeners


async def test_a_deleted_incident_completes_all_subscriptions_to_that_incident(served: Running, domain: Domain) -> None:
    incident = await make_incident(domain)
    async with (
        served.socket() as one,
        served.socket() as other,
        served.stream(query=INCIDENT, id=incident.id) as stream,
    ):
        for raw in (one, other):
            await raw.send(_watch(incident.id))
            assert (await raw.data())[0]["version"] == 1
        await stream.data()
        await until(lambda: served.members == 3)
        await domain.incidents.delete(ADMIN, incident.id)
        for raw in (one, other):
            assert (await raw.next())["payload"]["data"] == {"incident": None}
            assert await raw.next() == {"id": "1", "type": "complete"}
            await raw.ping()
            await raw.send(_watch(incident.id))
            assert (await raw.next())["payload"][0]["extensions"]["code"] == "NOT_FOUND"
        assert await stream.data() == [None]
        ended = await stream.next()
        assert ended is not None
        assert ended["event"] == "complete"
        assert len(served.endpoint.groups) == 0


async def test_a_member_that_leaves_during_delivery_gets_no_further_frame(served: Running, domain: Domain) -> None:
    first, second = Recorder(), Recorder()
    group = await _group_of(served, first, second)
    first.on_delivery = lambda: group.leave(second)
    await make_incident(domain)
    await until(lambda: len(first.received) == 1)
    first.on_delivery = lambda: None
    await make_incident(domain)
    await until(lambda: len(first.received) == 2)
    assert second.received == []
    group.leave(first)


async def test_a_group_that_falls_too_far_behind_ends_instead_of_filling_the_memory(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "_MOST_QUEUED", 2)
    await make_incident(domain)
    [change] = await log_of(domain)
    async with served.socket() as raw:
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
        [group] = served.endpoint.groups._groups.values()
        for _ in range(3):
            group.put(change)
        message = await raw.next()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
        await make_incident(domain)
        assert (await raw.data())[0]["version"] == 1


async def test_a_member_that_joins_during_delivery_catches_up_first(served: Running, domain: Domain) -> None:
    first, late = Recorder(), Recorder()
    group = await _group_of(served, first)
    late.last = first.last
    joined: list[bool] = []
    first.on_delivery = lambda: joined.append(group.join(late))
    await make_incident(domain)
    await until(lambda: len(first.received) == 1)
    assert joined == [False]
    group.leave(first)


async def test_a_reused_id_gets_no_frame_of_the_former_subscription(served: Running, domain: Domain) -> None:
    await make_incident(domain)
    async with served.socket() as raw:
        for _ in range(8):
            await raw.subscribe(PLAIN)
            await raw.subscribe("{ viewer { role } }", id="2")
            assert (await raw.next())["id"] == "2"
            assert (await raw.next())["type"] == "complete"
            await until(lambda: served.members == 1)
            written = asyncio.create_task(make_incident(domain))
            await raw.send({"id": "1", "type": "complete"}, {"type": "ping"})
            while (await raw.next())["type"] != "pong":
                pass
            await raw.subscribe("{ viewer { role } }")
            assert "viewer" in (await raw.next())["payload"]["data"]
            assert (await raw.next())["type"] == "complete"
            await written


class Recorder:
    """A member that records its results."""

    def __init__(self) -> None:
        self.last = 0
        self.received: list[int] = []
        self.on_delivery: Any = lambda: None

    def deliver(self, result: SharedResult) -> None:
        self.received.append(result.seq)
        self.on_delivery()

    def finish(self, errors: list[Any] | None) -> None:
        raise AssertionError(errors)


async def _group_of(served: Running, *members: Recorder) -> Group:
    shared = sharing.shared_operation(served.endpoint.groups.core, PLAIN, None)
    assert shared is not None
    key = shared.key(PLAIN, {}, Audience.PUBLIC)
    assert key is not None
    group = served.endpoint.groups.of(key)
    assert await group.ready()
    for member in members:
        member.last = group.position
        assert group.join(member)
    return group


def _watch(incident_id: str) -> Json:
    return {"id": "1", "type": "subscribe", "payload": {"query": INCIDENT, "variables": {"id": incident_id}}}
