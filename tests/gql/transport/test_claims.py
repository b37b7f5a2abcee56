"""Limits on the sockets and unshared subscriptions of one caller."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError

from domain.model.actor import Actor, ActorType
from domain.model.viewer import ANONYMOUS, Audience, Role, Viewer
from domain.settings import Settings
from gql.context import Context
from gql.requests.addresses import neighbours_of
from gql.schema import schema
from gql.transport.claims import Claims
from gql.transport.sharing import GroupKey, shared_operation
from tests.gql.transport.sockets import Raw, Running, own_domain, serving, until

WATCH = "subscription S# { incidentChanges { incidentId } }"
#: Executed for each caller alone: the cursor that a subscriber goes on behind must mean nothing else in a shared one.
ALONE = "subscription($a: String) { a#: incidentChanges(after: $a) { incident { updates(after: $a) { totalCount } } } }"
FIRST = WATCH.replace("#", "1")
REFUSED = "SUBSCRIPTION_LIMIT"


@pytest.fixture
async def bounded(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Running]:
    """Yield a server with low limits."""
    limits = {"max_subscriptions_per_address": 2, "max_subscriptions_per_token": 3, "max_sockets_per_caller": 3}
    async with own_domain(sqlite_template, tmp_path, **limits) as domain, serving(domain) as running:
        yield running


async def begin(raw: Raw, document: str, count: int) -> None:
    """Begin that many different subscriptions."""
    for number in range(count):
        await raw.subscribe(document.replace("#", str(number)), id=str(number))
    await raw.ping()


async def refused(raw: Raw, document: str) -> bool:
    """Begin one more subscription; return whether it is refused."""
    await raw.subscribe(document, id="more")
    said: list[Any] = []
    for _ in range(3):  # operations are begun a few turns later than pings are answered
        await raw.send({"type": "ping"})
        while (message := await raw.next()) != {"type": "pong"}:
            said.append(message)
    assert [message["payload"][0]["extensions"]["code"] for message in said] in ([], [REFUSED])
    return bool(said)


@pytest.mark.parametrize("document", [WATCH, ALONE])
@pytest.mark.parametrize(("role", "most"), [(Role.ANONYMOUS, 2), (Role.VIEWER, 3)])
async def test_unshared_subscriptions_of_a_caller_are_limited(
    bounded: Running, document: str, role: Role, most: int
) -> None:
    async with bounded.socket(role) as raw, bounded.socket(role) as other:
        await begin(raw, document, most)
        assert await refused(other, document.replace("#", "99"))
        await raw.send({"id": "0", "type": "complete"})
        await raw.ping()
        assert not await refused(other, document.replace("#", "99"))
    await until(lambda: not len(bounded.endpoint.groups.claims))


async def test_shared_subscriptions_count_for_no_caller(bounded: Running) -> None:
    async with bounded.socket() as raw, bounded.socket() as again, bounded.socket(Role.ADMIN) as admin:
        await begin(raw, WATCH, 2)
        await begin(again, WATCH, 2)  # in the same ones a second time
        assert await refused(raw, WATCH.replace("#", "99"))
        # Another audience, so another execution: nobody shares that.
        await begin(admin, WATCH, 2)
        assert await refused(raw, WATCH.replace("#", "99"))


async def test_a_stream_too_many_is_answered_with_429(bounded: Running) -> None:
    async with bounded.stream(query=FIRST), bounded.stream(query=ALONE.replace("#", "")):
        await until(lambda: len(bounded.endpoint.groups.claims) == 3)
        for document in (WATCH.replace("#", "2"), ALONE.replace("#", "2")):
            async with bounded.stream(query=document) as stream:
                assert stream.response.status_code == 429
                assert REFUSED in (await stream.response.aread()).decode()
        async with bounded.stream(query=FIRST) as stream:  # one that is there already
            assert stream.response.status_code == 200
    await until(lambda: not len(bounded.endpoint.groups.claims))


async def test_sockets_and_streams_of_a_caller_are_bounded(bounded: Running) -> None:
    async with bounded.socket() as raw, bounded.socket(), bounded.stream(query=FIRST):
        await raw.subscribe(FIRST)
        await until(lambda: bounded.members == 2)
        async with bounded.raw() as late:
            await late.send({"type": "connection_init"})
            assert await late.closed() == (1013, REFUSED)
        async with bounded.stream(query=FIRST) as stream:
            assert stream.response.status_code == 429
        async with bounded.socket(Role.VIEWER):
            pass  # somebody else
    await until(lambda: not len(bounded.endpoint.groups.claims))
    async with bounded.socket():
        pass


# ------------------------------------------------------------------------------------------------------- whose is whose


def context(domain: Any, *, address: str = "", token: str = "") -> Context:
    """Return the context of a caller."""
    actor = Actor(type=ActorType.APPLICATION, id=token)
    viewer = Viewer(actor=actor, role=Role.VIEWER) if token else ANONYMOUS
    return Context(domain=domain, request_id="req_test", viewer=viewer, address=address)


def may(claims: Claims, caller: Context) -> bool:
    """Return whether the caller may begin one more subscription."""
    try:
        claims.check(caller, object())
    except GraphQLError:
        return False
    return True


def test_a_subscription_of_several_callers_counts_for_none() -> None:
    claims = Claims(Settings(max_subscriptions_per_address=1))
    one, other = context(None, address="192.0.2.1"), context(None, address="192.0.2.2")
    first = claims.enter(one, "s")
    assert not may(claims, one)
    second = claims.enter(other, "s")
    assert may(claims, one)
    assert may(claims, other)
    first.leave()
    first.leave()
    assert may(claims, one)
    assert not may(claims, other)
    second.leave()
    assert may(claims, other)
    assert len(claims) == 0


def test_a_network_of_ipv6_is_one_caller() -> None:
    claims = Claims(Settings(max_subscriptions_per_address=1))
    claims.enter(context(None, address="2001:db8::1"), "s")
    assert not may(claims, context(None, address="2001:db8::2:3:4"))
    assert may(claims, context(None, address="2001:db8:1::1"))
    assert may(claims, context(None, token="tok_1"))


FILTERED = "subscription S($f: IncidentEventFilter = {open: true}, $after: String) {"
FILTERED += " incidentChanges(filter: $f, after: $after) { incidentId } }"


def key(variables: dict[str, Any], document: str = FILTERED, name: str | None = None) -> GroupKey | None:
    """Return the key of the group of a subscriber with these variables."""
    shared = shared_operation(schema._schema, document, name)
    assert shared is not None
    return shared.key(document, variables, Audience.PUBLIC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"unused": 7}),
        ({}, {"f": {"open": True}}),
        ({"after": "a"}, {"after": None}),
        ({"f": {"status": {"in": "FIXING"}}}, {"f": {"status": {"in": ["FIXING"]}}}),
        ({"f": {"open": True, "number": {"eq": 1}}}, {"f": {"number": {"eq": 1.0}, "open": True}}),
    ],
)
def test_equal_variables_in_other_words_make_the_same_group(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key(one) == key(other) != key({"f": {"open": False}})
    assert hash(key(one)) == hash(key(other))


def test_the_name_of_the_only_operation_makes_no_other_group() -> None:
    assert key({}, name="S") == key({})


def test_wrong_variables_make_no_group() -> None:
    assert key({"f": {"nope": 1}}) is None


@pytest.mark.parametrize(
    ("one", "other", "are_neighbours"),
    [
        ("192.0.2.1", "192.0.2.255", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("::ffff:192.0.2.1", "192.0.2.2", True),
        ("2001:db8:1:1::1", "2001:db8:1:ffff::", True),
        ("2001:db8:1::", "2001:db8:2::", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "proxy", False),
    ],
)
def test_neighbours_are_those_whose_addresses_one_can_have_easily(
    one: str, other: str, *, are_neighbours: bool
) -> None:
    assert (neighbours_of(one) == neighbours_of(other)) is are_neighbours
