"""The end of streams with the credential that they were opened with."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_token
from tests.inside import inside

SUBSCRIPTION = "subscription { incidentEvents { type } }"
Message = dict[str, Any]


@pytest.fixture(autouse=True)
def _still(clock: SteppingClock) -> None:
    clock.step = timedelta()


class Connection:
    """One ASGI connection to the application, driven by hand."""

    def __init__(self) -> None:
        self.to_app: asyncio.Queue[Message] = asyncio.Queue()
        self.from_app: asyncio.Queue[Message] = asyncio.Queue()

    async def next(self) -> Message:
        """Return the next message of the application, within five seconds."""
        async with asyncio.timeout(60):
            return await self.from_app.get()

    def say(self, message: Message) -> None:
        """Send a WebSocket message."""
        self.to_app.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def received(self) -> Message:
        """Return the next WebSocket message."""
        message: Message = json.loads((await self.next())["text"])
        return message


@asynccontextmanager
async def _connected(domain: Domain, scope: Message) -> AsyncIterator[Connection]:
    connection = Connection()
    base = {"path": "/graphql", "raw_path": b"/graphql", "root_path": "", "query_string": b"", "headers": []}
    app: Any = create_app(domain)
    serving = asyncio.create_task(
        app({"asgi": {"version": "3.0"}, **base, **scope}, connection.to_app.get, connection.from_app.put)
    )
    try:
        yield connection
    finally:
        kind = "http" if scope["type"] == "http" else "websocket"
        connection.to_app.put_nowait({"type": f"{kind}.disconnect", "code": 1000})
        async with asyncio.timeout(60):
            await serving


@asynccontextmanager
async def _socket(domain: Domain, secret: str | None) -> AsyncIterator[Connection]:
    """Open a WebSocket up to connection_init."""
    scope = {"type": "websocket", "scheme": "ws", "subprotocols": ["graphql-transport-ws"]}
    async with _connected(domain, scope) as socket:
        socket.to_app.put_nowait({"type": "websocket.connect"})
        assert (await socket.next())["type"] == "websocket.accept"
        payload = {} if secret is None else {"Authorization": f"Bearer {secret}"}
        socket.say({"type": "connection_init", "payload": payload})
        yield socket


@asynccontextmanager
async def _subscribed(domain: Domain, secret: str) -> AsyncIterator[Connection]:
    """Open a WebSocket with a subscription that has delivered one event."""
    async with _socket(domain, secret) as socket:
        assert (await socket.received())["type"] == "connection_ack"
        followers = len(inside(domain).tail._followers)
        socket.say({"type": "subscribe", "id": "1", "payload": {"query": SUBSCRIPTION}})
        await _until_followed(domain, followers)
        await make_incident(domain)
        assert (await socket.received())["type"] == "next"
        yield socket


@asynccontextmanager
async def _streaming(domain: Domain, secret: str) -> AsyncIterator[Connection]:
    """Open an SSE stream that has delivered one event."""
    scope = {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "scheme": "http",
        "query_string": f"query={quote(SUBSCRIPTION)}".encode(),
        "headers": [(b"accept", b"text/event-stream"), (b"authorization", f"Bearer {secret}".encode())],
    }
    async with _connected(domain, scope) as stream:
        stream.to_app.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        followers = len(inside(domain).tail._followers)
        assert (await stream.next())["status"] == 200
        await _until_followed(domain, followers)
        await make_incident(domain)
        while b"event: next" not in (await stream.next())["body"]:
            pass
        yield stream


async def test_a_socket_closes_when_the_token_is_revoked(domain: Domain) -> None:
    token, secret = await make_token(domain)
    async with _subscribed(domain, secret) as socket:
        await domain.tokens.revoke(ADMIN, token.id)
        assert await socket.next() == {"type": "websocket.close", "code": 4403, "reason": "Token revoked"}
        await make_incident(domain)
    assert domain.sessions._watched == {}
    assert socket.from_app.empty()


async def test_a_socket_closes_when_the_token_expires(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(hours=1))
    async with _subscribed(domain, secret) as socket:
        clock.advance(hours=1)
        await domain.sessions.check()
        assert await socket.next() == {"type": "websocket.close", "code": 4403, "reason": "Token expired"}


async def test_no_event_is_sent_after_a_socket_s_token_expired(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(hours=1))
    async with _subscribed(domain, secret) as socket:
        clock.advance(hours=1)
        await make_incident(domain)
        assert (await socket.next())["type"] == "websocket.close"
    assert socket.from_app.empty()


async def test_no_operation_starts_after_a_socket_s_token_expired(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(hours=1))
    async with _socket(domain, secret) as socket:
        assert (await socket.received())["type"] == "connection_ack"
        await asyncio.sleep(0)
        clock.advance(hours=1)
        socket.say({"type": "subscribe", "id": "1", "payload": {"query": "{ viewer { role } }"}})
        assert (await socket.next())["code"] == 4403


async def test_a_socket_with_a_token_that_is_not_valid_is_closed_as_forbidden(domain: Domain) -> None:
    async with _socket(domain, "guessed") as socket:
        assert (await socket.next())["code"] == 4403


async def test_without_anonymous_access_a_socket_without_a_token_is_closed_as_forbidden(
    settings: Settings, clock: SteppingClock
) -> None:
    closed = Settings(
        database_url=settings.database_url, sqlite_synchronous="NORMAL", anonymous_access=False, automations=False
    )
    async with running_domain(closed, clock=clock) as domain, _socket(domain, None) as socket:
        assert (await socket.next())["code"] == 4403


async def test_a_socket_without_a_token_watches_no_credential(domain: Domain) -> None:
    async with _socket(domain, None) as socket:
        assert (await socket.received())["type"] == "connection_ack"
        await asyncio.sleep(0)
        assert domain.sessions._watched == {}


async def test_an_sse_stream_is_cut_without_complete_when_the_token_is_revoked(domain: Domain) -> None:
    token, secret = await make_token(domain)
    followers = len(inside(domain).tail._followers)
    async with _streaming(domain, secret) as stream:
        await domain.tokens.revoke(ADMIN, token.id)
        assert await _rest(stream) == b""
    assert domain.sessions._watched == {}
    assert len(inside(domain).tail._followers) == followers


async def test_an_sse_stream_delivers_no_event_after_the_token_expired(domain: Domain, clock: SteppingClock) -> None:
    _, secret = await make_token(domain, expires_at=clock.now() + timedelta(hours=1))
    async with _streaming(domain, secret) as stream:
        clock.advance(hours=1)
        await make_incident(domain)
        assert await _rest(stream) == b""


async def _rest(stream: Connection) -> bytes:
    """Return the remaining body of a response that has to end."""
    body: bytes = b""
    while True:
        message = await stream.next()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _until_followed(domain: Domain, followers: int) -> None:
    async with asyncio.timeout(60):
        while len(inside(domain).tail._followers) <= followers:  # noqa: ASYNC110 - the tail tells nobody who follows it
            await asyncio.sleep(0.005)
