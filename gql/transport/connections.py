"""Limits on the connections of a process: on their number in all and by address, and on their idle time."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from domain.settings import Settings
from gql.requests.addresses import network_of

#: The delay after which a refused client should retry, and the message that it gets.
RETRY_SECONDS = 5
TOO_MANY = "There are too many connections: come back later."

_SWEEP_SECONDS = 1.0


class Peer(Protocol):
    """The protocol object of a connection."""

    def drop(self) -> None:
        """Close the connection at once, to make room for another."""

    def time_out(self) -> None:
        """Close the connection, because the head of a request did not come in time."""


class Origin:
    """An address with the number of its connections and the idle ones among them, the oldest first."""

    __slots__ = ("idle", "key", "open")

    def __init__(self, key: str) -> None:
        self.key = key
        self.open = 0
        self.idle: OrderedDict[Connection, float] = OrderedDict()


class Connection:
    """A connection, idle while it has no request; a WebSocket or an SSE stream is a request without end."""

    __slots__ = ("is_open", "origin", "peer")

    def __init__(self, peer: Peer, origin: Origin | None) -> None:
        self.peer: Peer | None = peer
        self.origin = origin
        self.is_open = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits on the number of connections and on the head of a request."""

    most: int
    most_per_address: int
    head_bytes: int
    head_seconds: float

    @classmethod
    def of(cls, settings: Settings, *, room: int | None = None) -> "ConnectionLimits":
        """Return the settings' limits, lowered to `room`; no address then gets more than half of it."""
        most, most_per_address = settings.max_connections, settings.max_connections_per_address
        if room is not None and room < most:
            most, most_per_address = room, min(most_per_address, max(1, room // 2))
        return cls(
            most=most,
            most_per_address=most_per_address,
            head_bytes=settings.max_head_bytes,
            head_seconds=settings.head_timeout_seconds,
        )


class Connections:
    """All connections of a process, each either idle or busy.

    The connections of a trusted proxy are not counted by address. Each of its requests is, under the address that the
    proxy names.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        trusts: Callable[[str], bool] = lambda _: False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        #: Whether a connection is kept for another request once one is answered.
        self.keeps_alive = True
        #: Refused peers, until they have read the answer.
        self.refused: set[Peer] = set()
        self._trusts = trusts
        self._now = now
        self._open = 0
        self._idle: OrderedDict[Connection, float] = OrderedDict()
        self._origins: dict[str, Origin] = {}

    def __len__(self) -> int:
        return self._open

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Close connections that are idle for too long, while the block runs."""
        sweeping = asyncio.create_task(self._sweep_for_ever())
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.wait({sweeping})

    def admit(self, peer: Peer, host: str) -> Connection | None:
        """Take a new connection, closing the oldest idle one if need be; return None where all are busy."""
        origin = None if not host or self._trusts(host) else self._origin_of(host)
        if not self._has_room(origin):
            return None
        if origin is not None:
            self._count(origin)
        self._open += 1
        connection = Connection(peer, origin)
        self.mark_idle(connection)
        return connection

    def hold(self, host: str) -> Origin | None:
        """Count a request that a trusted proxy passes on for an address; return None where it has too many."""
        origin = self._origin_of(host)
        if origin.open >= self.limits.most_per_address and not self._evict(origin.idle):
            return None
        self._count(origin)
        return origin

    def release(self, origin: Origin) -> None:
        """Stop counting a connection or request of an address."""
        origin.open -= 1
        if not origin.open:
            self._origins.pop(origin.key, None)

    def mark_busy(self, connection: Connection) -> None:
        """Note that a connection has a request."""
        self._idle.pop(connection, None)
        if connection.origin is not None:
            connection.origin.idle.pop(connection, None)

    def mark_idle(self, connection: Connection) -> None:
        """Note that a connection has no request from now on."""
        if not connection.is_open:
            return
        self._idle[connection] = since = self._now()
        if connection.origin is not None:
            connection.origin.idle[connection] = since

    def forget(self, connection: Connection) -> None:
        """Stop counting a connection that is closed or about to be."""
        if not connection.is_open:
            return
        connection.is_open = False
        connection.peer = None
        self.mark_busy(connection)
        self._open -= 1
        if connection.origin is not None:
            self.release(connection.origin)

    def sweep(self) -> None:
        """Close all connections that have waited too long for the head of a request."""
        latest = self._now() - self.limits.head_seconds
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            if since > latest:
                return
            peer = connection.peer
            self.forget(connection)
            if peer is not None:
                peer.time_out()

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.sweep()

    def _has_room(self, origin: Origin | None) -> bool:
        if origin is not None and origin.open >= self.limits.most_per_address:
            # Room for the address is room in all, too.
            return self._evict(origin.idle)
        return self._open < self.limits.most or self._evict(self._idle)

    def _evict(self, idle: OrderedDict[Connection, float]) -> bool:
        oldest = next(iter(idle), None)
        if oldest is None:
            return False
        peer = oldest.peer
        self.forget(oldest)
        if peer is not None:
            peer.drop()
        return True

    def _origin_of(self, host: str) -> Origin:
        key = network_of(host)
        return self._origins.get(key) or Origin(key)

    def _count(self, origin: Origin) -> None:
        # Set again even where it was known: evicting a connection for this one may have removed it.
        self._origins[origin.key] = origin
        origin.open += 1


def peer_of(sender: Any) -> str:
    """Return the remote address of the connection that an ASGI `send` belongs to."""
    transport = getattr(getattr(sender, "__self__", None), "transport", None)
    return host_of(transport) if transport is not None else ""


def host_of(transport: asyncio.BaseTransport) -> str:
    """Return the remote address of a transport; empty where it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""
