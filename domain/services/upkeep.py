"""What has to be forgotten: old events where the operator wants that, and answers under old idempotency keys."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from domain.clock import Clock
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.services.writing import KEPT

logger = logging.getLogger(__name__)

_CHUNK = 1000
_PERIOD_SECONDS = 3600.0


class Upkeep:
    """Runs once at the start and then every hour, in small transactions that writers fit between."""

    def __init__(self, *, database: Database, clock: Clock, event_retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=event_retention_days)

    async def run(self, stopping: asyncio.Event) -> None:
        """Tidy up until told to stop."""
        while not stopping.is_set():
            with logging_failures(logger, "pruning failed; retrying in an hour"):
                await self.run_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD_SECONDS):
                    await stopping.wait()

    async def run_once(self) -> None:
        """Forget all that is due now."""
        now = self._clock.now()
        if self._retention:
            before = now - self._retention
            while (await self._database.write(lambda unit: unit.changes.prune(before=before, limit=_CHUNK))).value:
                pass
            await self._database.write(lambda unit: unit.systems.forget_former(before=before))
        forgotten = now - KEPT
        while (await self._database.write(lambda unit: unit.idempotency.forget(before=forgotten, limit=_CHUNK))).value:
            pass
