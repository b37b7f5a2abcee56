"""graphql-transport-ws, frame by frame (PROTOCOL.md of enisdenjo/graphql-ws)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from domain.model.viewer import Role
from domain.services.events import EventService
from domain.services.tokens import TokenService
from tests.client import Json
from tests.factories import make_incident
from tests.gql.transport.sockets import TOKENS, Raw, Running, own_domain, serving
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")

INIT = {"type": "connection_init"}
ACK = {"type": "connection_ack"}
QUERY = "{ viewer { role } }"
ANSWER = {"data": {"viewer": {"role": "ANONYMOUS"}}}
REFUSED_PAGE = 'mutation { deleteIncident(input: {id: "inc_0"}) { incident { links(first: 0) { totalCount } } } }'
FOR_EVER = "subscription { incidentChanges { id } }"
ALONE = "subscription { ...F } fragment F on Subscription { incidentChanges { id } }"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Yield one server for all of these tests."""
    async with own_domain(sqlite_template, tmp_path_factory.mktemp("websocket")) as domain, serving(domain) as server:
        yield server


def subscribe(query: Any = QUERY, *, id: Any = "1", **payload: Any) -> Json:
    return {"id": id, "type": "subscribe", "payload": {"query": query, **payload}}


def answered(payload: Json = ANSWER, *, id: str = "1") -> list[Json]:
    return [{"id": id, "type": "next", "payload": payload}, {"id": id, "type": "complete"}]


def failed(code: str, *, id: str = "1") -> list[Json]:
    return [{"id": id, "type": "error", "payload": [{"extensions": {"code": code}}]}]


async def test_a_lone_surrogate_is_refused_and_the_socket_stays_open(running: Running) -> None:
    async with running.socket() as raw:
        for document in ("query Q($k: String!) { system(key: $k) { id } }", FOR_EVER):
            text = json.dumps(subscribe(document, variables={"k": "\ud800"}))
            await raw.send(text)
            message = await raw.next()
            assert (message["type"], message["payload"][0]["extensions"]["field"]) == ("error", ["k"])
        await raw.send(subscribe())
        assert [await raw.next(), await raw.next()] == answered()


# ------------------------------------------------------------------------------------------- before and around the ack


@pytest.mark.parametrize(
    ("sent", "received", "code"),
    [
        pytest.param([INIT], [ACK], None, id="ack"),
        pytest.param([INIT | {"payload": {"a": 1}}], [ACK], None, id="ack of a payload"),
        pytest.param([INIT | {"payload": None}], [ACK], None, id="init payload null"),
        pytest.param([INIT | {"payload": "x"}], [], 4400, id="init payload string"),
        pytest.param([INIT | {"payload": []}], [], 4400, id="init payload array"),
        pytest.param([INIT, INIT], [ACK], 4429, id="init twice"),
        pytest.param([INIT, subscribe(), INIT], [ACK], 4429, id="init twice, pipelined with an operation"),
        pytest.param([INIT, subscribe()], [ACK, *answered()], None, id="pipelined"),
        pytest.param([{"type": "ping"}], [{"type": "pong"}], None, id="ping before init"),
        pytest.param([subscribe()], [], 4401, id="subscribe before init"),
        pytest.param([INIT | {"payload": {"Authorization": "Bearer wrong"}}], [], 4403, id="wrong token"),
        pytest.param([INIT | {"payload": {"authorization": "x"}}], [], 4403, id="no bearer token"),
        pytest.param([INIT | {"payload": {"Authorization": 1}}], [], 4403, id="token a number"),
        pytest.param([INIT | {"payload": {"Authorization": None}}], [ACK], None, id="token null"),
        pytest.param([{"id": "9", "type": "complete"}], [], None, id="complete before init"),
        pytest.param([{"type": "pong"}], [], None, id="pong before init"),
    ],
)
async def test_the_handshake_follows_the_protocol(
    running: Running, sent: list[Any], received: list[Json], code: int | None
) -> None:
    async with running.raw() as raw:
        await _exchange(raw, sent, received, code)


async def test_a_silent_socket_is_closed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.endpoint, "connection_init_wait_timeout", timedelta(seconds=0.05))
    async with running.raw() as raw:
        assert await raw.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize("offered", [[], ["graphql-ws"], ["nonsense"]], ids=["none", "legacy", "unknown"])
async def test_a_socket_without_the_subprotocol_is_closed(running: Running, offered: list[Any]) -> None:
    async with running.raw(protocols=offered) as raw:
        assert (await raw.closed())[0] == 4406


async def test_the_subprotocol_is_found_among_others(running: Running) -> None:
    async with running.socket(protocols=["nonsense", "graphql-transport-ws"]) as raw:
        assert raw.connection.subprotocol == "graphql-transport-ws"


async def test_a_bug_while_opening_closes_with_4500_masked(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("with a secret")

    monkeypatch.setattr(TokenService, "viewer_of", broken)
    async with running.raw() as raw:
        await raw.send(INIT)
        assert await raw.closed() == (4500, "Internal server error")
    assert "with a secret" in caplog.text


@pytest.mark.parametrize(
    "allowed", [None, "http://127.0.0.1:{port}", "HTTP://127.0.0.1:{port}"], ids=["none", "same", "upper case"]
)
async def test_a_page_of_this_server_may_open_a_socket(running: Running, allowed: str | None) -> None:
    origin = allowed.format(port=running.port) if allowed else None
    async with running.socket(origin=origin) as raw:
        await raw.send({"type": "ping"})
        assert await raw.next() == {"type": "pong"}


@pytest.mark.parametrize("other", ["https://evil.example", "http://127.0.0.1:1", "null", "nonsense"])
async def test_a_page_of_another_server_is_refused(running: Running, other: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with running.raw(origin=other):
            pass
    assert refused.value.response.status_code == 403


# ------------------------------------------------------------------------------------------------- what must be 4400


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param("{", id="bad JSON"),
        pytest.param("", id="nothing"),
        pytest.param("[" * 100_000, id="deep JSON"),
        pytest.param('{"type": "ping", "payload": {"x": "\\ud800"},}', id="half a surrogate in no JSON"),
        pytest.param("null", id="null"),
        pytest.param("[]", id="array"),
        pytest.param('"x"', id="string"),
        pytest.param("1", id="number"),
        pytest.param({}, id="no type"),
        pytest.param({"type": None}, id="type null"),
        pytest.param({"type": []}, id="type an array"),
        pytest.param({"type": "start"}, id="unknown type"),
        pytest.param(b'{"type": "ping"}', id="binary"),
        pytest.param({"type": "ping", "payload": "x"}, id="ping payload string"),
        pytest.param({"type": "pong", "payload": []}, id="pong payload array"),
        pytest.param({"type": "complete"}, id="complete without id"),
        pytest.param({"type": "complete", "id": 1}, id="complete id number"),
        pytest.param(subscribe(id=1), id="id number"),
        pytest.param(subscribe(id=""), id="id empty"),
        pytest.param(subscribe(id={}), id="id object"),
        pytest.param(subscribe(id=None), id="id null"),
        pytest.param({"type": "subscribe", "payload": {"query": QUERY}}, id="id missing"),
        pytest.param({"id": "1", "type": "subscribe"}, id="payload missing"),
        pytest.param({"id": "1", "type": "subscribe", "payload": "x"}, id="payload string"),
        pytest.param({"id": "1", "type": "subscribe", "payload": {}}, id="query missing"),
        pytest.param(subscribe(1), id="query number"),
        pytest.param(subscribe(None), id="query null"),
        pytest.param(subscribe(variables=[]), id="variables array"),
        pytest.param(subscribe(variables="x"), id="variables string"),
        pytest.param(subscribe(extensions="x"), id="extensions string"),
        pytest.param(subscribe(operationName=1), id="operationName number"),
    ],
)
async def test_an_invalid_message_closes_the_socket(running: Running, frame: Any) -> None:
    async with running.socket() as raw:
        await raw.send(frame)
        code, reason = await raw.closed()
    assert code == 4400
    assert reason


async def test_a_frame_of_endless_length_closes_the_socket(running: Running) -> None:
    async with running.socket() as raw:
        await raw.send("x" * ((1 << 20) + 1))
        assert (await raw.closed())[0] == 1009


# --------------------------------------------------------------------------------------------------------- operations


@pytest.mark.parametrize(
    ("sent", "received", "code"),
    [
        pytest.param([{"type": "pong"}], [], None, id="pong"),
        pytest.param(
            [{"type": "ping", "payload": {"a": 1}}], [{"type": "pong", "payload": {"a": 1}}], None, id="ping payload"
        ),
        pytest.param([{"type": "ping", "payload": None}], [{"type": "pong"}], None, id="ping payload null"),
        pytest.param([subscribe()], answered(), None, id="query"),
        pytest.param([subscribe(variables=None, operationName=None, extensions=None)], answered(), None, id="nulls"),
        pytest.param(
            [subscribe(f"query A {QUERY} query B {{ x: __typename }}", operationName="A")],
            answered(),
            None,
            id="one of two operations",
        ),
        pytest.param([subscribe("{")], failed("GRAPHQL_PARSE_FAILED"), None, id="syntax error"),
        pytest.param([subscribe("")], failed("BAD_USER_INPUT"), None, id="empty document"),
        pytest.param([subscribe("{ nope }")], failed("GRAPHQL_VALIDATION_FAILED"), None, id="validation error"),
        pytest.param(
            [subscribe("subscription { nope }")],
            failed("GRAPHQL_VALIDATION_FAILED"),
            None,
            id="validation error of a subscription",
        ),
        pytest.param([subscribe(operationName="B")], failed("OPERATION_RESOLUTION_FAILURE"), None, id="unknown name"),
        pytest.param(
            [subscribe("query A { x: __typename } query B { x: __typename }")],
            failed("OPERATION_RESOLUTION_FAILURE"),
            None,
            id="two operations without a name",
        ),
        pytest.param(
            [subscribe("fragment F on Viewer { role }")],
            failed("OPERATION_RESOLUTION_FAILURE"),
            None,
            id="no operation",
        ),
        pytest.param(
            [subscribe("{ incidents(first: 9000) { totalCount } }")],
            answered({"data": None, "errors": [{"extensions": {"code": "BAD_USER_INPUT"}}]}),
            None,
            id="refused by a resolver",
        ),
        pytest.param(
            [subscribe("query Q($id: ID!) { incident(id: $id) { id } }")],
            answered({"errors": [{"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}),
            None,
            id="coercion error of a query",
        ),
        pytest.param(
            [
                subscribe(
                    "mutation M($i: CreateSystemInput!) { createSystem(input: $i) { cursor } }", variables={"i": 1}
                )
            ],
            answered({"errors": [{"extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]}),
            None,
            id="coercion error of a mutation",
        ),
        pytest.param(
            [subscribe(REFUSED_PAGE)],
            answered({"errors": [{"extensions": {"code": "BAD_USER_INPUT"}}]}),
            None,
            id="a page of a payload",
        ),
        pytest.param(
            [subscribe("subscription S($id: ID!) { incident(id: $id) { id } }")],
            failed("GRAPHQL_VALIDATION_FAILED"),
            None,
            id="coercion error of a subscription",
        ),
        pytest.param(
            [subscribe("subscription S($a: String!) { incidentChanges(after: $a) { id } }")],
            failed("GRAPHQL_VALIDATION_FAILED"),
            None,
            id="coercion error of a cursor",
        ),
        pytest.param(
            [subscribe('subscription { incidentChanges(after: "x") { id } }')],
            failed("BAD_USER_INPUT"),
            None,
            id="no cursor",
        ),
        pytest.param(
            [subscribe('subscription { incident(id: "inc_x") { id } }')],
            failed("NOT_FOUND"),
            None,
            id="an unknown incident",
        ),
        pytest.param(
            [subscribe('mutation { createSystem(input: {key: "a", name: "b"}) { userErrors { code } } }')],
            answered({"data": {"createSystem": {"userErrors": [{"code": "UNAUTHENTICATED"}]}}}),
            None,
            id="a mutation of nobody",
        ),
        pytest.param([subscribe(FOR_EVER), subscribe(FOR_EVER)], [], 4409, id="id of a shared subscription"),
        pytest.param([subscribe(ALONE), subscribe()], [], 4409, id="id of one that runs alone"),
        pytest.param([{"id": "9", "type": "complete"}], [], None, id="complete of nothing"),
        pytest.param(
            [subscribe(FOR_EVER), {"id": "1", "type": "complete"}, subscribe()],
            answered(),
            None,
            id="id again after complete",
        ),
        pytest.param(
            [subscribe(id="a"), subscribe("{", id="b")],
            [*answered(id="a"), *failed("GRAPHQL_PARSE_FAILED", id="b")],
            None,
            id="two at once",
        ),
        pytest.param([subscribe(id='"}\\\n€')], answered(id='"}\\\n€'), None, id="an id that needs quoting"),
    ],
)
async def test_operations_follow_the_protocol(
    running: Running, sent: list[Any], received: list[Json], code: int | None
) -> None:
    async with running.socket() as raw:
        await _exchange(raw, sent, received, code)


async def test_an_id_can_be_reused_after_complete(running: Running) -> None:
    async with running.socket() as raw:
        for _ in range(3):
            await _exchange(raw, [subscribe()], answered(), None)


async def test_a_mutation_is_answered_and_reaches_a_subscription(running: Running) -> None:
    create = "mutation M($k: String!) { createSystem(input: {key: $k, name: $k}) { system { key } cursor } }"
    open_ = 'mutation { createIncident(input: {title: "A", severity: MINOR, systemIds: ["raw"]}) { incident { id } } }'
    async with running.socket(Role.ADMIN) as raw:
        await raw.subscribe(create, k="raw")
        [created] = await raw.data()
        assert await raw.next() == {"id": "1", "type": "complete"}
        await raw.subscribe(
            "subscription S($after: String!) { incidentChanges(after: $after) { incidentId cursor } }",
            id="s",
            after=created["cursor"],
        )
        await raw.subscribe(open_, id="m")
        received: dict[str, list[Json]] = {"s": [], "m": []}
        for _ in range(3):
            message = await raw.next()
            received[message["id"]].append(message)
        [event] = received["s"]
        [answer, complete] = received["m"]
        assert complete["type"] == "complete"
        change = event["payload"]["data"]["incidentChanges"]
        assert change["incidentId"] == answer["payload"]["data"]["createIncident"]["incident"]["id"]
        assert event["payload"]["extensions"] == {"cursor": change["cursor"]}
        await raw.send({"id": "s", "type": "complete"})
        await raw.ping()


@pytest.mark.parametrize("document", [FOR_EVER, ALONE], ids=["shared", "alone"])
async def test_a_failed_source_is_an_error_without_complete(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, document: str
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("with a secret")
        yield

    monkeypatch.setattr("gql.transport.groups.Group.follow", broken)
    monkeypatch.setattr(EventService, "follow", broken)
    async with running.socket() as raw:
        await _exchange(raw, [subscribe(document)], failed("INTERNAL"), None)
    assert "with a secret" in caplog.text


@pytest.mark.parametrize("field", ["incidentChanges", "incidentEvents"])
async def test_a_cursor_in_a_required_variable_or_literal_is_resumed_from(running: Running, field: str) -> None:
    domain = running.domain
    after = inside(domain).cursors.position(await domain.events.head())
    first = await make_incident(domain)
    given = f"subscription S($after: String!) {{ {field}(after: $after) {{ incidentId }} }}"
    default = f'subscription S($after: String = "{after}") {{ {field}(after: $after) {{ incidentId }} }}'
    literal = f'subscription {{ {field}(after: "{after}") {{ incidentId }} }}'
    async with running.socket() as raw:
        await raw.subscribe(given, id="given", after=after)
        await raw.subscribe(default, id="default")
        await raw.subscribe(literal, id="literal")
        received = [await raw.next() for _ in range(3)]
        second = await make_incident(domain)
        received += [await raw.next() for _ in range(3)]
    for id in ("given", "default", "literal"):
        own = [message["payload"]["data"][field]["incidentId"] for message in received if message["id"] == id]
        assert own == [first.id, second.id]


async def test_operations_of_one_socket_are_limited(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.endpoint, "max_subscriptions_per_connection", 2)
    async with running.socket() as raw:
        await raw.send(subscribe(FOR_EVER, id="a"), subscribe(ALONE, id="b"))
        await _exchange(raw, [subscribe(id="c")], failed("RATE_LIMITED", id="c"), None)
        await raw.send({"id": "a", "type": "complete"})
        await _exchange(raw, [subscribe(id="c")], answered(id="c"), None)
        await raw.send(subscribe(FOR_EVER, id="c"))
        await _exchange(raw, [subscribe(id="b")], [], 4409)


async def test_a_token_identifies_the_caller(running: Running) -> None:
    for role in TOKENS:
        async with running.socket(role) as raw:
            await raw.subscribe(QUERY)
            assert await raw.data() == [{"role": role.name}]


def bearer(role: Role) -> str:
    return f"Bearer {TOKENS[role]}"


@pytest.mark.parametrize(
    ("header", "payload", "role"),
    [
        pytest.param(bearer(Role.VIEWER), None, Role.VIEWER, id="header"),
        pytest.param(bearer(Role.VIEWER), {"Authorization": None, "client": "x"}, Role.VIEWER, id="payload null"),
        pytest.param(bearer(Role.VIEWER), {"Authorization": ""}, Role.VIEWER, id="payload empty"),
        pytest.param(bearer(Role.VIEWER), {"AUTHORIZATION": bearer(Role.ADMIN)}, Role.ADMIN, id="payload wins"),
        pytest.param("Basic eDp5", {"Authorization": bearer(Role.ADMIN)}, Role.ADMIN, id="a proxy's password"),
        pytest.param(None, {"authorization": bearer(Role.ADMIN), "token": "x"}, Role.ADMIN, id="two places, one right"),
        pytest.param(None, {"client": "token", "n": {"version": 1}, "l": ["x"]}, Role.ANONYMOUS, id="no token at all"),
        pytest.param(None, {"token": None, "headers": {"Authorization": ""}}, Role.ANONYMOUS, id="empty ones"),
    ],
)
async def test_the_payload_s_token_wins_over_the_upgrade_request_s(
    running: Running, header: str | None, payload: Json | None, role: Role
) -> None:
    async with running.raw(additional_headers={"authorization": header} if header else {}) as raw:
        await raw.send({"type": "connection_init", "payload": payload})
        assert await raw.next() == ACK
        await raw.subscribe(QUERY)
        assert await raw.data() == [{"role": role.name}]
        [handler] = running.endpoint.sockets._open
        assert handler.context.authorization is None  # type: ignore[attr-defined]  # of the handler, more than a socket


@pytest.mark.parametrize(
    ("header", "payload"),
    [
        pytest.param("Bearer wrong", None, id="wrong header"),
        pytest.param("Basic eDp5", {}, id="another scheme"),
        pytest.param(bearer(Role.ADMIN), {"Authorization": "Bearer wrong"}, id="wrong payload"),
        pytest.param(None, {"headers": {"Authorization": bearer(Role.ADMIN)}}, id="headers.Authorization"),
        pytest.param(None, {"extra": {"headers": {"authorization": "x"}}}, id="deeper"),
        pytest.param(None, {"token": TOKENS[Role.ADMIN]}, id="token"),
        pytest.param(None, {"authToken": TOKENS[Role.ADMIN]}, id="authToken"),
        pytest.param(None, {"X-Api-Key": TOKENS[Role.ADMIN]}, id="X-Api-Key"),
        pytest.param(None, {"whatever": bearer(Role.ADMIN)}, id="a value that says so"),
        pytest.param(bearer(Role.VIEWER), {"token": TOKENS[Role.ADMIN]}, id="beside a header"),
        pytest.param(None, {"Authorization": {"token": "x"}}, id="an object"),
        pytest.param(None, {"Authorization": bearer(Role.ADMIN), "authorization": "Bearer b"}, id="two of them"),
    ],
)
async def test_an_invalid_or_misplaced_token_is_refused(
    running: Running, header: str | None, payload: Json | None
) -> None:
    async with running.raw(additional_headers={"authorization": header} if header else {}) as raw:
        await raw.send({"type": "connection_init", "payload": payload})
        code, reason = await raw.closed()
    assert code == 4403
    assert "token-for-sockets" not in reason


async def test_two_tokens_of_an_upgrade_request_are_refused(running: Running) -> None:
    headers = [("authorization", bearer(Role.ADMIN)), ("authorization", bearer(Role.VIEWER))]
    async with running.raw(additional_headers=headers) as raw:
        await raw.send({"type": "connection_init"})
        assert (await raw.closed())[0] == 4403


async def test_a_misplaced_token_is_refused_with_the_place(running: Running) -> None:
    async with running.raw() as raw:
        await raw.send({"type": "connection_init", "payload": {"headers": {"Authorization": "Bearer x"}}})
        reason = "No token is read from headers.Authorization: send it as Authorization in the payload."
        assert await raw.closed() == (4403, reason)


async def _exchange(raw: Raw, sent: list[Any], received: list[Json], code: int | None) -> None:
    """Send frames and expect these answers, then the close or an open socket."""
    await raw.send(*sent)
    if code is not None:
        messages, closed = await raw.rest()
        assert closed == code
    else:
        messages = [await raw.next() for _ in received]
        await raw.ping()
    assert [_seen(message) for message in messages] == received


def _seen(message: Any) -> Any:
    """Return the message without the text and places of errors, whose codes are the contract."""
    if isinstance(message, dict):
        if "message" in message and "extensions" in message:
            return {"extensions": {"code": message["extensions"]["code"]}}
        return {name: _seen(value) for name, value in message.items()}
    return [_seen(item) for item in message] if isinstance(message, list) else message
