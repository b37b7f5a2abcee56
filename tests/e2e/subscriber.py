"""A subscriber that reconnects with its last cursor whenever its socket breaks."""

import asyncio
import json
from contextlib import suppress
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.e2e.server import TOKEN

PROTOCOL = Subprotocol("graphql-transport-ws")
_SUBSCRIPTION = "subscription ($after: String) { incidentChanges(after: $after) { id incidentId version } }"
_PAUSE_SECONDS = 0.02


class Followed(Protocol):
    """An address that leads to a server, perhaps to another one later."""

    @property
    def websocket_url(self) -> str:
        """The URL of the endpoint for WebSockets."""


class Subscriber:
    """A subscriber of `incidentChanges` over graphql-transport-ws, after a cursor."""

    def __init__(self, server: Followed, *, after: str) -> None:
        self._server = server
        self._cursor = after
        self._arrived = asyncio.Event()
        #: The ids of the changes delivered, in order.
        self.seen: list[str] = []
        self.connections = 0
        self.refusals: list[str] = []

    @property
    def resumes(self) -> int:
        """The number of times it resumed."""
        return max(0, self.connections - 1)

    async def run(self) -> None:
        """Follow the log until cancelled or refused."""
        while not self.refusals:
            with suppress(OSError, WebSocketException):
                async with connect(self._server.websocket_url, subprotocols=[PROTOCOL]) as socket:
                    await self._follow(socket)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def until(self, change_id: str, *, seconds: float) -> bool:
        """Return whether a change was the last one delivered before the deadline."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.seen or self.seen[-1] != change_id:
                    self._arrived.clear()
                    await self._arrived.wait()
                return True
        return False

    async def _follow(self, socket: ClientConnection) -> None:
        await _send(socket, type="connection_init", payload={"Authorization": f"Bearer {TOKEN}"})
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_ack":
                query = {"query": _SUBSCRIPTION, "variables": {"after": self._cursor}}
                await _send(socket, id="1", type="subscribe", payload=query)
                self.connections += 1
            elif message["type"] == "next" and "errors" not in message["payload"]:
                self._cursor = message["payload"]["extensions"]["cursor"]
                self.seen.append(message["payload"]["data"]["incidentChanges"]["id"])
                self._arrived.set()
            elif message["type"] == "ping":
                await _send(socket, type="pong")
            else:
                self.refusals.append(str(message))
                return


async def _send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))
