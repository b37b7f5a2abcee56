"""All reads of one operation, on one connection and of one moment."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from domain.persistence.unit_of_work import ReadSession

T = TypeVar("T")
Work = Callable[[ReadSession], Awaitable[Any]]
#: The snapshot of the operation that is running.
current: ContextVar["Snapshot | None"] = ContextVar("current", default=None)


class ReplicaError(Exception):
    """A read on a replica that has to be asked of the primary instead."""


class Snapshot:
    """The reads of one operation, one after another; the moment that they see is that of the first.

    A task of its own carries them out, so that cancelling who waits for one interrupts none. It keeps its connection
    until `close`, and has none before the first read.
    """

    def __init__(self, owner: object, start: Callable[["Snapshot"], object]) -> None:
        #: The database that it is of.
        self.owner = owner
        self._start = start
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._is_started = False
        self._failure: Exception | None = None
        #: Whether a replica carries out the reads.
        self.is_on_replica = False
        #: Whether a read was carried out.
        self.has_read = False
        #: True at the end of the operation.
        self.is_closed = False

    @property
    def failure(self) -> Exception | None:
        """The failure that ended it before the operation did."""
        return self._failure

    @property
    def must_repeat(self) -> bool:
        """Return whether all reads are to be done again on the primary, because a replica failed between them."""
        return isinstance(self._failure, ReplicaError)

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Run a read when those before it are done."""
        if self._failure is not None:
            raise self._failure
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._is_started:
            self._wake_up()
        else:
            self._is_started = True
            # What a read starts by itself is none of the operation's reads, which it would wait for.
            context = copy_context()
            context.run(current.set, None)
            context.run(self._start, self)
        value = await done
        # A field that fails before its neighbours have begun would leave coroutines that nobody ever awaits.
        await asyncio.sleep(0)
        return value

    def close(self) -> None:
        """End the snapshot once all reads that were asked for are done.

        After an error an answer is complete before all of its fields are, and one that waits for ever is never freed.
        """
        self.is_closed = True
        self._wake_up()

    async def serve(self, session: ReadSession) -> None:
        """Carry out all reads until the end of the operation."""
        while True:
            while self._waiting:
                await self._carry_out(session, *self._waiting.popleft())
            if self.is_closed:
                return
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake

    def fail(self, error: Exception) -> None:
        """Let all reads that are left fail: with another transaction, they would see another moment."""
        self._failure = error
        while self._waiting:
            _, done = self._waiting.popleft()
            if not done.done():
                done.set_exception(error)

    async def _carry_out(self, session: ReadSession, work: Work, done: asyncio.Future[Any]) -> None:
        if done.done():
            return  # whoever wanted it was cancelled
        try:
            value = await work(session)
        except Exception as error:
            # PostgreSQL's transaction is over with such a one.
            is_over = isinstance(error, DBAPIError | asyncpg.PostgresError | asyncpg.InterfaceError)
            if is_over and self.is_on_replica and not self.has_read:
                # Nothing was read of this moment: the primary can begin anew.
                self._waiting.appendleft((work, done))
                raise
            if not done.done():
                done.set_exception(ReplicaError() if is_over and self.is_on_replica else error)
            if is_over:
                raise
        else:
            self.has_read = True
            if not done.done():
                done.set_result(value)

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
