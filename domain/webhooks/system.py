"""The webhooks of one process, wired together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import SystemRandom
from typing import Any

from domain.clock import Clock
from domain.entities.incident import INCIDENT
from domain.messaging.leasing import LeasedWorker
from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.model.cursor import CursorCodec
from domain.outbound.caller import HttpCaller
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.secret_keys import SecretKeys
from domain.services.writing import Writer
from domain.webhooks.bodies import Bodies
from domain.webhooks.delivering import WebhookQueues
from domain.webhooks.documents import DocumentPort
from domain.webhooks.queueing import Queueing
from domain.webhooks.sending import Secrets, Sender
from domain.webhooks.service import WebhookService

_GROUP = "webhooks"


class WebhookSystem:
    """The service and the loops of webhooks in one process; one that does not start the loops can still write."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        writer: Writer,
        tail: LogTail,
        cursors: CursorCodec,
        caller: HttpCaller,
        keys: SecretKeys,
    ) -> None:
        queueing, sender = Queueing(database), Sender(caller=caller, secrets=Secrets(keys), clock=clock)
        own: dict[str, Any] = {"database": database, "clock": clock}
        self._queueing = queueing
        self._stopping = asyncio.Event()
        #: The place that the GraphQL side fills.
        self.port = DocumentPort()
        queues = WebhookQueues(
            queueing=queueing,
            bodies=Bodies(self.port, cursors),
            sender=sender,
            chance=SystemRandom().random,
            tracer=database.tracer,
        )
        #: What became of attempts to deliver.
        self.results = queues.results
        self.deliverer = LeasedWorker("webhooks", database=database, clock=clock, queues=queues)
        self.service = WebhookService(
            **own, sender=sender, writer=writer, cursors=cursors, port=self.port, wake=self.deliverer.wake
        )
        #: The work queue of changes: one process queues for all webhooks, whichever holds it.
        self.changes = DurableReader(
            _GROUP,
            kinds=[INCIDENT.name],
            handler=self._queue,
            concerns=queueing.concerned,
            database=database,
            tail=tail,
            clock=clock,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Queue changes in the block, and deliver once the GraphQL side is there.

        At the end, what is being sent is broken off, and sent again by the next process.
        """
        await self.changes.register()
        tasks = [asyncio.create_task(self.changes.run(self._stopping)), asyncio.create_task(self._deliver())]
        try:
            yield
        finally:
            self._stopping.set()
            self.deliverer.stop()
            self.port.filled.set()
            await asyncio.gather(*tasks)

    async def _queue(self, unit: UnitOfWork, change: Change) -> None:
        await self._queueing.handle(unit, change)
        unit.when_committed(self.deliverer.wake.set)

    async def _deliver(self) -> None:
        await self.port.filled.wait()
        await self.deliverer.run()
