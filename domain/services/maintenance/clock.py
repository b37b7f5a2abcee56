"""The beginning and the end of maintenance by time: each exactly once, however many processes look for it."""

import asyncio
import logging
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import Snapshot
from domain.errors import InvalidInputError
from domain.model.maintenance import Maintenance
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.maintenance.planning import advance

logger = logging.getLogger(__name__)

_MOST = 100
#: How late a beginning may be that another process scheduled at short notice and died.
_LONGEST = timedelta(seconds=60)


class MaintenanceClock:
    """A task that begins and ends maintenance when its time comes; after a restart, what was missed, step by step."""

    def __init__(self, *, database: Database, clock: Clock, handle: EntityHandle[Maintenance]) -> None:
        self._database = database
        self._clock = clock
        self._handle = handle
        #: Set after a write that may have brought the next moment nearer.
        self.changed = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Begin and end maintenance until `stopping` is set; the caller sets `changed` as well, to end the sleep."""
        while not stopping.is_set():
            until = self._clock.now() + _LONGEST
            with logging_failures(logger, "maintenance could not be begun or ended; retrying"):
                until = min(until, await self.run_once() or until)
            await self._clock.wait(self.changed, until=until)

    async def run_once(self) -> datetime | None:
        """Do all that is due now, and return when there is more to do; None where nothing is to come.

        Raises:
            InvalidInputError: after all others were done, for a window whose zone or rule is not known here any more.
        """
        upcoming = await self._database.read(lambda session: session.maintenance.next_due())
        if upcoming is None or upcoming > self._clock.now():
            return upcoming  # an idle process reads that and nothing else
        failed: dict[str, InvalidInputError] = {}
        while True:
            now = self._clock.now()
            due = await self._database.read(lambda session, now=now: session.maintenance.due(now, limit=_MOST))  # type: ignore[misc]
            if failed.keys() >= set(due):
                break
            for maintenance_id in due:
                if maintenance_id not in failed:
                    try:
                        await self._database.write(lambda unit, of=maintenance_id: self._advance(unit, of))  # type: ignore[misc]
                    except InvalidInputError as error:
                        error.add_note(f"The window is {maintenance_id}.")
                        failed[maintenance_id] = error
        for failure in failed.values():
            raise failure
        return await self._database.read(lambda session: session.maintenance.next_due())

    async def _advance(self, unit: UnitOfWork, maintenance_id: str) -> None:
        async def apply(before: Snapshot[Maintenance] | None) -> Applied[Maintenance]:
            assert before is not None  # windows are cancelled, never deleted
            return await advance(unit, before.entity)

        # The window is locked first: of two processes, the second one finds nothing due, and changes nothing.
        await self._handle.mutate(unit, maintenance_id, apply)
