"""All open sockets of a process, looked after together."""

import asyncio
import random
from typing import Protocol

from gql.transport.outbox import Outbox


class Adapter(Protocol):
    """The connection under a socket."""

    def abort(self) -> None:
        """Drop it without a word."""

    async def close(self, code: int, reason: str) -> None:
        """Close it."""


class Socket(Protocol):
    """One of them."""

    outbox: Outbox
    #: Whether anything came from its client since the last ping.
    heard: bool
    connection_acknowledged: bool

    @property
    def adapter(self) -> Adapter:
        """The connection."""


class Sockets:
    """All open sockets of a process: pinged in turn, and closed gently when the server goes."""

    def __init__(self) -> None:
        self._open: set[Socket] = set()
        self.closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, handler: Socket) -> None:
        """Keep an eye on a socket."""
        self._open.add(handler)

    def discard(self, handler: Socket) -> None:
        """A socket has closed."""
        self._open.discard(handler)

    async def ping(self) -> None:
        """Ask every socket for a sign of life; cut off those that gave none since the last time."""
        for handler in list(self._open):
            if not handler.connection_acknowledged:
                continue
            if not handler.heard:
                handler.adapter.abort()
                continue
            handler.heard = False
            handler.outbox.put(handler.outbox.form_of(b'{"type":"ping"}'), _always)
            await asyncio.sleep(0)

    async def drain(self, *, seconds: float) -> None:
        """Close every socket with 1012 at a moment of its own, so that their clients do not all come back at once."""
        closing = [self._close_later(handler, random.uniform(0, seconds)) for handler in list(self._open)]  # noqa: S311 - only spreads them
        await asyncio.gather(*closing, return_exceptions=True)

    async def _close_later(self, handler: Socket, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await handler.adapter.close(code=1012, reason="The server is restarting.")


def _always() -> bool:
    return True
