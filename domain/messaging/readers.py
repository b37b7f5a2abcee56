"""Durable readers: each change reaches a named reader once, in the transaction that moves its position."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from domain.clock import Clock
from domain.errors import UnavailableError
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.outages import going_on
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

logger = logging.getLogger(__name__)

Handler = Callable[[UnitOfWork, Change], Awaitable[None]]
#: Whether a handler would do anything about any of these changes, as far as can be told before the first is handled.
Concerns = Callable[[ReadSession, Sequence[Change]], Awaitable[bool]]
_BATCH = 100
#: So much is handled in one transaction at most, and no further change after so long: people's writes stand in line.
_TOGETHER = 25
_TURN_SECONDS = 0.05
_ATTEMPTS = 5
_LONGEST_WAIT_SECONDS = 1.0
#: So many changes that concern nobody are passed by before the position is written down.
_UNWRITTEN = 1000


@dataclass(frozen=True, slots=True)
class _Turn:
    """How far the reader has come by one transaction, and how many changes were handled in it."""

    position: int
    handled: int


class DurableReader:
    """The one way to run code on every change of some kinds, oldest first, several in one transaction.

    It is a work queue: the name is the group, of which one process gets a change. What every process has to see follows
    the log's tail instead.

    The handler's writes and the reader's position are committed together: a crash repeats or loses nothing. Of several
    processes with a reader of one name, one works at a time. A change that the handler fails on does not take those
    before it along; it is tried five times, then logged and passed by, so that it does not stop those behind it. With
    `concerns`, changes that do not concern the handler cost no transaction: after a crash they are looked at again.

    Raises:
        ValueError: the name or a kind is blank: such a reader would share another's position, or hear nothing.
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
        #: Up to here, and from the written position on, nothing concerned the handler.
        self._passed = 0
        self._unwritten = 0

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
            batch, concerned = await self._database.read(self._next)
            if not batch:
                return handled
            if not concerned and self._unwritten < _UNWRITTEN:
                self._passed = batch[-1].seq
                self._unwritten += len(batch)
                continue
            self._unwritten = 0
            while batch:
                turn = await self._handle(batch, stopping)
                if turn is None:
                    return handled
                handled += turn.handled
                self._passed = max(self._passed, turn.position)
                # Behind what another process has come to meanwhile, too: of its changes none is left.
                batch = [change for change in batch if change.seq > turn.position]

    async def run(self, stopping: asyncio.Event) -> None:
        """Handle changes as they come, until told to stop; it stops within a second."""
        while not stopping.is_set():
            seen = self._tail.last
            with going_on(logger, "reader %s failed; trying again", self._name):
                if not await self._pass_by():
                    await self.run_pending(stopping)
            await self._tail.beyond(seen, seconds=_LONGEST_WAIT_SECONDS, kinds=self._kinds)

    async def _pass_by(self) -> bool:
        """Pass what the tail has read, where none of it concerns the handler; False where the log has to be asked."""
        if self._concerns is None or not self._passed or self._unwritten >= _UNWRITTEN:
            return False
        concerns, batch = self._concerns, self._tail.seen(self._passed, kinds=self._kinds)
        if batch is None or len(batch) > _BATCH:
            return False
        if batch:
            if await self._database.read(lambda session: concerns(session, batch)):
                return False
            self._passed = batch[-1].seq
            self._unwritten += len(batch)
        return True

    async def _next(self, session: ReadSession) -> tuple[Sequence[Change], bool]:
        if self._concerns is not None and self._passed:
            # Most changes concern nobody: for those it costs nothing to know how far other processes have come.
            batch = await session.changes.after(self._passed, limit=_BATCH, kinds=self._kinds)
            if not batch or not await self._concerns(session, batch):
                return batch, False
        position = max(await session.readers.position(self._name) or 0, self._passed)
        batch = await session.changes.after(position, limit=_BATCH, kinds=self._kinds)
        return batch, self._concerns is None or (bool(batch) and await self._concerns(session, batch))

    async def _handle(self, batch: Sequence[Change], stopping: asyncio.Event | None) -> _Turn | None:
        """Handle the first of these changes; None when another process holds the reader, or when told to stop."""
        tried: list[Change] = []
        try:
            turn = (await self._database.write(partial(self._take_turn, batch, stopping, tried))).value
        except Exception as error:
            # A database that is locked, full or away says nothing about the change.
            if not tried or isinstance(error, UnavailableError):
                raise
            unharmed = [change for change in batch if change.seq < tried[-1].seq]
            if not unharmed and not self._gives_up(tried[-1]):
                raise
            return await self._handle(unharmed or batch, stopping)
        if turn is not None:
            self._failures = {seq: count for seq, count in self._failures.items() if seq > turn.position}
        return turn

    async def _take_turn(
        self, batch: Sequence[Change], stopping: asyncio.Event | None, tried: list[Change], unit: UnitOfWork
    ) -> _Turn | None:
        tried.clear()
        position = await unit.readers.hold(self._name)
        if position is None or _is_set(stopping):
            return None
        fresh = [change for change in batch if change.seq > position][:_TOGETHER]
        turn_ends = time.monotonic() + _TURN_SECONDS
        for count, change in enumerate(fresh, 1):
            if self._failures.get(change.seq, 0) < _ATTEMPTS:
                tried.append(change)
                await self._handler(unit, change)
            if count == len(fresh) or _is_set(stopping) or time.monotonic() > turn_ends:
                await unit.readers.advance(self._name, to=change.seq, now=self._clock.now())
                return _Turn(change.seq, count)
        return _Turn(position, 0)

    def _gives_up(self, change: Change) -> bool:
        """Count a failure of the handler on this change; whether it was the last one."""
        failures = self._failures[change.seq] = self._failures.get(change.seq, 0) + 1
        level = logging.ERROR if failures == _ATTEMPTS else logging.WARNING
        logger.log(level, "reader %s failed on %s", self._name, change.id, exc_info=True)
        return failures >= _ATTEMPTS


def _is_set(stopping: asyncio.Event | None) -> bool:
    return stopping is not None and stopping.is_set()
