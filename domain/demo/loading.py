"""Bulk loading of pasts: rows, history and log, as if each step had been written when it happened."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime

from domain.demo.apart import Make, making
from domain.demo.making import Batch, Plan
from domain.model.actor import Actor
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import Writer

#: How many batches there are besides the one that is written: one that is ready, and one that is being made.
_AHEAD = 2


class HistoryLoader:
    """A loader of pasts, a batch to a transaction."""

    def __init__(self, *, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer
        #: Which of both databases it writes: their rows differ.
        self.is_sqlite = database.is_sqlite

    async def introduce(self, people: Iterable[Actor], *, at: datetime) -> None:
        """Write people whom incidents can be assigned to."""

        async def work(unit: UnitOfWork) -> None:
            for actor in people:
                await unit.people.note(actor, at=at)

        await self._writer.run(work)

    async def load(
        self, plan: Plan, *, progress: Callable[[int], None] | None = None, apart: bool | None = None
    ) -> None:
        """Write a past, oldest first; `progress` is called after each batch with its number of incidents.

        A crash leaves whole batches, and a gap in the numbers where batches were ready that were not written.
        """
        async with making(plan, apart=apart) as make, aclosing(self._made(make, plan.sizes)) as batches:
            async for batch in batches:
                await self._write(batch)
                if progress is not None:
                    progress(batch.incidents)

    async def _made(self, make: Make, sizes: Sequence[int]) -> AsyncGenerator[Batch, None]:
        coming: deque[asyncio.Task[Batch]] = deque()
        try:
            for size in sizes:
                first = await self._first_number(size)
                coming.append(asyncio.create_task(make(first)))
                if len(coming) > _AHEAD:
                    yield await coming.popleft()
            while coming:
                yield await coming.popleft()
        finally:
            for task in coming:
                task.cancel()
            await asyncio.gather(*coming, return_exceptions=True)

    async def _first_number(self, size: int) -> int:
        """Take that many numbers, and return the first: those who open incidents meanwhile get others."""
        taken = await self._writer.run(lambda unit: unit.incidents.last_of_numbers(size))
        return taken.value - size + 1

    async def _write(self, batch: Batch) -> None:
        async def work(unit: UnitOfWork) -> None:
            await unit.load(batch.rows, batch.log)
            for claim in batch.claims:
                await unit.claims.take_free(*claim)
            for health in batch.health:
                await unit.health.put(health)
            await unit.health_spans.insert_many(batch.spans)
            await unit.health_spans.write(batch.reports)
            unit.before_commit(lambda _: settle(unit))

        async def settle(unit: UnitOfWork) -> None:
            # With the append, so that the log is locked.
            concerned = {span.system_id for span in batch.spans} | {health.system_id for health in batch.health}
            await unit.health_spans.settle(sorted(concerned))

        # A long one: others would wait for it where they share its commit.
        await self._database.write(work)
