"""Retention of runs: runs long over are pruned, and the engine's records of them."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from domain.automations.engine.adapter import Engine
from domain.clock import Clock
from domain.outages import logging_failures
from domain.persistence.database import Database

logger = logging.getLogger(__name__)

_CHUNK = 500
_PERIOD_SECONDS = 3600.0
#: The retention of the engine's records, by which it is idempotent.
_ENGINE_KEEPS = timedelta(days=1)


class RunUpkeep:
    """A pruner that runs at the start and then every hour, in small transactions that writers fit between."""

    def __init__(self, *, database: Database, clock: Clock, engine: Engine, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._engine = engine
        self._retention = timedelta(days=retention_days)

    async def run(self, stopping: asyncio.Event) -> None:
        """Prune until stopped."""
        while not stopping.is_set():
            with logging_failures(logger, "forgetting old runs failed; trying again in an hour"):
                await self.forget_runs()
                await self._engine.forget(before=self._clock.now() - _ENGINE_KEEPS)
            with suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD_SECONDS):
                    await stopping.wait()

    async def forget_runs(self) -> None:
        """Delete the runs that have been over for longer than the retention; active ones stay, however old.

        A deleted automation is pruned with the last of its runs.
        """
        if self._retention:
            before = self._clock.now() - self._retention
            while (await self._database.write(lambda unit: unit.runs.forget(before=before, limit=_CHUNK))).value:
                pass
        while (await self._database.write(lambda unit: unit.automations.forget(limit=_CHUNK))).value:
            pass
