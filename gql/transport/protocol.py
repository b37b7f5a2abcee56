"""Uvicorn's WebSocket protocol, with less memory for a socket that waits."""

import asyncio
from collections import deque
from typing import Any, Literal

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class SlimProtocol(WebSocketsSansIOProtocol):
    """The same protocol: its queue and its event, empty for nearly all of their time, take 4 KB less a socket."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.queue: Any = Inbox()
        self.writable: Any = Gate()


class Inbox:
    """What uvicorn asks of `asyncio.Queue`, which makes four deques of 760 bytes at once; for one reader."""

    __slots__ = ("_items", "_reader")

    def __init__(self) -> None:
        self._items: deque[Any] | None = None
        self._reader: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._items is None

    def put_nowait(self, item: Any) -> None:
        """Add an item."""
        if self._items is None:
            self._items = deque()
        self._items.append(item)
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def get(self) -> Any:
        """The next item, once there is one."""
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
    """What uvicorn asks of `asyncio.Event`: open at first."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed: asyncio.Event | None = None

    def clear(self) -> None:
        """Close it."""
        if self._closed is None:
            self._closed = asyncio.Event()

    def set(self) -> None:
        """Open it for all who wait."""
        if self._closed is not None:
            self._closed.set()
            self._closed = None

    async def wait(self) -> Literal[True]:
        """Wait until it is open."""
        while self._closed is not None:
            await self._closed.wait()
        return True
