"""The scheduler: it fires each instant of a time trigger once over all processes."""

import asyncio
import logging
from datetime import datetime, timedelta
from functools import partial

from domain.automations.definitions.definition import stored
from domain.automations.routing.gates import Fired, Gates
from domain.automations.triggers.schedule import next_firing, time_payload
from domain.clock import Clock
from domain.messaging.activity import Activity
from domain.messaging.tail import LogTail
from domain.model.actor import SYSTEM
from domain.model.automation import Firing
from domain.model.moment import iso
from domain.outages import logging_failures
from domain.persistence.automations import NEXT_DUE
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

_BATCH = 100
#: The interval of the poll for schedules that other processes wrote, and how long it rests while nobody writes.
_POLL_SECONDS = 1.0
_REST_SECONDS = 10.0


class Scheduler:
    """A poll for due time triggers; instants missed while no process ran fire once together."""

    def __init__(self, *, database: Database, clock: Clock, tail: LogTail, gates: Gates) -> None:
        self._database = database
        self._clock = clock
        self._gates = gates
        self._activity = Activity(tail, rest_seconds=_REST_SECONDS)
        self._looking = asyncio.Event()

    def look(self) -> None:
        """Note that a schedule was written."""
        self._looking.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Fire what is due, until stopped."""
        due: datetime | None = None
        is_known = False
        while not stopping.is_set():
            now = self._clock.now()
            if self._activity.is_due() or self._looking.is_set() or not is_known or (due is not None and due <= now):
                is_known = False
                self._looking.clear()
                with logging_failures(logger, "the schedule could not be read; trying again"):
                    if due is not None and due <= now:
                        await self.run_pending()
                    due = await self._database.glance(NEXT_DUE)
                    is_known = True
            poll = self._clock.now() + timedelta(seconds=_POLL_SECONDS)
            seconds = ((due if due is not None and due < poll else poll) - self._clock.now()).total_seconds()
            await self._rest(max(0.01, seconds), stopping)

    async def _rest(self, seconds: float, stopping: asyncio.Event) -> None:
        """Wait for the next look: so long, or until a schedule is written or all is stopped."""
        waiting = [asyncio.create_task(event.wait()) for event in (stopping, self._looking)]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def run_pending(self) -> int:
        """Fire the triggers that are due now, and return their number."""
        due = await self._database.read(lambda session: session.automations.due(self._clock.now(), limit=_BATCH))
        for automation_id, trigger_id, moment in due:
            # Those behind it are due as well.
            with logging_failures(logger, "%s of %s could not be fired; trying again", trigger_id, automation_id):
                await self._database.write(partial(self._fire, automation_id, trigger_id, moment))
        return len(due)

    async def _fire(self, automation_id: str, trigger_id: str, due: datetime, unit: UnitOfWork) -> None:
        automation = (await unit.automations.lock([automation_id])).get(automation_id)
        if automation is None:
            return
        definition = stored(automation.definition)
        trigger = definition.trigger(trigger_id)
        following = next_firing(trigger, after=unit.moment(), was=due) if trigger is not None else None
        won = await unit.automations.reschedule(automation_id, trigger_id, was=due, next_at=following)
        if not won or trigger is None:
            return
        firing = Firing(
            event=trigger.event,
            key=f"at:{iso(due)}",
            payload=time_payload(due),
            actor=SYSTEM,
            context_key=None,
            occurred_at=due,
        )
        fired = Fired(automation=automation, definition=definition, trigger=trigger, firing=firing, state={})
        await self._gates.pass_through(unit, fired)
