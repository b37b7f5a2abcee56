"""The work of an erasure: table by table, in small transactions, by whichever process comes to it.

How far an erasure is stands in its row, which is locked by each transaction and moved in it: a crash, also a kill,
repeats and loses nothing, and of two processes each does another batch. When all tables have been rewritten once, a
last pass over what may have been written meanwhile follows: by a request that was under way, by a run, or by another
process that still had the person in memory. It begins a minute after the call, and is repeated until it finds nothing.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from domain.clock import Clock
from domain.entities.erasure import snapshot_of
from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import Snapshot
from domain.model.erasure import Erasure, ErasureStatus
from domain.model.incident import Incident
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.dialects import lock_log
from domain.persistence.erasing import PLACES, Batch
from domain.persistence.erasures import Job
from domain.persistence.log_tables import changes
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.forgetting.incidents import NamedIncidents
from domain.services.forgetting.known import KnownForgotten

logger = logging.getLogger(__name__)

#: Longer than any request takes, and than a process takes to learn of an erasure.
GRACE = timedelta(minutes=1)
_PERIOD_SECONDS = 60.0
_PENDING_SECONDS = 1.0


class ErasureWork:
    """A task that goes on with erasures as long as there is something to do."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        known: KnownForgotten,
        incidents: EntityHandle[Incident],
        handle: EntityHandle[Erasure],
    ) -> None:
        self._database = database
        self._clock = clock
        self._known = known
        self._handle = handle
        self._incidents = NamedIncidents(incidents)
        self._names = [self._incidents.name, *(place.name for place in PLACES)]

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; a batch that is under way then is finished."""
        if not self._known.has_pending:
            await self._rest()
        while not stopping.is_set():
            with logging_failures(logger, "erasing a person failed; trying again"):
                await self.run_pending(stopping)
            await self._rest()

    async def _rest(self) -> None:
        """Wait until an erasure begins; or for a while, because a process that was at one may have died."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PENDING_SECONDS if self._known.has_pending else _PERIOD_SECONDS):
                await self._known.changed.wait()
        self._known.changed.clear()

    async def run_pending(self, stopping: asyncio.Event | None = None) -> None:
        """Do all that can be done now."""
        now = self._clock.now()
        if not await self._database.read(lambda session: session.erasures.is_due(now=now, grace=GRACE)):
            return
        while stopping is None or not stopping.is_set():
            if not (await self._database.write(self.step)).value:
                return

    async def step(self, unit: UnitOfWork) -> bool:
        """Do one batch within a unit of work, and return whether there was one to do."""
        job = await unit.erasures.hold(now=self._clock.now(), grace=GRACE)
        if job is None:
            return False
        if job.place not in self._names:
            # Whoever waited for the log when the person was marked has it before us: the next transaction sees theirs.
            await lock_log(unit.connection)
            await unit.erasures.advance(replace(job, place=self._names[0], position=None), rows=0)
            return True
        batch = await self._rewrite(unit, job)
        following = replace(job, position=batch.position, rows_of_pass=job.rows_of_pass + batch.rows)
        if batch.position is None:
            following = self._next(following)
        await unit.erasures.advance(following, rows=batch.rows)
        if following.place is None and job.pass_number > 1 and not following.rows_of_pass:
            await self._finish(unit, job)
        elif following.place is None:
            again = replace(following, pass_number=job.pass_number + 1, rows_of_pass=0)
            await unit.erasures.advance(again, rows=0)
        return True

    async def _rewrite(self, unit: UnitOfWork, job: Job) -> Batch:
        if job.place == self._incidents.name:
            return await self._incidents.rewrite(unit, job.forgotten, job.position)
        place = next(each for each in PLACES if each.name == job.place)
        position: list[Any] | None = job.position
        if position is None and place.table is changes and job.pass_number > 1:
            position = [job.since_seq]
        return await place.rewrite(unit.connection, job.forgotten, position)

    def _next(self, job: Job) -> Job:
        """Return the job at the beginning of the next table; without one where that was the last."""
        following = self._names.index(job.place or "") + 1
        return replace(job, place=self._names[following] if following < len(self._names) else None, position=None)

    async def _finish(self, unit: UnitOfWork, job: Job) -> None:
        async def apply(before: Snapshot[Erasure] | None) -> Applied[Erasure]:
            assert before is not None
            done = replace(before.entity, status=ErasureStatus.DONE, finished_at=unit.moment())
            await unit.erasures.finish(done)
            return Applied(after=snapshot_of(done))

        await self._handle.mutate(unit, job.id, apply)
        # Other processes learn it from the log.
        unit.when_committed(partial(self._known.over, job.id))
