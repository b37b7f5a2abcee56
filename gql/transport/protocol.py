"""Uvicorn's WebSocket protocol with less memory for an idle socket."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame

_MOST_FRAGMENTS = 1024
_MOST_PONG_BYTES = 1 << 16


class SlimProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's protocol with a lazy queue and event, which saves 4 KB a socket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue: Any = Inbox()
        self.writable: Any = Gate()
        #: Called once when the connection is lost.
        self.on_lost: Callable[[], None] | None = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None
        super().connection_lost(exc)

    @override
    def handle_cont(self, event: Frame) -> None:
        # The bytes of fragments are bounded already, but there could be any number of empty ones.
        if len(self.frames) >= _MOST_FRAGMENTS:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    @override
    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(self.frames):
            # Uvicorn would log a traceback, so that any client could fill the log.
            self.conn.fail(CloseCode.INVALID_DATA, "not UTF-8")
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    @override
    def handle_ping(self) -> None:
        # Pongs would pile up for a peer that reads none of them; one for its latest ping is enough (RFC 6455, 5.5.3).
        if self.transport.get_write_buffer_size() < _MOST_PONG_BYTES:
            super().handle_ping()
        else:
            self.conn.data_to_send()


def _is_utf8(frames: Sequence[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True


class Inbox:
    """The part of `asyncio.Queue` that uvicorn uses, for one reader; the original makes four deques of 760 bytes."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: deque[Any] | None = None
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Return whether the queue is empty."""
        return self._items is None

    def put_nowait(self, item: Any) -> None:
        """Add an item."""
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        """Wait for the next item and return it."""
        while self._items is None:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        item = self._items.popleft()
        if not self._items:
            self._items = None
        return item


class Gate:
    """The part of `asyncio.Event` that uvicorn uses; set at first."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed: asyncio.Event | None = None

    def clear(self) -> None:
        """Close the gate."""
        if self._closed is None:
            self._closed = asyncio.Event()

    def set(self) -> None:
        """Open the gate for all waiters."""
        if self._closed is not None:
            self._closed.set()
            self._closed = None

    async def wait(self) -> Literal[True]:
        """Wait until the gate is open."""
        while self._closed is not None:
            await self._closed.wait()
        return True
