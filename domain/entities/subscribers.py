"""Code that runs on every change of a kind of entity."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum

from domain.clock import Clock
from domain.errors import CursorExpiredError
from domain.messaging.readers import DurableReader
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.outages import going_on
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0

#: Gets the change and, in a work queue, the unit of work that also moves the group's position; else None.
ChangeHandler = Callable[[Change, UnitOfWork | None], Awaitable[None]]


class Delivery(StrEnum):
    """Who gets a change."""

    BROADCAST = "broadcast"
    WORK_QUEUE = "work-queue"


@dataclass(eq=False, slots=True, kw_only=True)
class Subscription:
    """One handler's wish; ended by `unsubscribe`, any number of times."""

    kind: str
    handler: ChangeHandler
    delivery: Delivery
    group: str | None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def unsubscribe(self) -> None:
        """Hear of no further change."""
        self.ended.set()


class ChangeSubscribers:
    """All handlers of a process. Those that subscribe before the start are attached by it."""

    def __init__(self, *, database: Database, tail: LogTail, clock: Clock) -> None:
        self._database = database
        self._tail = tail
        self._clock = clock
        self._subscriptions: list[Subscription] = []
        self._listeners: list[asyncio.Task[None]] = []
        self._workers: list[asyncio.Task[None]] = []
        self._started = False

    def on_change(
        self,
        *,
        kind: str,
        handler: ChangeHandler,
        delivery: Delivery = Delivery.BROADCAST,
        group: str | None = None,
    ) -> Subscription:
        """Run a handler on every change of a kind from now on.

        Broadcast: in every process, live. Work queue: in one process of the group, durably, with the handler's writes
        in the transaction that moves the group's position.

        Raises:
            ValueError: the kind is blank, or a work queue has no group.
        """
        if not kind.strip():
            raise ValueError("kind must be a non-empty string")
        if delivery is Delivery.WORK_QUEUE and not (group or "").strip():
            raise ValueError("a work queue needs a group")
        subscription = Subscription(kind=kind, handler=handler, delivery=delivery, group=group)
        self._subscriptions.append(subscription)
        if self._started:
            self._attach(subscription, after=self._tail.last)
        return subscription

    async def start(self) -> None:
        """Attach everybody who subscribed so far."""
        self._started = True
        for subscription in self._subscriptions:
            self._attach(subscription, after=self._tail.last)

    async def stop(self) -> None:
        """Detach everybody; work under way is finished."""
        for subscription in self._subscriptions:
            await subscription.unsubscribe()
        for task in self._listeners:
            # It waits for the log; its handlers write in transactions that are shielded.
            task.cancel()
        await asyncio.gather(*self._listeners, *self._workers, return_exceptions=True)

    def _attach(self, subscription: Subscription, *, after: int) -> None:
        if subscription.delivery is Delivery.BROADCAST:
            self._listeners.append(asyncio.create_task(self._broadcast(subscription, after)))
        else:
            self._workers.append(asyncio.create_task(self._work_queue(subscription, after)))

    async def _broadcast(self, subscription: Subscription, after: int) -> None:
        position = after
        while not subscription.ended.is_set():
            with going_on(logger, "the log cannot be followed for %s; trying again", subscription.kind):
                try:
                    async with aclosing(self._tail.follow(position)) as following:
                        async for batch in following:
                            for change in batch:
                                if subscription.ended.is_set():
                                    return
                                position = change.seq
                                if change.kind == subscription.kind:
                                    await self._isolated(subscription, change)
                except CursorExpiredError:
                    logger.warning("a handler of %s is too far behind; it goes on from now", subscription.kind)
                    position = self._tail.last
                    continue
            # Not until the log grows: it has grown already, where it could not be read.
            await asyncio.sleep(_RETRY_SECONDS)

    async def _isolated(self, subscription: Subscription, change: Change) -> None:
        try:
            await subscription.handler(change, None)
        except Exception:
            logger.exception("a handler of %s failed on %s", subscription.kind, change.id)

    async def _work_queue(self, subscription: Subscription, after: int) -> None:
        async def handle(unit: UnitOfWork, change: Change) -> None:
            await subscription.handler(change, unit)

        reader = DurableReader(
            # A position per kind: moving on in one must not pass by what the group has not seen of another.
            f"on_change:{subscription.group}:{subscription.kind}",
            kinds=[subscription.kind],
            handler=handle,
            database=self._database,
            tail=self._tail,
            clock=self._clock,
        )
        await self._until_registered(reader, subscription, after)
        await reader.run(subscription.ended)

    async def _until_registered(self, reader: DurableReader, subscription: Subscription, after: int) -> None:
        while not subscription.ended.is_set():
            with going_on(logger, "the reader of %s could not be registered; trying again", subscription.group):
                await reader.register(after=after)
                return
            await self._tail.beyond(self._tail.last, seconds=_RETRY_SECONDS)
