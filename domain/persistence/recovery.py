"""Finds out that a database which was away is back, so that the log can say so, and when."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from domain.errors import UnavailableError
from domain.outages import Outage
from domain.persistence.availability import reason_of

_LOOK_SECONDS = 1.0


class Recovery:
    """Looks once a second while an outage lasts, and not at all otherwise.

    It is over when looks succeed and nobody else fails any more.
    """

    def __init__(self, look: Callable[[], Awaitable[object]]) -> None:
        self.outage = Outage("the database")
        self._look = look
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def failed(self, error: Exception) -> None:
        """Hear that the database failed somebody."""
        self.outage.failed(reason_of(error))
        if self._task is None and not self._stopping.is_set():
            self._task = asyncio.create_task(self._until_back())

    async def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _until_back(self) -> None:
        while self.outage.is_on and not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stopping.wait()
                    return
            with suppress(UnavailableError):
                await self._look()
                self.outage.works()
        self._task = None
