"""Uvicorn's server, as this program runs it."""

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from typing_extensions import override

from domain.counting import Histogram
from gql.cli.stopping import stops_in_time

_STOPPING = (signal.SIGINT, signal.SIGTERM)
#: How often the `Date` of responses is renewed.
_TICK_SECONDS = 1.0


class Server(uvicorn.Server):
    """Uvicorn's server with callbacks when it serves, drains and closes, which does not raise signals again.

    Asked to stop, it goes on for `drain_seconds`, or until it is asked once more.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_serving: Callable[[], None] = lambda: None,
        on_draining: Callable[[], None] = lambda: None,
        on_closing: Callable[[], Awaitable[None]] | None = None,
        drain_seconds: float = 0.0,
        loop_lag: Histogram | None = None,
    ) -> None:
        super().__init__(config)
        self._on_serving = on_serving
        self._on_draining = on_draining
        self._on_closing = on_closing
        self._drain_seconds = drain_seconds
        self._exiting = asyncio.Event()
        self._loop_lag = loop_lag or Histogram()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_serving()

    @override
    async def main_loop(self) -> None:
        # Uvicorn's own looks ten times a second whether to exit, and counts ten looks until the next `Date`.
        while not await self.on_tick(0):
            await self._pause(_TICK_SECONDS)
        if self._drain_seconds:
            await self._drain()

    async def _drain(self) -> None:
        self._on_draining()
        self._exiting.clear()
        ends = time.monotonic() + self._drain_seconds
        while (left := ends - time.monotonic()) > 0 and not self._exiting.is_set():
            await self._pause(min(left, _TICK_SECONDS))
            await self.on_tick(0)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the server is asked to stop."""
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._exiting.wait()
        # How much later than it asked for it is woken: so long, everybody waits for their turn.
        self._loop_lag.add(max(0.0, time.monotonic() - began - seconds))

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_closing is not None:
            await self._on_closing()
        await super().shutdown(sockets)

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._exiting.set()

    @contextmanager
    @override
    def capture_signals(self) -> Generator[None, None, None]:
        # Uvicorn's own raises the signal again when done, which would kill the process before the database closed.
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            with stops_in_time(_STOPPING, drain_seconds=self._drain_seconds):
                yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)
