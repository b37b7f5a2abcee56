"""The numbers that metrics read from the database, within a bound of time."""

import asyncio

from domain.errors import UnavailableError
from domain.model.gauges import Gauges
from domain.persistence.database import Database

#: Scrapes time out after ten seconds by default; the rest of the metrics is worth more than these.
_ANSWER_SECONDS = 2.0


class GaugeService:
    """A reader of the numbers, which reads once for all who ask meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading: asyncio.Task[Gauges | None] | None = None

    async def read(self) -> Gauges | None:
        """Return the numbers as of now; None where the database is away, or takes too long."""
        if self._database.outage.is_on:
            return None
        reading = self._reading
        if reading is None or reading.done():
            reading = self._reading = asyncio.create_task(self._read())
        # It goes on when nobody waits for it any more: a transaction is never cancelled.
        done, _ = await asyncio.wait({reading}, timeout=_ANSWER_SECONDS)
        return reading.result() if done else None

    async def _read(self) -> Gauges | None:
        try:
            return await self._database.read(lambda session: session.gauges.read())
        except UnavailableError:
            return None
