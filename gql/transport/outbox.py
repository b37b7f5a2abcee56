"""The way out of one WebSocket: bounded, in order, and never waited for by anybody else."""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from websockets.protocol import State

#: What a socket may have waiting before it is dropped; its client comes back with its cursor.
MOST_FRAMES = 1024
MOST_BYTES = 4_000_000
#: How long one frame may take to leave; a peer that reads nothing for so long is gone.
SEND_SECONDS = 10.0

#: Where asyncio's transports, and uvloop's, begin to ask for a pause.
_HIGH_WATER_BYTES = 1 << 16
_SHORT, _MEDIUM = 126, 1 << 16


class Outbox:
    """Takes frames without waiting. While the peer reads slowly they queue up, to a bound.

    `protocol` is uvicorn's, where frames can be written to it as they are, else None.
    """

    # With slots, and the transport at hand: of thousands of sockets no object is in the processor's cache any more when
    # its turn comes, so a delivery costs what it has to fetch from memory.
    __slots__ = (
        "_on_overflow",
        "_protocol",
        "_send_text",
        "_task",
        "_transport",
        "_waiting",
        "_waiting_bytes",
        "closed",
    )

    def __init__(
        self,
        send_text: Callable[[str], Awaitable[None]],
        protocol: Any,
        *,
        on_overflow: Callable[[], None],
    ) -> None:
        self._send_text = send_text
        self._protocol = protocol
        #: The transport, while frames may be written to it at once: nothing waits that has to leave before them.
        self._transport: Any = None if protocol is None else protocol.transport
        self._on_overflow = on_overflow
        # Made when first needed: an empty deque takes 760 bytes, and most sockets never have anything waiting.
        self._waiting: deque[tuple[bytes, Callable[[], bool]]] | None = None
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def is_wired(self) -> bool:
        """Whether frames go to the wire as they are, encoded once for all sockets of a group."""
        return self._protocol is not None

    def form_of(self, message: bytes) -> bytes:
        """The message as `put` takes it."""
        return message if self._protocol is None else text_frame(message)

    def put(self, frame: bytes, wanted: Callable[[], bool]) -> None:
        """Send a frame when its turn comes, if it is still wanted then."""
        transport = self._transport
        # What the protocol's `writable` says too, but without fetching two more objects.
        if transport is not None and transport.get_write_buffer_size() < _HIGH_WATER_BYTES:
            # A connection that was lost is one that is closing, too.
            if transport.is_closing():
                self.close()
            else:
                transport.write(frame)
        elif not self.closed:
            self._queue(frame, wanted)

    def close(self) -> None:
        """Drop what waits, and take nothing more: after a close frame none may follow."""
        self.closed = True
        self._transport = None
        self._waiting = None
        self._waiting_bytes = 0

    async def stop(self) -> None:
        """The same, and let go of the peer."""
        self.close()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._task

    def _queue(self, frame: bytes, wanted: Callable[[], bool]) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append((frame, wanted))
        self._waiting_bytes += len(frame)
        if len(self._waiting) > MOST_FRAMES or self._waiting_bytes > MOST_BYTES:
            self.close()
            self._on_overflow()
        elif self._task is None:
            # Whatever comes meanwhile comes after it, even when the drain is woken later.
            self._transport = None
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._until_writable()
                if not self._waiting:
                    return
                # Asked only now: whoever reuses the id of a subscription must hear nothing of the former one.
                frame, wanted = self._waiting.popleft()
                self._waiting_bytes -= len(frame)
                if wanted():
                    await self._write(frame)
        except Exception:  # noqa: BLE001 - however sending fails, the peer is gone
            self.close()
        finally:
            self._task = None
            if self._protocol is not None and not self.closed:
                self._transport = self._protocol.transport

    async def _until_writable(self) -> None:
        protocol = self._protocol
        if protocol is None:
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await protocol.writable.wait()
        except TimeoutError:
            protocol.transport.abort()
            raise

    async def _write(self, frame: bytes) -> None:
        if self._protocol is None:
            await self._send_text(frame.decode())
        elif self._protocol.transport.is_closing():
            self.close()
        else:
            self._protocol.transport.write(frame)


def wire_protocol(candidate: Any) -> Any:
    """Uvicorn's sans-io protocol where frames can be written to it as they are: no compression, nothing in between."""
    conn = getattr(candidate, "conn", None)
    usable = all(hasattr(candidate, name) for name in ("writable", "transport"))
    if not usable or conn is None or getattr(conn, "extensions", None) or conn.state is not State.OPEN:
        return None
    return candidate


def text_frame(message: bytes) -> bytes:
    """A WebSocket frame that holds this text, unmasked as servers send it (RFC 6455, 5.2)."""
    size = len(message)
    if size < _SHORT:
        return b"\x81" + bytes((size,)) + message
    if size < _MEDIUM:
        return b"\x81\x7e" + struct.pack("!H", size) + message
    return b"\x81\x7f" + struct.pack("!Q", size) + message
