"""The process's single reader of the log: it reads each change once and serves all local followers from memory."""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Collection, Hashable, Sequence
from contextlib import suppress
from typing import Any

from domain.errors import CursorExpiredError
from domain.model.change import Change
from domain.outages import logging_failures
from domain.persistence.changes import HEAD
from domain.persistence.database import Database
from domain.persistence.places import PLACES_PER_MILLISECOND
from domain.persistence.unit_of_work import ReadSession

logger = logging.getLogger(__name__)

_PAGE = 500
#: A page takes milliseconds; a tail that read none for so long is not alive.
_ALIVE_SECONDS = 10.0


class LogTail:
    """A follower of the log from its head. Wake-ups make it read at once, and a poll makes up for lost wake-ups.

    It is the process's one watcher of the database, too: `moves` says to others whether their own polls are due.
    """

    def __init__(self, database: Database, *, poll_seconds: float = 1.0, ring_size: int = 2000) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._ring_size = ring_size
        self._recent: list[Change] = []
        self._seqs: list[int] = []
        #: Every change after this position, up to the last one read, is in memory.
        self._floor = 0
        self._last = 0
        #: Where the log went on without changes that were read: their readers are told so. 0 where it never did.
        self._went_on = 0
        self._read_at = 0.0
        self._commits: Hashable | None = None
        self._moves = 0
        #: Whether something was appended for certain, so that it is read without a look.
        self._is_told = False
        self._wake = asyncio.Event()
        self._followers: set[asyncio.Event] = set()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        """The position of the last change read."""
        return self._last

    @property
    def is_alive(self) -> bool:
        """Return whether the log was read recently."""
        return time.monotonic() - self._read_at < max(_ALIVE_SECONDS, 5 * self._poll_seconds)

    @property
    def moves(self) -> int:
        """A number that has grown where, as of the last poll, the log has; on SQLite, where anything was committed."""
        return self._moves

    async def start(self, head: int | None = None) -> None:
        """Start reading at the log's present head, which is read unless it is known."""
        if head is None:
            head = await self._database.read(lambda session: session.changes.head())
        self._floor = self._last = head
        self._read_at = time.monotonic()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop reading; followers receive nothing more."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def wake(self) -> None:
        """Make the loop read the log now: something was appended."""
        self._is_told = True
        self._wake.set()

    def look(self) -> None:
        """Make the loop read the log now if it has grown."""
        self._wake.set()

    def take(self) -> None:
        """Take over what this process has just appended; where that is not known or not next, read the log."""
        fresh = self._database.fresh.take(self._last)
        if fresh and self._task is not None and not self._stopping:
            self._keep(fresh)
        else:
            self.wake()

    def drop(self) -> None:
        """Drop the changes in memory: what is stored of them was rewritten."""
        self._recent.clear()
        self._seqs.clear()
        self._floor = self._last

    async def read_now(self) -> None:
        """Read all that is committed by now; for tests and for callers that cannot wait for the loop."""
        while await self._read_page() == _PAGE:
            pass

    async def beyond(
        self,
        position: int,
        *,
        seconds: float,
        kinds: Collection[str] | None = None,
        ends: asyncio.Future[Any] | None = None,
    ) -> None:
        """Wait until a change after that position was read, of these kinds if named; until the timeout, or the end."""
        # One timer and no task: every change makes each of the durable readers wait anew.
        wake = asyncio.Event()
        is_over = False

        def end(_: object = None) -> None:
            nonlocal is_over
            is_over = True
            wake.set()

        timer = asyncio.get_running_loop().call_later(seconds, end)
        if ends is not None:
            ends.add_done_callback(end)
        self._followers.add(wake)
        try:
            while not (is_over or self._has_beyond(position, kinds)):
                position = max(position, self._last)
                await wake.wait()
                wake.clear()
        finally:
            self._followers.discard(wake)
            timer.cancel()
            if ends is not None:
                ends.remove_done_callback(end)

    def seen(self, after: int, *, kinds: Collection[str]) -> Sequence[Change] | None:
        """Return the changes of some kinds after a position that were read; None where some are no longer in memory."""
        if after < self._floor:
            return None
        return [change for change in self._recent[bisect_right(self._seqs, after) :] if change.kind in kinds]

    async def follow(self, after: int) -> AsyncGenerator[Sequence[Change], None]:
        """Yield every change after a position in order, without gap or duplicate: stored ones first, then live ones.

        Raises:
            CursorExpiredError: changes after the position are no longer kept.
        """
        position = after
        wake = asyncio.Event()
        self._followers.add(wake)
        try:
            while True:
                wake.clear()
                batch = self._since(position)
                if batch is None:
                    batch = await self.stored(position)
                    # A standby was promoted that lacked the last changes: whoever has read those cannot go on.
                    if position < self._went_on and not await self._keeps(position):
                        raise CursorExpiredError
                if batch:
                    position = batch[-1].seq
                    yield batch
                elif position >= self._floor:
                    await wake.wait()
                else:
                    position = self._floor
        finally:
            self._followers.discard(wake)

    def _has_beyond(self, position: int, kinds: Collection[str] | None) -> bool:
        if kinds is None or self._last <= position:
            return self._last > position
        seen = self.seen(position, kinds=kinds)
        # Changes that are no longer in memory may have been of any kind.
        return seen is None or bool(seen)

    def _since(self, position: int) -> Sequence[Change] | None:
        """Return the changes in memory after a position; None when some are no longer in memory."""
        if position < self._floor:
            return None
        return self._recent[bisect_right(self._seqs, position) :][:_PAGE]

    async def stored(self, position: int) -> Sequence[Change]:
        """Return the next page of changes after a position from the database.

        Raises:
            CursorExpiredError: changes after the position are no longer kept.
        """

        async def read(session: ReadSession) -> Sequence[Change]:
            page = await session.changes.after(position, limit=_PAGE)
            if position < await session.changes.floor():
                raise CursorExpiredError
            return page

        return await self._database.read(read)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._wake.wait()
            self._wake.clear()
            if self._stopping:
                return
            with logging_failures(logger, "reading the log failed; retrying in %s s", self._poll_seconds):
                if self._is_told or await self._has_grown():
                    # Until it was read: a failure is retried, whatever the next look would say.
                    self._is_told = True
                    await self.read_now()
                    self._is_told = False

    async def _has_grown(self) -> bool:
        """Return whether the log has changes that were not read; where nothing was committed, nothing is read."""
        commits = self._database.commits()
        moved = commits is None or commits != self._commits
        head = await self._database.glance(HEAD) if moved else None
        self._read_at = time.monotonic()
        if commits is not None and moved:
            self._commits = commits
            self._moves += 1
        return head is not None and head > self._last

    async def _read_page(self) -> int:
        page = await self._database.read(lambda session: session.changes.after(self._last, limit=_PAGE))
        self._read_at = time.monotonic()
        # Two readers at once (the loop and a caller) may have fetched the same page.
        fresh = [change for change in page if change.seq > self._last]
        if fresh and self._may_lack(fresh[0].seq) and not await self._keeps(self._last):
            self._last = self._went_on = fresh[0].seq - 1
            self.drop()
        if fresh:
            self._keep(fresh)
        return len(page)

    def _may_lack(self, seq: int) -> bool:
        """Return whether the log went on with this change at a place that no server had given out before."""
        return seq > self._last + 1 and seq % PLACES_PER_MILLISECOND == 1

    async def _keeps(self, position: int) -> bool:
        return await self._database.read(lambda session: session.changes.keeps(position))

    def _keep(self, fresh: Sequence[Change]) -> None:
        self._recent.extend(fresh)
        self._seqs.extend(change.seq for change in fresh)
        self._last = self._seqs[-1]
        self._moves += 1
        # Cut in larger pieces: cutting one from the front of a list costs its whole length.
        if len(self._recent) > 2 * self._ring_size:
            surplus = len(self._recent) - self._ring_size
            self._floor = self._seqs[surplus - 1]
            del self._recent[:surplus], self._seqs[:surplus]
        for follower in self._followers:
            follower.set()
