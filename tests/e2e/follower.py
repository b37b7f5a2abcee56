"""An official client in a process of its own that follows all changes over any number of reconnects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.e2e.clients import Client, graphql_sse, graphql_ws
from tests.e2e.server import TOKEN, Server

_CHANGES = "subscription Changes($after: String) { incidentChanges(after: $after) { id } }"
_RETRIES = 1_000_000


class Follower:
    """The messages that one client received."""

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client
        self._arrived = asyncio.Event()
        #: The ids of the changes delivered, in order.
        self.seen: list[str] = []
        #: The number of accepted connections; unknown for a client over SSE.
        self.connections = 0
        #: The messages that ended the client, or should not have reached it.
        self.faults: list[str] = []

    async def run(self) -> None:
        """Receive messages until cancelled, or until the client gives up."""
        while not self.faults:
            with suppress(TimeoutError):  # an outage is longer than a message may take
                await self._hear()
                self._arrived.set()

    async def until(self, change_id: str, *, seconds: float) -> bool:
        """Return whether a change was the last one delivered before the deadline."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.faults and self.seen[-1:] != [change_id]:
                    self._arrived.clear()
                    await self._arrived.wait()
                return not self.faults
        return False

    async def _hear(self) -> None:
        try:
            message = await self._client.message()
        except EOFError as error:
            self.faults.append(f"{self.name} gave up: {error}")
            return
        if message["type"] == "next" and "errors" not in message["payload"]:
            self.seen.append(message["payload"]["data"]["incidentChanges"]["id"])
        elif message["type"] == "connected":
            self.connections += 1
        elif message["type"] != "closed":
            self.faults.append(f"{self.name} received {message}")


@asynccontextmanager
async def following(kind: str, server: Server, after: str) -> AsyncIterator[Follower]:
    """Start a client, `ws` or `sse`, that follows the log after a cursor."""
    options = {"variables": {"after": after}, "retries": _RETRIES, "token": TOKEN}
    clients = {"ws": graphql_ws, "sse": graphql_sse}
    async with clients[kind](server, _CHANGES, **options) as client:
        follower = Follower(f"graphql-{kind}", client)
        running = asyncio.create_task(follower.run())
        try:
            yield follower
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
