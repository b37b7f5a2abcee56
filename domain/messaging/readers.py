"""Durable readers: each change reaches a named reader once, in the transaction that moves its position."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from domain.clock import Clock
from domain.errors import UnavailableError
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.tracing import within

logger = logging.getLogger(__name__)

Handler = Callable[[UnitOfWork, Change], Awaitable[None]]
#: Returns whether any of these changes concerns the handler, as far as is known before the first is handled.
Concerns = Callable[[Sequence[Change]], Awaitable[bool]]
_BATCH = 100
#: The most changes in one transaction, and the time after which it takes no further one: other writes wait for it.
_TOGETHER = 25
_TRANSACTION_SECONDS = 0.05
_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 1.0
#: How many changes that do not concern the handler are skipped before the position is stored.
_UNWRITTEN = 1000
#: How long a reader rests after changes that did not concern its handler: under load, it looks at several at once.
_REST_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class _Progress:
    """The position after one transaction, and the number of changes that it handled."""

    position: int
    handled: int


class DurableReader:
    """A named reader that handles every change of some kinds, oldest first, several in one transaction.

    It is a work queue: the name is the consumer group, and one of its processes gets a change. Code that has to see
    every change in every process follows the log's tail instead.

    The handler's writes and the reader's position are committed together, so that a crash repeats or loses nothing.
    Of several processes with a reader of one name, one works at a time. A failure of the handler on a change does not
    undo the changes before it; the change is tried five times, then logged and skipped, so that later ones are not
    blocked. With `concerns`, changes that do not concern the handler cost no transaction: after a crash they are
    checked again.

    Raises:
        ValueError: the name or a kind is blank: such a reader would share another's position, or receive nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        kinds: Sequence[str],
        handler: Handler,
        database: Database,
        tail: LogTail,
        clock: Clock,
        concerns: Concerns | None = None,
    ) -> None:
        if not name.strip():
            raise ValueError("a reader needs a name")
        if not kinds or not all(kind.strip() for kind in kinds):
            raise ValueError("each kind must be a non-empty string")
        self._name = name
        self._kinds = kinds
        self._handler = handler
        self._database = database
        self._tail = tail
        self._clock = clock
        self._failures: dict[int, int] = {}
        self._concerns = concerns
        #: Up to here all is handled, or did not concern the handler; -1 while that is not known.
        self._passed = -1
        self._unwritten = 0
        self._rests_until = 0.0

    @property
    def reached(self) -> int:
        """The position up to which every change is handled or skipped; -1 while that is not known."""
        return self._passed

    async def register(self, *, after: int | None = None) -> None:
        """Start a new reader after a position or at the log's head; resume an existing one where it stopped."""

        async def work(unit: UnitOfWork) -> None:
            seq = await unit.changes.head() if after is None else after
            await unit.readers.register(self._name, seq=seq, now=self._clock.now())

        await self._database.write(work)

    async def run_pending(self, stopping: asyncio.Event | None = None) -> int:
        """Handle all pending changes and return how many there were.

        Returns early while another process holds the reader, and when `stopping` is set.
        """
        handled = 0
        while True:
            seen = self._tail.last
            batch = await self._next()
            if not batch:
                # Up to there, all is handled: it need not be read again for the next change.
                self._passed = max(self._passed, seen)
                return handled
            if self._concerns is not None and not await self._concerns(batch) and self._unwritten < _UNWRITTEN:
                self._passed = batch[-1].seq
                self._unwritten += len(batch)
                if len(batch) == _BATCH:
                    continue
                # What came meanwhile is in memory: under load, this would read the log for as long as that lasts.
                self._passed = max(self._passed, seen)
                return handled
            done = await self._handled(batch, stopping)
            if done is None:
                return handled
            handled += done

    async def _handled(self, batch: Sequence[Change], stopping: asyncio.Event | None) -> int | None:
        """Handle all of these changes and return how many; None when another process holds the reader, or stopping."""
        handled = 0
        self._unwritten = 0
        while batch:
            progress = await self._handle(batch, stopping)
            if progress is None:
                return None
            handled += progress.handled
            self._passed = max(self._passed, progress.position)
            # Changes that another process handled meanwhile are left out as well.
            batch = [change for change in batch if change.seq > progress.position]
        return handled

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle changes as they arrive until `stopping` is set."""
        stopped = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                seen = self._tail.last
                with logging_failures(logger, "reader %s failed; retrying", self._name):
                    if not await self._pass_by(stopping):
                        await self.run_pending(stopping)
                # A stop must not take as long as the longest wait.
                await self._tail.beyond(seen, seconds=_LONGEST_WAIT_SECONDS, kinds=self._kinds, ends=stopped)
                await self._rest(stopped)
        finally:
            stopped.cancel()

    async def _rest(self, stopped: asyncio.Task[Literal[True]]) -> None:
        rest = self._rests_until - time.monotonic()
        if rest > 0:
            await asyncio.wait({stopped}, timeout=rest)

    async def _pass_by(self, stopping: asyncio.Event) -> bool:
        """Handle or skip the changes in memory; return False where the log must be read."""
        if self._concerns is None or self._passed < 0 or self._unwritten >= _UNWRITTEN:
            return False
        batch = self._tail.seen(self._passed, kinds=self._kinds)
        if batch is None or len(batch) > _BATCH:
            return False
        if batch:
            if await self._concerns(batch):
                # Handled as it is in memory: the position is read anyway when the reader is held.
                await self._handled(batch, stopping)
                return True
            self._passed = batch[-1].seq
            self._unwritten += len(batch)
            self._rests_until = time.monotonic() + _REST_SECONDS
        return True

    async def _next(self) -> Sequence[Change]:
        async def read(session: ReadSession) -> Sequence[Change]:
            position = max(await session.readers.position(self._name) or 0, self._passed)
            return await session.changes.after(position, limit=_BATCH, kinds=self._kinds)

        return await self._database.read(read)

    async def _handle(self, batch: Sequence[Change], stopping: asyncio.Event | None) -> _Progress | None:
        """Handle the first of these changes; return None when another process holds the reader, or when stopping."""
        tried: list[Change] = []
        try:
            progress = (await self._database.write(partial(self._handle_in_unit, batch, stopping, tried))).value
        except Exception as error:
            # A database that is locked, full or away says nothing about the change.
            if not tried or isinstance(error, UnavailableError):
                raise
            unharmed = [change for change in batch if change.seq < tried[-1].seq]
            if not unharmed and not self._gives_up(tried[-1]):
                raise
            return await self._handle(unharmed or batch, stopping)
        if progress is not None:
            self._failures = {seq: count for seq, count in self._failures.items() if seq > progress.position}
        return progress

    async def _handle_in_unit(
        self, batch: Sequence[Change], stopping: asyncio.Event | None, tried: list[Change], unit: UnitOfWork
    ) -> _Progress | None:
        tried.clear()
        position = await unit.readers.hold(self._name)
        if position is None or _is_set(stopping):
            return None
        fresh = [change for change in batch if change.seq > position][:_TOGETHER]
        ends = time.monotonic() + _TRANSACTION_SECONDS
        for count, change in enumerate(fresh, 1):
            if self._failures.get(change.seq, 0) < _ATTEMPTS:
                tried.append(change)
                with within(change.cause.traceparent):
                    await self._handler(unit, change)
            if count == len(fresh) or _is_set(stopping) or time.monotonic() > ends:
                await unit.readers.advance(self._name, to=change.seq, now=self._clock.now())
                return _Progress(change.seq, count)
        return _Progress(position, 0)

    def _gives_up(self, change: Change) -> bool:
        """Count a failure of the handler on this change and return whether it was the last retry."""
        failures = self._failures[change.seq] = self._failures.get(change.seq, 0) + 1
        level = logging.ERROR if failures == _ATTEMPTS else logging.WARNING
        logger.log(level, "reader %s failed on %s", self._name, change.id, exc_info=True)
        return failures >= _ATTEMPTS


def _is_set(stopping: asyncio.Event | None) -> bool:
    return stopping is not None and stopping.is_set()
