"""A receiver of webhooks: a real server that checks signatures with the official library and answers as it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from standardwebhooks import Webhook as Verifier

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request."""

    headers: Headers
    body: bytes
    #: The status that it was answered with.
    status: int

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)

    @property
    def id(self) -> str:
        """The id of the delivery."""
        return self.headers["webhook-id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer; status 0 resets the connection."""

    status: int = 204
    headers: Headers = field(default_factory=dict)
    #: Held back until this is set.
    until: asyncio.Event | None = None


class Receiver:
    """A server on a port of its own."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        #: Set whenever a request came.
        self.came = asyncio.Event()
        #: Decides what a request is answered with.
        self.reply: Callable[[Headers, bytes], Reply] = lambda _headers, _body: Reply()

    def answers(self, status: int, **headers: str) -> None:
        """Answer everything so from now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.reply = lambda _headers, _body: Reply(status=status, headers=named)

    @property
    def taken(self) -> list[Received]:
        """The requests that were answered as taken."""
        return [each for each in self.received if 200 <= each.status < 300]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = [line.split(": ", 1) for line in head[1:] if line]
            headers = {name.lower(): value for name, value in pairs}
            body = await reader.readexactly(int(headers["content-length"]))
            reply = self.reply(headers, body)
            self.received.append(Received(headers=headers, body=body, status=reply.status))
            self.came.set()
            if reply.until is not None:
                await reply.until.wait()
            if reply.status:
                lines = [f"{name}: {value}\r\n" for name, value in reply.headers.items()]
                writer.write(f"HTTP/1.1 {reply.status} So\r\n{''.join(lines)}content-length: 0\r\n\r\n".encode())
                await writer.drain()
        finally:
            if reply.status == 0:
                writer.transport.abort()
            else:
                writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Yield a receiver that takes everything."""
    receiver = Receiver()
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", 0) as server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        yield receiver


def is_signed(received: Received, secret: str) -> bool:
    """Return whether one of the signatures is what the official library makes; clocks of tests are not its own."""
    at = datetime.fromtimestamp(int(received.headers["webhook-timestamp"]), tz=UTC)
    made = Verifier(secret).sign(received.id, at, received.body.decode())
    return made in received.headers["webhook-signature"].split(" ")
