"""Heartbeat and drain of all open sockets of a process."""

import asyncio
import random
from typing import Protocol

from gql.transport.outbox import Outbox


class Adapter(Protocol):
    """The connection under a socket."""

    def abort(self) -> None:
        """Drop the connection without a close frame."""

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""


class Socket(Protocol):
    """A socket as its heartbeat sees it."""

    outbox: Outbox
    #: True when a message came from its client since the last ping.
    is_alive: bool
    connection_acknowledged: bool

    @property
    def subscriptions(self) -> int:
        """The number of its subscriptions."""

    def reached(self) -> str | None:
        """Return the cursor of the place up to which all was sent; None while one of its subscriptions catches up."""

    @property
    def adapter(self) -> Adapter:
        """The connection under the socket."""


class Sockets:
    """All open sockets of a process: pinged one after the other, and drained when the server stops."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()
        #: How many subscriptions ended with sockets that showed no sign of life.
        self.silent = 0
        self.closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def subscriptions(self) -> int:
        """Return the number of subscriptions on all sockets."""
        return sum(handler.subscriptions for handler in self._open)

    def add(self, handler: Socket) -> None:
        """Add an open socket."""
        self._open.add(handler)

    def discard(self, handler: Socket) -> None:
        """Remove a socket that has closed."""
        self._open.discard(handler)

    async def ping(self) -> None:
        """Ping every socket, and say what it was sent; drop those that sent nothing since the last ping."""
        for handler in list(self._open):
            if not handler.connection_acknowledged:
                continue
            if not handler.is_alive:
                self.silent += handler.subscriptions
                handler.adapter.abort()
                continue
            handler.is_alive = False
            cursor = handler.reached()
            ping = (
                b'{"type":"ping"}' if cursor is None else b'{"type":"ping","payload":{"cursor":"%b"}}' % cursor.encode()
            )
            handler.outbox.put(handler.outbox.form_of(ping), _always)
            await asyncio.sleep(0)

    async def drain(self, *, seconds: float) -> None:
        """Close every socket with 1012 at a random moment, so that clients do not all reconnect at once."""
        closing = [self._close_later(handler, random.uniform(0, seconds)) for handler in list(self._open)]  # noqa: S311 - only spreads them
        await asyncio.gather(*closing, return_exceptions=True)

    async def _close_later(self, handler: Socket, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await handler.adapter.close(code=1012, reason="The server is restarting.")


def _always() -> bool:
    return True
