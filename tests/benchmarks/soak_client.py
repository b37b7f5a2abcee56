"""Sockets that subscribe, many in one process: `soak` starts a few of these, and asks them what arrived.

Each socket follows the incidents of one system. What is sent has the moment of its request in the incident's title, by
a clock that all processes of a machine share. One line of JSON answers each line on the standard input.
"""

import asyncio
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import uvloop
from typing_extensions import override

#: The lags are counted in steps of two per cent.
STEPS = 50
_AT_A_TIME = 50
_PATIENCE_SECONDS = 120
_TEXT, _CLOSE = 1, 8
_DOCUMENT = (
    'subscription { incidentChanges(filter: {system: {in: ["%s"]}}) '
    "{ cursor action incident { id title status severity } } }"
)
_HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


@dataclass(slots=True)
class Arrived:
    """Counts of what arrived at all sockets of this process."""

    lags: Counter[int] = field(default_factory=Counter)
    gone: int = 0
    refusals: list[str] = field(default_factory=list)

    def taken(self) -> Mapping[str, object]:
        """Return what arrived since this was last asked for."""
        lags, self.lags = self.lags, Counter()
        return {"lags": lags, "gone": self.gone, "refusals": self.refusals[:3]}


class Watching(asyncio.Protocol):
    """A socket that follows a system."""

    def __init__(self, arrived: Arrived, system: str, token: str) -> None:
        self._arrived = arrived
        self._system = system
        self._token = token
        self._rest = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's own is none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_HANDSHAKE)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived.gone += 1
        if not self.subscribed.done():
            self.subscribed.set_exception(ConnectionError(self._rest[:200]))

    @override
    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            self._is_open = True
            self._send(type="connection_init", payload={"Authorization": f"Bearer {self._token}"})
        place = 0
        while (frame := _frame(data, place)) is not None:
            opcode, begins, place = frame
            if opcode == _TEXT:
                self._receive(data[begins:place])
        self._rest = data[place:]

    def _receive(self, message: bytes) -> None:
        mark = message.find(b'"title":"')
        if mark >= 0:
            sent = int(message[mark + 9 : message.index(b'"', mark + 9)])
            lag = max(time.monotonic_ns() - sent, 1000) / 1e9
            self._arrived.lags[round(math.log(lag) * STEPS)] += 1
            self.count += 1
            return
        kind = json.loads(message)["type"]
        if kind == "connection_ack":
            self._send(id="1", type="subscribe", payload={"query": _DOCUMENT % self._system})
            # The answer comes after the subscription was read.
            self._send(type="ping")
        elif kind == "pong":
            if not self.subscribed.done():
                self.subscribed.set_result(None)
        elif kind == "ping":
            self._send(type="pong")
        else:
            self._arrived.refusals.append(message.decode())

    def _send(self, **message: object) -> None:
        body = json.dumps(message).encode()
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
        assert self._transport is not None
        # A mask of zeros leaves the text as it is.
        self._transport.write(b"\x81" + size + bytes(4) + body)


def _frame(data: bytes, place: int) -> tuple[int, int, int] | None:
    """Return the kind of the frame at a place, and where its content begins and ends; None where it is not whole."""
    if len(data) < place + 2:
        return None
    length, begins = data[place + 1], place + 2
    if length >= 126:
        begins += 2 if length == 126 else 8
        if len(data) < begins:
            return None
        length = int.from_bytes(data[place + 2 : begins], "big")
    return (data[place] & 15, begins, begins + length) if len(data) >= begins + length else None


async def watch(port: int, token: str, sockets: int, groups: int, first: int) -> None:
    """Open so many sockets, spread over so many systems, and answer until the input ends."""
    loop, arrived = asyncio.get_running_loop(), Arrived()
    watching: list[Watching] = []
    for begun in range(0, sockets, _AT_A_TIME):
        numbers = range(first + begun, first + min(begun + _AT_A_TIME, sockets))
        made = [Watching(arrived, f"group-{number % groups}", token) for number in numbers]
        await asyncio.gather(*(loop.create_connection(lambda each=each: each, "127.0.0.1", port) for each in made))  # type: ignore[misc]  # mypy does not know the default's type
        await asyncio.wait_for(asyncio.gather(*(each.subscribed for each in made)), _PATIENCE_SECONDS)
        watching += made
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"open": len(watching)}), flush=True)
    while line := await lines.readline():
        # By system, how much its sockets got: the least and the most of any.
        counts: dict[str, list[int]] = {}
        for number, each in enumerate(watching):
            counts.setdefault(f"group-{(first + number) % groups}", []).append(each.count)
        spread = {system: (min(each), max(each)) for system, each in counts.items()} if b"counts" in line else {}
        print(json.dumps({**arrived.taken(), "counts": spread}), flush=True)


if __name__ == "__main__":
    port, token, *numbers = sys.argv[1:]
    uvloop.run(watch(int(port), token, *map(int, numbers)))
