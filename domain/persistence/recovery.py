"""The detection of a database's recovery after an outage, so that it is logged."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import Context

from domain.errors import UnavailableError
from domain.outages import Outage
from domain.persistence.availability import reason_of

_CHECK_SECONDS = 1.0


class Recovery:
    """A check once a second while an outage lasts, and none otherwise.

    The outage is over when checks succeed and no other transaction fails any more.
    """

    def __init__(self, check: Callable[[], Awaitable[object]]) -> None:
        self.outage = Outage("the database")
        self._check = check
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def failed(self, error: Exception) -> None:
        """Note a failure of the database."""
        self.outage.failed(reason_of(error))
        if self._task is None and not self._stopping.is_set():
            # Not as a part of the request that met the outage: it outlives that.
            self._task = asyncio.create_task(self._until_back(), context=Context())

    async def stop(self) -> None:
        """Stop checking."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _until_back(self) -> None:
        while self.outage.is_on and not self._stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._stopping.wait()
                    return
            with suppress(UnavailableError):
                await self._check()
                self.outage.works()
        self._task = None
