"""The retention of events and deliveries, if limited, of answers to idempotency keys, and of unconfirmed visitors."""

import asyncio
import logging
from contextlib import suppress
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.services.writing import KEPT

logger = logging.getLogger(__name__)

_CHUNK = 1000
_PERIOD_SECONDS = 3600.0
#: Messages to visitors are tried for a day.
_LONGEST_QUEUED = timedelta(days=2)
#: Requests of visitors are counted by the hour, on processes whose clocks differ.
_COUNTED = timedelta(hours=2)


class Upkeep:
    """A task that prunes at the start and then every hour, in small transactions that other writes fit between."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        event_retention_days: int,
        delivery_retention_days: int = 0,
        audit_retention_days: int = 0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._retention = timedelta(days=event_retention_days)
        self._delivery_retention = timedelta(days=delivery_retention_days)
        self._audit_retention = timedelta(days=audit_retention_days)

    async def run(self, stopping: asyncio.Event) -> None:
        """Prune every hour until `stopping` is set."""
        while not stopping.is_set():
            with logging_failures(logger, "pruning failed; retrying in an hour"):
                await self.run_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PERIOD_SECONDS):
                    await stopping.wait()

    async def run_once(self) -> None:
        """Prune all that is due now."""
        now = self._clock.now()
        if self._retention:
            before = now - self._retention
            while (await self._database.write(lambda unit: unit.changes.prune(before=before, limit=_CHUNK))).value:
                pass
            await self._database.write(lambda unit: unit.systems.forget_former(before=before))
        if self._delivery_retention:
            await self._prune_deliveries(now - self._delivery_retention)
        if self._audit_retention:
            before = now - self._audit_retention
            while (await self._database.write(lambda unit: unit.audit.prune(before=before, limit=_CHUNK))).value:
                pass
        await self._prune_visitors(now)
        forgotten = now - KEPT
        while (await self._database.write(lambda unit: unit.idempotency.forget(before=forgotten, limit=_CHUNK))).value:
            pass

    async def _prune_visitors(self, now: datetime) -> None:
        while (await self._database.write(lambda unit: unit.visitors.prune(now=now, limit=_CHUNK))).value:
            pass
        while (await self._database.write(lambda unit: unit.visitors.prune_links(now=now, limit=_CHUNK))).value:
            pass
        hour = now - _COUNTED
        while (await self._database.write(lambda unit: unit.visitors.prune_requests(before=hour, limit=_CHUNK))).value:
            pass
        # What is older has been given up by whoever can send it; nobody could.
        before = now - _LONGEST_QUEUED
        while (await self._database.write(lambda unit: unit.visitor_queues.prune(before=before, limit=_CHUNK))).value:
            pass

    async def _prune_deliveries(self, before: datetime) -> None:
        while (await self._database.write(lambda unit: unit.deliveries.prune(before=before, limit=_CHUNK))).value:
            pass
        while (
            await self._database.write(lambda unit: unit.webhook_deliveries.prune(before=before, limit=_CHUNK))
        ).value:
            pass
        # An alert that ended so long ago needs no record of it: nothing older comes any more.
        while (await self._database.write(lambda unit: unit.alerts.prune(before=before, limit=_CHUNK))).value:
            pass
