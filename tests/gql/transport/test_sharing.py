"""Shared subscriptions: the subscribers that share an execution."""

import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink
from domain.model.viewer import Audience, Role, Visibility
from gql.context import GroupContext
from gql.transport import groups, sharing
from gql.types.change import IncidentChange
from tests.factories import ADMIN, make_incident
from tests.gql.subscriptions.watching import now
from tests.gql.transport.sockets import Running, until

CHANGES = "subscription S($after: String, $f: IncidentEventFilter) { incidentChanges(after: $after, filter: $f) {"
PLAIN = f"{CHANGES} version changedFields delta incidentId }} }}"
SHOWING = f"{CHANGES} version incident {{ title }} }} }}"
INCIDENT = "subscription S($id: ID!, $after: String) { incident(id: $id, after: $after) { version title } }"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Audience]:
    """Record the audience of every event, once per execution."""
    made: list[Audience] = []
    original = IncidentChange.of.__func__  # type: ignore[attr-defined] # a classmethod has one

    def of(cls: Any, change: Any, context: Any) -> Any:
        made.append(context.audience)
        return original(cls, change, context)

    monkeypatch.setattr(IncidentChange, "of", classmethod(of))
    monkeypatch.setattr(groups, "WARM", sys.maxsize)
    return made


async def test_equal_subscriptions_share_one_execution_from_any_cursor(
    served: Running, domain: Domain, executed: list[Audience]
) -> None:
    start = await now(domain)
    old = await make_incident(domain)
    async with served.socket() as one, served.socket() as other, served.socket() as third:
        await one.subscribe(PLAIN, id="a")
        await one.subscribe(PLAIN, id="b", after=None)
        await other.subscribe(PLAIN, id="c", after=await now(domain))
        await third.subscribe(PLAIN, after=start)
        assert (await third.data())[0]["incidentId"] == old.id
        await until(lambda: served.members == 4)
        executed.clear()
        incident = await make_incident(domain)
        received = [*await one.data(2), *await other.data(), *await third.data()]
    assert {change["incidentId"] for change in received} == {incident.id}
    assert executed == [Audience.PUBLIC]


@pytest.mark.parametrize(
    ("variables", "document"),
    [
        ({"f": {"severity": {"in": ["MAJOR"]}}}, PLAIN),
        ({}, PLAIN.replace("version", "version ")),
    ],
    ids=["variables", "document"],
)
async def test_different_subscriptions_share_no_execution(
    served: Running, domain: Domain, variables: dict[str, Any], document: str
) -> None:
    async with served.socket() as one, served.socket() as other:
        await one.subscribe(PLAIN)
        await other.subscribe(document, **variables)
        await until(lambda: served.members == 2)
        assert len(served.endpoint.groups) == 2
        incident = await make_incident(domain)
        assert (await one.data())[0]["incidentId"] == (await other.data())[0]["incidentId"] == incident.id


async def test_each_audience_has_a_separate_execution(
    served: Running, domain: Domain, executed: list[Audience]
) -> None:
    incident = await make_incident(domain)
    roles = (Role.ANONYMOUS, Role.VIEWER, Role.RESPONDER, Role.ADMIN)
    async with AsyncExitStack() as stack:
        sockets = {role: await stack.enter_async_context(served.socket(role)) for role in roles}
        for raw in sockets.values():
            await raw.subscribe(PLAIN)
        await until(lambda: served.members == 4)
        assert len(served.endpoint.groups) == 3
        for visibility in reversed(Visibility):
            link = AddIncidentLink(
                incident_id=incident.id, url=f"https://example.com/{visibility}", visibility=visibility
            )
            await domain.links.add(ADMIN, link)
        received = {
            role: [change["version"] for change in await raw.data(count)]
            for (role, raw), count in zip(sockets.items(), (1, 2, 3, 3), strict=True)
        }
    assert list(received.values()) == [[4], [3, 4], [2, 3, 4], [2, 3, 4]]
    assert sorted(executed) == [*["authenticated"] * 2, *["manager"] * 3, "public"]


async def test_streams_share_with_sockets(served: Running, domain: Domain, executed: list[Audience]) -> None:
    start = await now(domain)
    await make_incident(domain)
    async with served.socket() as raw, served.stream(query=PLAIN, after=start) as stream:
        await raw.subscribe(PLAIN)
        await stream.data()
        await until(lambda: served.members == 2)
        assert len(served.endpoint.groups) == 1
        executed.clear()
        await make_incident(domain)
        frame = await raw.next()
        event = await stream.next()
    assert event is not None
    assert event["data"] == frame["payload"]
    assert event["id"] == frame["payload"]["extensions"]["cursor"]
    assert executed == [Audience.PUBLIC]


async def test_a_field_that_depends_on_the_caller_is_executed_for_each(
    served: Running, domain: Domain, executed: list[Audience], viewer_dependent: None
) -> None:
    async with served.socket() as one, served.socket() as other:
        for raw in (one, other):
            await raw.subscribe(PLAIN, after=await now(domain))
            await raw.ping()
        await make_incident(domain)
        assert await one.data() == await other.data()
        assert len(served.endpoint.groups) == 0
    assert len(executed) == 2


@pytest.fixture
def viewer_dependent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `delta` a field that depends on the caller."""
    monkeypatch.setattr(sharing, "VIEWER_DEPENDENT_FIELDS", frozenset({"IncidentChange.delta"}))
    sharing._analysed.cache_clear()
    yield
    sharing._analysed.cache_clear()


@pytest.mark.parametrize("inside", [True, False], ids=["in a fragment", "in a spread"])
async def test_a_field_that_depends_on_the_caller_is_found_in_fragments(
    served: Running, viewer_dependent: None, inside: bool
) -> None:
    fragment = "fragment F on IncidentChange { delta }"
    part = "...F" if inside else "... on IncidentChange { delta }"
    document = f"subscription {{ incidentChanges {{ id {part} }} }} {fragment if inside else ''}"
    assert sharing.shared_operation(served.endpoint.groups.core, document, None) is None


async def test_a_resolver_that_reads_the_caller_of_a_group_is_a_logged_bug(
    served: Running, domain: Domain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(IncidentChange, "of", classmethod(lambda cls, change, context: context.viewer))
    async with served.socket() as raw:
        await raw.subscribe(PLAIN)
        await until(lambda: served.members == 1)
        await make_incident(domain)
        message = await raw.next()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        await raw.ping()
        await until(lambda: len(served.endpoint.groups) == 0)
    assert "must not look at the caller's viewer" in caplog.text


@pytest.mark.parametrize("name", ["viewer", "connection_params", "last_event_id"])
def test_the_context_of_a_group_has_no_caller(domain: Domain, name: str) -> None:
    context = GroupContext(domain=domain, request_id="req", shared_audience=Audience.MANAGER)
    assert context.audience is Audience.MANAGER
    context.require(Role.RESPONDER)
    with pytest.raises(RuntimeError, match=name):
        getattr(context, name)
    with pytest.raises(RuntimeError, match="admin"):
        context.require(Role.ADMIN)


@pytest.mark.parametrize(
    ("audience", "role"),
    [(Audience.PUBLIC, Role.ANONYMOUS), (Audience.AUTHENTICATED, Role.VIEWER), (Audience.MANAGER, Role.RESPONDER)],
)
def test_the_context_of_a_group_has_the_least_role_of_the_audience(
    domain: Domain, audience: Audience, role: Role
) -> None:
    context = GroupContext(domain=domain, request_id="req", shared_audience=audience)
    for asked in Role:
        if role.includes(asked):
            context.require(asked)
        else:
            with pytest.raises(RuntimeError, match=asked):
                context.require(asked)
