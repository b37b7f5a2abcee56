"""A backend of the broadcaster for processes with one parent, over a socket that each of them inherits."""

import asyncio
import os
import socket
from contextlib import suppress

from broadcaster import Broadcast, Event
from broadcaster._backends.base import BroadcastBackend  # no public name
from typing_extensions import override

#: The scheme of addresses that no operator writes.
SCHEME = "siblings://"
#: What a process sends to its parent: that the log grew, which the parent passes on, and that it serves.
WAKE, SERVES = b"w", b"s"


def url_of(sibling: socket.socket) -> str:
    """Return the address of the siblings behind a socket of datagrams, for the process that inherits it."""
    return f"{SCHEME}{sibling.fileno()}"


def broadcast_of(url: str) -> Broadcast:
    """Return the broadcaster of an address."""
    return Broadcast(backend=SiblingsBackend(url)) if url.startswith(SCHEME) else Broadcast(url)


class SiblingsBackend(BroadcastBackend):
    """The broadcaster's view of the siblings: one channel, and messages without a text."""

    def __init__(self, url: str) -> None:
        self._file = int(url.removeprefix(SCHEME))
        self._socket: socket.socket | None = None
        self._channel = ""

    @override
    async def connect(self) -> None:
        self._socket = socket.socket(fileno=os.dup(self._file))
        self._socket.settimeout(0)

    @override
    async def disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @override
    async def subscribe(self, group: str) -> None:
        self._channel = group

    @override
    async def unsubscribe(self, group: str) -> None:
        self._channel = ""

    @override
    async def publish(self, channel: str, message: object) -> None:
        assert self._socket is not None, "connect first"
        # Where nothing more fits, enough wake-ups are on their way.
        with suppress(BlockingIOError):
            self._socket.send(WAKE)

    @override
    async def next_published(self) -> Event:
        assert self._socket is not None, "connect first"
        await asyncio.get_running_loop().sock_recv(self._socket, len(WAKE))
        return Event(self._channel, "")
