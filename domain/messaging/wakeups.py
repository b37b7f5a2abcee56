"""Wake-ups between processes. They carry no data: the log is the truth, so a lost wake-up only causes delay."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from broadcaster import Broadcast

from domain.errors import StartupError
from domain.messaging.siblings import SCHEME, broadcast_of
from domain.outages import Outage

#: The address of a process that has no other one to notify.
ALONE = "memory://"
_CHANNEL = "incidentql"
_SCHEMES = (ALONE, "redis://", "rediss://", "postgres://", "postgresql://")
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 10.0


class WakeUps:
    """The wake-up channel, with one publisher and one subscriber per process, which the broadcaster does reliably.

    Raises:
        StartupError: the URL is of an unknown kind.
    """

    def __init__(
        self, url: str, on_wake: Callable[[], None], *, heartbeat_seconds: float = 5.0, silence_seconds: float = 15.0
    ) -> None:
        if not url.startswith((*_SCHEMES, SCHEME)):
            raise StartupError(f"The broadcast URL must start with one of: {', '.join(_SCHEMES)}.")
        self._url = url
        self._on_wake = on_wake
        #: The library does not notify a listener whose backend died, so every process sends a heartbeat this often ...
        self._heartbeat_seconds = heartbeat_seconds
        #: ... and a process that received none for this long reconnects.
        self._silence_seconds = silence_seconds
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._pending = asyncio.Event()
        self._outage = Outage("the broadcaster")
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def start(self) -> None:
        """Connect in the background; until then the fallback poll is in effect."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Disconnect."""
        self._is_stopping = True
        if self._task is not None:
            # Nothing but the network is awaited in there, so cutting it short loses nothing.
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def announce(self) -> None:
        """Notify all processes that the log grew; announcements in quick succession are merged."""
        self._pending.set()

    async def _run(self) -> None:
        while True:
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001 - whatever a backend raises, the answer is to reconnect
                if self._is_stopping:
                    # Of a task group, a failure at the very moment of the cancellation comes in place of that.
                    return
                reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                self._outage.failed(repr(reason))
            await asyncio.sleep(self._pause_seconds * random.uniform(0.5, 1.0))  # noqa: S311 - only spreads reconnects
            self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)

    async def _connected(self) -> None:
        broadcast = broadcast_of(self._url)
        try:
            await broadcast.connect()
            async with broadcast.subscribe(_CHANNEL) as subscriber, asyncio.TaskGroup() as tasks:
                self._pause_seconds = _FIRST_PAUSE_SECONDS
                self._on_wake()  # for announcements made while not connected
                tasks.create_task(self._listen(subscriber.get))
                tasks.create_task(self._publish(broadcast))
        finally:
            with suppress(Exception):
                await broadcast.disconnect()
            # After a connect that failed half-way, disconnect() would leave the started half to the garbage collector.
            with suppress(Exception):
                await broadcast._backend.disconnect()  # noqa: SLF001 - the library has no public name for it

    async def _listen(self, receive: Callable[[], object]) -> None:
        while True:
            async with asyncio.timeout(self._silence_seconds):
                await receive()  # type: ignore[misc]  # the library's method is a coroutine without a type
            self._on_wake()

    async def _publish(self, broadcast: Broadcast) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_seconds):
                    await self._pending.wait()
            self._pending.clear()
            await broadcast.publish(_CHANNEL, "")
            self._outage.works()
