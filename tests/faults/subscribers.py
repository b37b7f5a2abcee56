"""Subscribers over WebSocket and SSE that resume on any server, and what each has to see."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from domain.entities.incident import CREATED, RESOLVED
from domain.model.change import Change
from tests.e2e.server import TOKEN
from tests.e2e.subscriber import PROTOCOL

_PAUSE_SECONDS = 0.1
#: Longer than two pings: a connection that is silent for so long is given up.
_SILENT_SECONDS = 10.0
#: What ends a socket that an official client opens again.
_LATER = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 4408})


@dataclass(frozen=True, slots=True)
class View:
    """A subscription, and the changes that it shows."""

    name: str
    field: str
    arguments: str
    shows: Callable[[Change], bool]

    @property
    def document(self) -> str:
        """The document."""
        arguments = ", ".join(part for part in ("after: $after", self.arguments) if part)
        identifier = "id: changeId" if self.field == "incidentEvents" else "id"
        return f"subscription ($after: String) {{ {self.field}({arguments}) {{ {identifier} }} }}"


def _either(change: Change, name: str, *values: str) -> bool:
    return any(state is not None and state[name] in values for state in (change.before, change.after))


VIEWS = (
    View("all", "incidentChanges", "", lambda _: True),
    View(
        "critical",
        "incidentChanges",
        "filter: {severity: {eq: CRITICAL}}",
        lambda change: _either(change, "severity", "critical"),
    ),
    View(
        "early",
        "incidentChanges",
        "filter: {status: {in: [INVESTIGATING, IDENTIFIED]}}",
        lambda change: _either(change, "status", "investigating", "identified"),
    ),
    View(
        "events",
        "incidentEvents",
        "types: [CREATED, RESOLVED]",
        lambda change: bool({CREATED, RESOLVED} & set(change.events)),
    ),
)


class Subscriber:
    """A client of one view that follows it over any number of connections."""

    def __init__(self, view: View, kind: str, addresses: Sequence[str], choices: random.Random, *, after: str) -> None:
        self.name = f"{view.name} over {kind}"
        self._view = view
        self._kind = kind
        self._addresses = addresses
        self._random = choices
        self._cursor = after
        #: The ids of the changes that came, in order.
        self.seen: list[str] = []
        self.connections = 0
        #: What it should never have received.
        self.refusals: list[str] = []

    async def run(self) -> None:
        """Follow for ever, or until refused."""
        follow = self._over_socket if self._kind == "ws" else self._over_stream
        while not self.refusals:
            with suppress(OSError, WebSocketException, httpx.HTTPError, TimeoutError):
                await follow(self._random.choice(self._addresses))
            await asyncio.sleep(_PAUSE_SECONDS)

    def unlike(self, log: Sequence[Change]) -> list[str]:
        """Return the differences from what the log says."""
        expected = [change.id for change in log if self._view.shows(change)]
        if self.seen == expected:
            return self.refusals
        missed, invented = set(expected) - set(self.seen), set(self.seen) - set(expected)
        repeated = len(self.seen) - len(set(self.seen))
        story = f"{len(missed)} missed, {len(invented)} invented, {repeated} repeated of {len(expected)}"
        return [*self.refusals, f"subscriber {self.name}: {story}; {sorted(missed)[:3]} {sorted(invented)[:3]}"]

    async def _over_socket(self, address: str) -> None:
        url = f"{address.replace('http://', 'ws://')}/graphql"
        async with connect(url, subprotocols=[PROTOCOL], open_timeout=5, close_timeout=0.1, compression=None) as socket:
            hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}
            await socket.send(json.dumps(hello))
            try:
                while True:
                    message = json.loads(await asyncio.wait_for(socket.recv(), _SILENT_SECONDS))
                    if message["type"] == "connection_ack":
                        query = {"query": self._view.document, "variables": {"after": self._cursor}}
                        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
                        self.connections += 1
                    elif message["type"] == "ping":
                        self._reached(message.get("payload", {}).get("cursor"))
                        await socket.send('{"type":"pong"}')
                    elif message["type"] == "next":
                        self._take(message["payload"])
                    else:
                        self.refusals.append(f"subscriber {self.name} received {message}")
                        return
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code not in _LATER:
                    self.refusals.append(f"subscriber {self.name} was closed with {closed.rcvd}")

    async def _over_stream(self, address: str) -> None:
        headers = {
            "authorization": f"Bearer {TOKEN}",
            "accept": "text/event-stream",
            "last-event-id": self._cursor,
        }
        body = {"query": self._view.document}
        timeout = httpx.Timeout(5, read=_SILENT_SECONDS)
        async with (
            httpx.AsyncClient(timeout=timeout, verify=False) as client,
            client.stream("POST", f"{address}/graphql", json=body, headers=headers) as response,
        ):
            if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                return
            if not response.is_success:
                answer = await response.aread()
                self.refusals.append(f"subscriber {self.name} received {response.status_code} {answer!r}")
                return
            self.connections += 1
            event: dict[str, str] = {}
            async for line in response.aiter_lines():
                name, _, value = line.partition(":")
                if line:
                    event[name] = value.strip()
                else:
                    self._take_event(event)
                    event = {}

    def _take_event(self, event: dict[str, str]) -> None:
        if event.get("event") == "next":
            self._take(json.loads(event["data"]))
        elif event.get("event") == "complete":
            self.refusals.append(f"subscriber {self.name} was told that it is complete")
        self._reached(event.get("id"))

    def _take(self, payload: dict[str, Any]) -> None:
        if payload.get("errors"):
            self.refusals.append(f"subscriber {self.name} received {payload}")
            return
        self.seen.append(payload["data"][self._view.field]["id"])
        self._reached(payload["extensions"]["cursor"])

    def _reached(self, cursor: str | None) -> None:
        """Resume from there; places compare as texts."""
        if cursor is not None:
            self._cursor = max(self._cursor, cursor)
