"""The application on a real uvicorn in the test's own process, and a client that sends raw frames."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from domain.bootstrap import Domain, running_domain
from domain.ids import new_id
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from gql.app import ProtocolScope, create_app
from gql.transport.connections import ConnectionLimits, Connections
from gql.transport.endpoint import Endpoint
from gql.transport.http_protocol import BoundedHttpProtocol
from gql.transport.protocol import SlimProtocol
from tests.client import Json
from tests.inside import inside

TRANSPORT_WS = Subprotocol("graphql-transport-ws")
ARRIVAL_SECONDS = 60
#: The frame that a server sends every 20 s.
PING = '{"type":"ping"'
TOKENS = {role: f"a-{role}-token-for-sockets" for role in (Role.VIEWER, Role.RESPONDER, Role.ADMIN)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A running application."""

    domain: Domain
    endpoint: Endpoint
    connections: Connections
    port: int

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @asynccontextmanager
    async def raw(self, *, protocols: list[Subprotocol] | None = None, **options: Any) -> AsyncIterator["Raw"]:
        """Open a WebSocket and send nothing yet."""
        url = self.url.replace("http", "ws", 1) + options.pop("query", "")
        offered = [TRANSPORT_WS] if protocols is None else protocols
        options = {"subprotocols": offered or None, "compression": None, "ping_interval": None, **options}
        async with connect(url, **options) as connection:
            yield Raw(connection)

    @asynccontextmanager
    async def socket(self, role: Role = Role.ANONYMOUS, **options: Any) -> AsyncIterator["Raw"]:
        """Open a WebSocket and its connection."""
        async with self.raw(**options) as raw:
            await raw.open(role)
            yield raw

    @asynccontextmanager
    async def stream(self, role: Role = Role.ANONYMOUS, *, query: str, **variables: Any) -> AsyncIterator["Stream"]:
        """Open an SSE stream of one operation."""
        headers = {"accept": "text/event-stream"}
        if role is not Role.ANONYMOUS:
            headers["authorization"] = f"Bearer {TOKENS[role]}"
        body = {"query": query, "variables": variables}
        async with (
            # Loading certificates would take longer than anything else here.
            httpx.AsyncClient(timeout=ARRIVAL_SECONDS, verify=False) as http,
            http.stream("POST", self.url, json=body, headers=headers) as response,
        ):
            yield Stream(response)

    @property
    def members(self) -> int:
        """Return the number of subscriptions in groups."""
        return sum(len(group.members) for group in self.endpoint.groups._groups.values())

    def idle(self) -> bool:
        """Return whether there are no connections and no groups left."""
        return not len(self.endpoint.sockets) and not len(self.endpoint.groups)


class Raw:
    """A client of graphql-transport-ws that sends raw messages."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def open(self, role: Role = Role.ANONYMOUS) -> None:
        """Send `connection_init` and expect the acknowledgement."""
        payload = {"Authorization": f"Bearer {TOKENS[role]}"} if role is not Role.ANONYMOUS else {}
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.next() == {"type": "connection_ack"}

    async def send(self, *frames: Any) -> None:
        """Send frames: text and bytes as they are, anything else as JSON."""
        for frame in frames:
            await self.connection.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    async def subscribe(self, query: str, *, id: str = "1", **variables: Any) -> None:
        """Begin an operation."""
        await self.send({"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    async def frame(self) -> str:
        """Return the next raw frame."""
        async with asyncio.timeout(ARRIVAL_SECONDS):
            frame = await self.connection.recv()
        assert isinstance(frame, str), "a text frame was expected"
        return frame

    async def text(self) -> str:
        """Return the next raw frame that is no ping: on a slow machine, one comes into any test, and is answered."""
        while (frame := await self.frame()).startswith(PING):
            await self.send({"type": "pong"})
        return frame

    async def next(self) -> Json:
        """Return the next message, without its cost."""
        message: Json = json.loads(await self.text())
        payload = message.get("payload")
        if isinstance(payload, dict) and "extensions" in payload:
            payload["extensions"].pop("cost", None)
            if not payload["extensions"]:
                del payload["extensions"]
        return message

    async def data(self, count: int = 1) -> list[Any]:
        """Return the one field of each of the next results, none of which may have errors."""
        payloads = [(await self.next())["payload"] for _ in range(count)]
        assert all("errors" not in payload for payload in payloads), payloads
        return [next(iter(payload["data"].values())) for payload in payloads]

    async def ping(self) -> None:
        """Return when the server has handled all that was sent; nothing else may have come meanwhile."""
        await self.send({"type": "ping"})
        answer = await self.next()
        assert answer == {"type": "pong"}, answer

    async def closed(self) -> tuple[int, str]:
        """Return the code and reason of the close, before which nothing else may have come."""
        try:
            message = await self.next()
        except ConnectionClosed as closed:
            return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        raise AssertionError(message)

    async def rest(self) -> tuple[list[Json], int]:
        """Return all messages until the server closes, and the code."""
        messages = []
        try:
            while True:
                messages.append(await self.next())
        except ConnectionClosed as closed:
            return messages, closed.rcvd.code if closed.rcvd else 1006

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        self.connection.transport.abort()


class Stream:
    """An SSE stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> Json | None:
        """Return the next event's fields, `data` decoded; None when the stream has ended."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(ARRIVAL_SECONDS):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    return {**fields, "data": json.loads(fields["data"]) if fields.get("data") else None}
                else:
                    fields.clear()
        return None

    async def data(self, count: int = 1) -> list[Any]:
        """Return the one field of each of the next results."""
        found = []
        for _ in range(count):
            event = await self.next()
            assert event is not None
            assert event["event"] == "next"
            assert "errors" not in event["data"], event
            found.append(next(iter(event["data"]["data"].values())))
        return found


@asynccontextmanager
async def serving(
    domain: Domain, *, outermost: Callable[..., Any] = ProtocolScope, **limits: float
) -> AsyncIterator[Running]:
    """Yield the application of a domain on a port of its own, with a token for each role."""

    async def write(unit: UnitOfWork) -> None:
        for role, secret in TOKENS.items():
            token = ApiToken(id=new_id("tok"), name=role, role=role, created_at=domain.clock.now())
            await unit.tokens.insert(token, secret)

    await inside(domain).database.write(write)
    app = create_app(domain)
    endpoint: Endpoint = app.state.endpoint
    bounds = replace(ConnectionLimits.of(domain.settings), **limits)  # type: ignore[arg-type]  # whole numbers, mostly
    connections = Connections(bounds, trusts="127.0.0.1".__eq__)
    protocol = partial(BoundedHttpProtocol, connections, shortcut=endpoint.shortcut)
    config = uvicorn.Config(
        outermost(app, connections),
        lifespan="off",
        log_config=None,
        access_log=False,
        forwarded_allow_ips="127.0.0.1",
        http=protocol,  # type: ignore[arg-type]  # called like a class, is all
        ws=SlimProtocol,
        ws_max_size=1 << 20,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        timeout_graceful_shutdown=1,
    )
    # Without `serve`: its signal handlers belong to the tests' runner, its clock makes each end take a tenth longer.
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        # So that a peer that does not read is felt after a few hundred kB instead of several MB.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        async with endpoint.running():
            await server.startup(sockets=[listening])
            try:
                yield Running(
                    domain=domain, endpoint=endpoint, connections=connections, port=listening.getsockname()[1]
                )
            finally:
                await endpoint.close(seconds=0)
                for listener in server.servers:
                    listener.close()
                for connection in list(server.server_state.connections):
                    connection.shutdown()
                await until(lambda: not server.server_state.connections and not server.server_state.tasks)


@asynccontextmanager
async def own_domain(template: Path, folder: Path, **settings: Any) -> AsyncIterator[Domain]:
    """Yield a running domain on a copy of a migrated SQLite file, to be shared by tests."""
    file = folder / "incidents.db"
    shutil.copy(template, file)
    # Without an allowance, so that equal answers are equal to the letter.
    settings = {"sqlite_synchronous": "NORMAL", "poll_seconds": 0.05, "rate_limit": 0, **settings}
    async with running_domain(Settings(database_url=f"sqlite:///{file}", **settings)) as domain:
        yield domain


async def until(condition: Callable[[], bool], *, seconds: float = ARRIVAL_SECONDS) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
