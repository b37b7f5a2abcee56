"""Queues in the database that processes work off under leases, each in order, and none waits for another."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

from domain.clock import Clock
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

logger = logging.getLogger(__name__)

L = TypeVar("L")
J = TypeVar("J")
A = TypeVar("A")
#: Awaits a call of the network, which the end of the process cuts off: None then.
CutOff = Callable[[Coroutine[Any, Any, A]], Awaitable[A | None]]
#: How many queues are taken in one transaction.
_TAKEN = 32
#: How many jobs of a queue are done before others have their turn.
_IN_A_ROW = 20
#: How long a process has for one job, from reading it to recording the answer, before another may take it.
LEASE = timedelta(seconds=60)
#: How long a process that learns of nothing rests: what another process queued, or left behind when it was killed.
_REST = timedelta(seconds=30)


class LeasedQueues(ABC, Generic[L, J, A]):
    """The queues of one kind: where their leases are, what a job is, and what is done with it and with its answer."""

    @abstractmethod
    def group_of(self, lease: L) -> str:
        """Return the name of those queues that are limited together."""

    @abstractmethod
    def most_at_once(self, group: str) -> int:
        """Return how many queues of a group this process works off at a time."""

    @abstractmethod
    async def look(
        self, session: ReadSession, *, now: datetime, besides: Sequence[str]
    ) -> tuple[bool, datetime | None]:
        """Return whether something is to be queued first, and when the next queue is due, not of some groups."""

    @abstractmethod
    async def fill(self) -> bool:
        """Queue the next part of what is to be queued first; return whether there is more of it."""

    @abstractmethod
    async def due(self, session: ReadSession, *, now: datetime, besides: Sequence[str], limit: int) -> Sequence[L]:
        """Return leases to take on queues that are due, the longest waiting first, not of some groups."""

    @abstractmethod
    async def take(self, unit: UnitOfWork, lease: L, *, now: datetime, until: datetime) -> bool:
        """Take a queue; return False where another process was quicker."""

    @abstractmethod
    async def settle(self, unit: UnitOfWork, lease: L, job: J | None, answer: A | None, *, goes_on: bool) -> J | None:
        """Record the answer to a job and return the next one of its queue, held for `LEASE`; else give the queue back.

        Without an answer, the job was cut off, and is due again at once.
        """

    @abstractmethod
    async def attempt(self, job: J, cut_off: CutOff[A]) -> A | None:
        """Do a job and return its answer, a failure included; None where it was cut off.

        Raises:
            UnavailableError: the database is away.
        """


class LeasedWorker(Generic[L, J, A]):
    """The work of one process. A process that is killed leaves leases behind, which end; others then do it again."""

    def __init__(self, name: str, *, database: Database, clock: Clock, queues: LeasedQueues[L, J, A]) -> None:
        self._name = name
        self._database = database
        self._clock = clock
        self._queues = queues
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        #: Set where something may be due.
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Do what is due as it becomes due, until `stop`."""
        while not self._stopping.is_set():
            until = self._clock.now() + _REST
            with logging_failures(logger, "%s: delivering failed; retrying in %s s", self._name, _REST.seconds):
                due_at = await self._do_due()
                until = until if due_at is None else min(until, due_at)
            if not self._stopping.is_set():
                await self._clock.wait(self.wake, until=until)
        await self._drained()

    async def run_pending(self) -> None:
        """Do all that is due now, and return when that is done."""
        while await self._queues.fill():
            pass
        while await self._take_due() or self._tasks:
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def stop(self) -> None:
        """Begin nothing more; what is being sent is broken off, and sent again by others."""
        self._stopping.set()
        self.wake.set()

    async def _do_due(self) -> datetime | None:
        """Do what is due, and return when something will be; an idle process reads that and nothing else."""
        now = self._clock.now()
        is_unfilled, due_at = await self._database.read(partial(self._queues.look, now=now, besides=self._full()))
        if is_unfilled:
            await self._queues.fill()
            self.wake.set()
        if due_at is None or due_at > now:
            return due_at
        await self._take_due()
        # Without those of groups that have as many at a time as they may: the end of one wakes the loop.
        _, due_at = await self._database.read(partial(self._queues.look, now=self._clock.now(), besides=self._full()))
        return due_at

    def _full(self) -> list[str]:
        return [group for group, busy in self._busy.items() if busy >= self._queues.most_at_once(group)]

    async def _drained(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _take_due(self) -> int:
        """Take queues that are due, as many as each group may have; return how many."""
        taken = 0
        while not self._stopping.is_set():
            now = self._clock.now()
            due = await self._database.read(
                partial(self._queues.due, now=now, besides=self._full(), limit=_TAKEN),
            )
            leases = self._chosen(due)
            if not leases:
                break
            for lease in (await self._database.write(partial(self._take, leases=leases, now=now))).value:
                taken += 1
                self._busy[self._queues.group_of(lease)] += 1
                task = asyncio.create_task(self._work(lease))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return taken

    def _chosen(self, due: Sequence[L]) -> list[L]:
        groups = {group: self._queues.most_at_once(group) for group in map(self._queues.group_of, due)}
        room = Counter({group: most - self._busy[group] for group, most in groups.items()})
        chosen = []
        for lease in due:
            group = self._queues.group_of(lease)
            if room[group] > 0:
                room[group] -= 1
                chosen.append(lease)
        return chosen

    async def _take(self, unit: UnitOfWork, *, leases: list[L], now: datetime) -> list[L]:
        return [lease for lease in leases if await self._queues.take(unit, lease, now=now, until=now + LEASE)]

    async def _work(self, lease: L) -> None:
        """Do the jobs of a queue, one after another, until one fails or none is left."""
        group = self._queues.group_of(lease)
        try:
            # A failure here, such as an outage of the database, leaves the lease to its end.
            with logging_failures(logger, "%s: a queue of %s is left for later", self._name, group):
                job = await self._settled(lease, None, None, goes_on=True)
                for count in range(1, _IN_A_ROW + 1):
                    if job is None:
                        break
                    answer = await self._queues.attempt(job, self._cut_off)
                    goes_on = count < _IN_A_ROW and not self._stopping.is_set()
                    job = await self._settled(lease, job, answer, goes_on=goes_on)
        finally:
            self._busy[group] -= 1
            if not self._busy[group]:
                del self._busy[group]
            self.wake.set()

    async def _settled(self, lease: L, job: J | None, answer: A | None, *, goes_on: bool) -> J | None:
        settle = partial(self._queues.settle, lease=lease, job=job, answer=answer, goes_on=goes_on)
        return (await self._database.write(settle)).value

    async def _cut_off(self, call: Coroutine[Any, Any, A]) -> A | None:
        calling = asyncio.create_task(call)
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({calling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if calling.done():
                return calling.result()
            # Nothing but the network is cut off.
            calling.cancel()
            with suppress(asyncio.CancelledError):
                await calling
            return None
        finally:
            stopped.cancel()
