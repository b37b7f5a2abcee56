"""A client of one live list, which applies its messages and resumes after whatever ends its connection."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

_ARGUMENTS = "filter: $filter, orderBy: $order, first: $first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """A kind of item, with the documents about lists of it."""

    one: str
    many: str
    filter: str
    order: str
    item: str

    @property
    def query(self) -> str:
        """The query for a list."""
        shown = f"totalCount nodes {{ {self.item} }}"
        return f"query ({self._declared}) {{ cursor {self.many}({_ARGUMENTS}) {{ {shown} }} }}"

    @property
    def subscription(self) -> str:
        """The subscription to it."""
        changes = f"changes {{ action index previousIndex {self.one}Id {self.one} {{ {self.item} }} }}"
        return f"""subscription ({self._declared}, $after: String) {{ {self.one}List({_ARGUMENTS}, after: $after) {{
          cursor startsOver totalCount {changes}
        }} }}"""

    @property
    def _declared(self) -> str:
        return f"$filter: {self.filter}, $order: {self.order}, $first: Int"


INCIDENTS = Noun(
    one="incident",
    many="incidents",
    filter="IncidentFilter",
    order="IncidentOrder",
    item="""id title status severity version updatedAt systems { key }
      updates(first: 2) { nodes { message } } links { totalCount }""",
)
SYSTEMS = Noun(
    one="system",
    many="systems",
    filter="SystemCatalogFilter",
    order="SystemOrder",
    item="""id key name description version
      health { status reported { status message since } overrides { incidentId status incidentTitle } }""",
)
_RETRY_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class View:
    """A list that is asked for: of what, its arguments as JSON, and the token of who asks."""

    noun: Noun
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
            subscribe = {
                "id": "1",
                "type": "subscribe",
                "payload": {"query": self.view.noun.subscription, "variables": variables},
            }
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
            self._apply(message["payload"]["data"][f"{self.view.noun.one}List"])
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
        noun = self.view.noun.one
        identifier, item = change[f"{noun}Id"], change[noun]
        ids = [each["id"] for each in self.items]
        before = ids.index(identifier) if identifier in ids else None
        if before != change["previousIndex"]:
            self.faults.append(f"{identifier} was at {before}, not at {change['previousIndex']}")
        if before is not None:
            del self.items[before]
        if item is not None:
            self.items.insert(change["index"], item)


def state_of(total: int, items: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return a list in a form that can be compared and kept."""
    return (str(total), *[json.dumps(item, sort_keys=True) for item in items])
