"""The messages to visitors of one process, wired together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom

from domain.clock import Clock
from domain.messaging.leasing import LeasedWorker
from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.model.visitor import VisitorKind
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import Writer
from domain.visitors.delivering import VisitorQueues
from domain.visitors.news import KINDS
from domain.visitors.queueing import VisitorQueueing
from domain.visitors.sending import VisitorSender
from domain.visitors.service import VisitorService

_GROUP = "visitors"


class VisitorSystem:
    """The service and the loops of one process; one that does not start the loops can still write."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        writer: Writer,
        tail: LogTail,
        sender: VisitorSender,
        is_open: bool,
    ) -> None:
        self._queueing = VisitorQueueing(database)
        self._is_open = is_open
        self._stopping = asyncio.Event()
        queues = VisitorQueues(queueing=self._queueing, sender=sender, chance=SystemRandom().random)
        #: What became of attempts to send.
        self.results = queues.results
        self.deliverer = LeasedWorker(_GROUP, database=database, clock=clock, queues=queues)
        self.service = VisitorService(
            database=database,
            clock=clock,
            writer=writer,
            sender=sender,
            wake=self.deliverer.wake,
            is_open=is_open,
        )
        #: The work queue of changes: one process queues for all visitors, whichever holds it.
        self.changes = DurableReader(
            _GROUP,
            kinds=KINDS,
            handler=self._queue,
            concerns=self._queueing.concerned,
            database=database,
            tail=tail,
            clock=clock,
        )

    def kinds(self) -> tuple[VisitorKind, ...]:
        """Return the kinds of subscriptions that the status page can offer."""
        return self.service.kinds()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Queue changes in the block, and deliver; at the end, what is being sent is left to the next process.

        Where the public may read nothing, nothing is sent: changes pass by.
        """
        await self.changes.register()
        tasks = [asyncio.create_task(self.changes.run(self._stopping)), asyncio.create_task(self.deliverer.run())]
        try:
            yield
        finally:
            self._stopping.set()
            self.deliverer.stop()
            await asyncio.gather(*tasks)

    async def _queue(self, unit: UnitOfWork, change: Change) -> None:
        if self._is_open:
            await self._queueing.handle(unit, change)
            unit.when_committed(self.deliverer.wake.set)
