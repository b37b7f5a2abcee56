"""A client of one live list, which applies its messages and resumes after whatever ends its connection."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

ITEM = """id title status severity version updatedAt systems { key }
  updates(first: 2) { nodes { message } } links { totalCount }"""
ARGUMENTS = "filter: $filter, orderBy: $order, first: $first"
_DECLARED = "$filter: IncidentFilter, $order: IncidentOrder, $first: Int"
QUERY = f"query ({_DECLARED}) {{ cursor incidents({ARGUMENTS}) {{ totalCount nodes {{ {ITEM} }} }} }}"
SUBSCRIPTION = f"""subscription ({_DECLARED}, $after: String) {{ incidentList({ARGUMENTS}, after: $after) {{
  cursor startsOver totalCount changes {{ action index previousIndex incidentId incident {{ {ITEM} }} }}
}} }}"""
_RETRY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class View:
    """A list that is asked for: its arguments as JSON, and the token of who asks."""

    variables: str
    token: str | None

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments."""
        found: dict[str, Any] = json.loads(self.variables)
        return found


class ListClient:
    """One client with its list."""

    def __init__(self, url: str, view: View) -> None:
        self.view = view
        self.items: list[dict[str, Any]] = []
        self.total = 0
        self.cursor: str | None = None
        #: What it had at each cursor.
        self.past: dict[str, tuple[str, ...]] = {}
        self.resumed = self.started_over = 0
        #: What it should never have received.
        self.faults: list[str] = []
        self._url = url
        self._connection: ClientConnection | None = None
        self._arrived = asyncio.Event()
        self._is_first = True

    async def run(self) -> None:
        """Follow the list for ever, over any number of connections."""
        while not self.faults:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._connected()
            await asyncio.sleep(_RETRY_SECONDS)

    async def cut(self, *, forget: bool) -> None:
        """Lose the connection, and with it the list where it is to be forgotten."""
        if forget:
            self.items, self.total, self.cursor = [], 0, None
        if self._connection is not None:
            self._connection.transport.abort()

    async def until(self, expected: tuple[str, ...], *, seconds: float) -> bool:
        """Return whether the list becomes the expected one in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.state != expected and not self.faults:
                    self._arrived.clear()
                    await self._arrived.wait()
        return self.state == expected

    @property
    def state(self) -> tuple[str, ...]:
        """The list as it is."""
        return state_of(self.total, self.items)

    async def _connected(self) -> None:
        cursor, self._is_first = self.cursor, True
        async with connect(
            self._url, subprotocols=[Subprotocol("graphql-transport-ws")], open_timeout=5, compression=None
        ) as connection:
            self._connection = connection
            payload = {"Authorization": f"Bearer {self.view.token}"} if self.view.token else {}
            await connection.send(json.dumps({"type": "connection_init", "payload": payload}))
            variables = {**self.view.arguments, "after": cursor}
            subscribe = {"id": "1", "type": "subscribe", "payload": {"query": SUBSCRIPTION, "variables": variables}}
            await connection.send(json.dumps(subscribe))
            async for frame in connection:
                # The list of a connection that was cut on purpose is not touched any more.
                if connection is not self._connection or cursor != self.cursor:
                    return
                await self._take(connection, json.loads(frame))
                cursor = self.cursor

    async def _take(self, connection: ClientConnection, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ping":
            self.cursor = self._later(message.get("payload", {}).get("cursor"))
            await connection.send('{"type":"pong"}')
        elif kind == "next" and "errors" not in message["payload"]:
            self._apply(message["payload"]["data"]["incidentList"])
        elif kind != "connection_ack":
            self.faults.append(f"received {message}")

    def _later(self, cursor: str | None) -> str | None:
        known = self.cursor
        return max(cursor, known) if cursor is not None and known is not None else known

    def _apply(self, update: dict[str, Any]) -> None:
        if update["startsOver"]:
            self.items = []
            self.started_over += 1
        elif self._is_first:
            self.resumed += 1
        self._is_first = False
        if self.cursor is not None and update["cursor"] < self.cursor:
            self.faults.append(f"went back from {self.cursor} to {update['cursor']}")
        for change in update["changes"]:
            self._change(change)
        self.total, self.cursor = update["totalCount"], update["cursor"]
        self.past[update["cursor"]] = self.state
        self._arrived.set()

    def _change(self, change: dict[str, Any]) -> None:
        ids = [item["id"] for item in self.items]
        before = ids.index(change["incidentId"]) if change["incidentId"] in ids else None
        if before != change["previousIndex"]:
            self.faults.append(f"{change['incidentId']} was at {before}, not at {change['previousIndex']}")
        if before is not None:
            del self.items[before]
        if change["incident"] is not None:
            self.items.insert(change["index"], change["incident"])


def state_of(total: int, items: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return a list in a form that can be compared and kept."""
    return (str(total), *[json.dumps(item, sort_keys=True) for item in items])
