"""Durable readers: each change reaches a named reader once, in the transaction that moves its position."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from domain.clock import Clock
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

logger = logging.getLogger(__name__)

Handler = Callable[[UnitOfWork, Change], Awaitable[None]]
_BATCH = 100
_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 1.0


class DurableReader:
    """Hands all changes of one kind to a handler, oldest first.

    The handler's writes and the reader's position are committed together: a crash repeats or loses nothing. Of several
    processes with a reader of one name, one works at a time. A change that the handler fails on is tried five times,
    then logged and passed by, so that it does not stop those behind it.
    """

    def __init__(
        self, name: str, *, kind: str, handler: Handler, database: Database, tail: LogTail, clock: Clock
    ) -> None:
        self._name = name
        self._kind = kind
        self._handler = handler
        self._database = database
        self._tail = tail
        self._clock = clock
        self._failures: dict[int, int] = {}

    async def register(self, *, after: int | None = None) -> None:
        """Start behind a position, or at the log's head, where the reader is new; otherwise go on where it stopped."""

        async def work(unit: UnitOfWork) -> None:
            seq = await unit.changes.head() if after is None else after
            await unit.readers.register(self._name, seq=seq, now=self._clock.now())

        await self._database.write(work)

    async def run_pending(self, stopping: asyncio.Event | None = None) -> int:
        """Handle what is there now; how many changes that were.

        Returns early while another process works, and when told to stop.
        """
        handled = 0
        while True:
            batch = await self._database.read(self._next)
            if not batch:
                return handled
            for change in batch:
                if not await self._handle(change, stopping):
                    return handled
                handled += 1

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle changes as they come, until told to stop; it stops within a second."""
        while not stopping.is_set():
            seen = self._tail.last
            try:
                await self.run_pending(stopping)
            except Exception:
                logger.exception("reader %s failed; trying again", self._name)
            await self._tail.beyond(seen, seconds=_LONGEST_WAIT_SECONDS)

    async def _next(self, session: ReadSession) -> Sequence[Change]:
        position = await session.readers.position(self._name)
        return await session.changes.after(position or 0, limit=_BATCH, kind=self._kind)

    async def _handle(self, change: Change, stopping: asyncio.Event | None) -> bool:
        """Whether the change is done with; False when another process holds the reader, or when told to stop."""
        tried = False

        async def work(unit: UnitOfWork) -> bool:
            nonlocal tried
            position = await unit.readers.hold(self._name)
            if position is None or (stopping is not None and stopping.is_set()):
                return False
            if position < change.seq:
                if self._failures.get(change.seq, 0) < _ATTEMPTS:
                    tried = True
                    await self._handler(unit, change)
                await unit.readers.advance(self._name, to=change.seq, now=self._clock.now())
            return True

        try:
            done = (await self._database.write(work)).value
        except Exception:
            # A database that is locked or away says nothing about the change.
            if not tried:
                raise
            failures = self._failures[change.seq] = self._failures.get(change.seq, 0) + 1
            level = logging.ERROR if failures == _ATTEMPTS else logging.WARNING
            logger.log(level, "reader %s failed on %s", self._name, change.id, exc_info=True)
            if failures < _ATTEMPTS:
                raise
            return await self._handle(change, stopping)
        self._failures.pop(change.seq, None)
        return done
