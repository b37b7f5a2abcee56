"""The outgoing queue of one WebSocket: bounded, in order, and never awaited by the sender (backpressure)."""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from websockets.protocol import State

#: How much may be queued before the socket is closed as too slow; its client resumes from its cursor.
MOST_FRAMES = 1024
MOST_BYTES = 4_000_000
#: How long sending one frame may take; a peer that reads nothing for so long is gone.
SEND_SECONDS = 10.0

#: The write buffer size at which asyncio's transports, and uvloop's, call `pause_writing`.
_HIGH_WATER_BYTES = 1 << 16
_SHORT, _MEDIUM = 126, 1 << 16


class Outbox:
    """A queue that takes frames without waiting, up to a bound while the peer reads slowly.

    `protocol` is uvicorn's where encoded frames can be written to its transport directly, else None.
    """

    # With slots and a reference to the transport: among thousands of sockets no object stays in the processor's cache,
    # so each delivery costs the memory that it has to fetch.
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
        #: The transport, while frames may be written to it at once because none are queued.
        self._transport: Any = None if protocol is None else protocol.transport
        self._on_overflow = on_overflow
        # Made when first needed: an empty deque takes 760 bytes, and most sockets never queue anything.
        self._waiting: deque[tuple[bytes, Callable[[], bool]]] | None = None
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def is_wired(self) -> bool:
        """True where encoded frames are written directly, so that one encoding serves all sockets of a group."""
        return self._protocol is not None

    def form_of(self, message: bytes) -> bytes:
        """Return the message as `put` takes it."""
        return message if self._protocol is None else text_frame(message)

    def put(self, frame: bytes, wanted: Callable[[], bool]) -> None:
        """Send a frame, or queue it and send it later if it is still wanted then."""
        if not self.send_at_once(frame):
            self._queue(frame, wanted)

    def send_at_once(self, frame: bytes) -> bool:
        """Send a frame, or drop it where nothing can be sent any more; return False where it has to be queued."""
        transport = self._transport
        # Equal to the protocol's `writable`, without fetching two more objects.
        if transport is None or transport.get_write_buffer_size() >= _HIGH_WATER_BYTES:
            return self.closed
        # A connection that was lost is one that is closing, too.
        if transport.is_closing():
            self.close()
        else:
            transport.write(frame)
        return True

    def close(self) -> None:
        """Drop the queue and take no more frames: none may follow a close frame."""
        self.closed = True
        self._transport = None
        self._waiting = None
        self._waiting_bytes = 0

    async def stop(self) -> None:
        """Close the outbox and cancel the drain."""
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
            # Frames put from now on must queue behind this one, even when the drain wakes later.
            self._transport = None
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._until_writable()
                if not self._waiting:
                    return
                # Checked only now: a client that reuses a subscription's id must get nothing of the former one.
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
    """Return uvicorn's sans-io protocol where frames can be written directly: an open one without extensions."""
    conn = getattr(candidate, "conn", None)
    usable = all(hasattr(candidate, name) for name in ("writable", "transport"))
    if not usable or conn is None or getattr(conn, "extensions", None) or conn.state is not State.OPEN:
        return None
    return candidate


def text_frame(message: bytes) -> bytes:
    """Return a WebSocket frame that holds this text, unmasked as servers send it (RFC 6455, 5.2)."""
    size = len(message)
    if size < _SHORT:
        return b"\x81" + bytes((size,)) + message
    if size < _MEDIUM:
        return b"\x81\x7e" + struct.pack("!H", size) + message
    return b"\x81\x7f" + struct.pack("!Q", size) + message
