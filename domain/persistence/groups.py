"""The write transactions of a SQLite file: what waits for the one connection meanwhile shares one commit.

A commit waits for the disk, which takes longer than all statements of a unit of work together.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.persistence.measures import PoolUse
from domain.persistence.prepared import DirectConnection
from domain.persistence.transactions import Kept, Work

logger = logging.getLogger(__name__)
T = TypeVar("T")
#: The most works that share a commit, and how long after the first of them one may still join: it waits for the others.
_MOST, _SECONDS = 32, 0.02


class _ApartError(Exception):
    """A shared commit that failed for what one of its works has written: each is run again by itself."""


class _Group:
    """The works of one transaction, each of which was undone by itself where it failed."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        #: The results that the commit keeps.
        self.results: list[Any] = []
        self.size = 0
        self.is_over = False
        self.error: Exception | None = None
        self._over: asyncio.Future[None] | None = None

    @property
    def has_room(self) -> bool:
        return self.size < _MOST and time.monotonic() - self._began < _SECONDS

    def end(self, error: Exception | None = None) -> None:
        self.is_over, self.error = True, error
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def wait(self) -> None:
        """Wait for the end."""
        if not self.is_over:
            self._over = self._over or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._over)


class GroupedTransactions:
    """Transactions one after another on one connection, in the order in which they were asked for."""

    def __init__(self, writer: AsyncEngine, *, wait_seconds: float) -> None:
        self._engine = writer
        self._wait_seconds = wait_seconds
        self._connection: DirectConnection | None = None
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: The transaction that the next work may join.
        self._group: _Group | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def run(self, work: Work[T], kept: Kept, *, joins: bool = False) -> T:
        """Run a work in a transaction, and return its result once that is committed."""
        with suppress(_ApartError):
            return await self._run(work, kept, joins=joins)
        # No longer while that error is handled, which was raised for others as well: it is no context of this one's.
        return await self._run(work, kept, joins=False)

    def use(self) -> PoolUse:
        """Return whether the connection is in use, and how many works wait for it."""
        return PoolUse(int(self._is_taken), 1, len(self._waiting))

    async def close(self) -> None:
        """Let go of the connection."""
        if self._ending:
            await asyncio.wait(self._ending)
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _run(self, work: Work[T], kept: Kept, *, joins: bool) -> T:
        await self._turn(kept)
        try:
            group = await self._begun(kept, joins=joins)
        except BaseException:
            self._leave(kept)
            raise
        group.size += 1
        try:
            result = await self._carried_out(group, work)
        except Exception:
            # What it has seen of the others is true only once it is committed.
            await self._ended(group, kept, joins=joins)
            raise
        except BaseException:
            self._leave(kept)
            raise
        group.results.append(result)
        await self._ended(group, kept, joins=joins)
        return result

    async def _begun(self, kept: Kept, *, joins: bool) -> _Group:
        """Return the open transaction, with a savepoint; or a new one."""
        if self._group is not None and not joins:
            await self._commit(kept)
        if self._group is not None:
            await self._save(self._group)
            return self._group
        if self._connection is None or self._connection.invalidated:
            await self.close()
            self._connection = await DirectConnection.open(self._engine)
        await self._driver.begin()
        self._group = _Group()
        return self._group

    async def _save(self, group: _Group) -> None:
        """Begin a savepoint, where the index of words writes what it has kept in memory: that may fail like a commit.

        Raises:
            _ApartError: it failed, and SQLite has rolled back the others, too.
        """
        try:
            await self._driver.run(_SAVE)
        except Exception as error:
            await self._give_up(group, _ApartError())
            raise _ApartError from error

    async def _carried_out(self, group: _Group, work: Work[T]) -> T:
        assert self._connection is not None
        try:
            result = await work(self._connection)
            if not self._driver.in_transaction:
                raise sqlite3.OperationalError("the transaction was rolled back")  # noqa: TRY301 - as all others
            if group.size > 1:
                await self._driver.run(_KEEP)
        except BaseException:
            await self._undo(group)
            raise
        return result

    async def _undo(self, group: _Group) -> None:
        """Undo one work; the whole transaction where there is no other, or where SQLite has done so itself."""
        if group.size > 1 and self._driver.in_transaction:
            try:
                for statement in (_UNDO, _KEEP):
                    await self._driver.run(statement)
            except Exception as failure:  # noqa: BLE001 - the work's own error is the one that says what is wrong
                logger.debug("a savepoint was lost: %s", failure)
            else:
                return
        await self._give_up(group, _ApartError() if group.size > 1 else None)

    async def _ended(self, group: _Group, kept: Kept, *, joins: bool) -> None:
        """Commit, unless another work joins first, and wait until that is done.

        Raises:
            Exception: the commit failed.
        """
        if group.is_over:
            self._pass_on()
        elif joins and group.has_room and self._call_next():
            await group.wait()
        else:
            await self._commit(kept)
            self._pass_on()
        if group.error is not None:
            raise group.error

    async def _commit(self, kept: Kept) -> None:
        group, self._group = self._group, None
        assert group is not None
        try:
            await self._driver.commit()
        except Exception as error:  # noqa: BLE001 - each of its works gets it
            is_apart = isinstance(error, sqlite3.IntegrityError) and group.size > 1
            await self._give_up(group, _ApartError() if is_apart else error)
            return
        await self._forget()
        try:
            kept(group.results)
        except Exception as error:  # noqa: BLE001 - each of its works gets it, and the next ones go on
            group.end(error)
        else:
            group.end()

    async def _give_up(self, group: _Group, error: Exception | None) -> None:
        self._group = None
        await self._forget()
        group.end(error)

    async def _forget(self) -> None:
        """Roll back what is not committed; SQLAlchemy has noted a transaction of its own at its first statement."""
        assert self._connection is not None
        try:
            await self._driver.rollback()
            if self._connection.in_transaction():
                await self._connection.rollback()
        except Exception as error:  # noqa: BLE001 - an earlier error is the one that says what is wrong
            logger.debug("giving the connection up: %s", error)
            await self._connection.invalidate()

    @property
    def _driver(self) -> Any:
        assert self._connection is not None
        return self._connection.driver

    async def _turn(self, kept: Kept) -> None:
        """Wait until the connection is free.

        Raises:
            sqlalchemy.exc.TimeoutError: it was not in time.
        """
        if not self._is_taken:
            self._is_taken = True
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._wait_seconds, self._time_out, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                # Whoever left meanwhile has passed over it.
                with suppress(ValueError):
                    self._waiting.remove(turn)
            elif turn.exception() is None:
                self._leave(kept)
            raise
        finally:
            timer.cancel()

    def _time_out(self, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            self._waiting.remove(turn)
            turn.set_exception(PoolTimeoutError("the connection for writes did not become free in time"))

    def _pass_on(self) -> None:
        self._is_taken = self._call_next()

    def _call_next(self) -> bool:
        """Let go on who has waited longest, and return whether there was one."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return True
        return False

    def _leave(self, kept: Kept) -> None:
        """Give the connection back without waiting, where the work was cancelled; what others wrote is committed."""
        if self._group is None:
            self._pass_on()
            return
        if self._call_next():
            return
        task = asyncio.get_running_loop().create_task(self._end(kept))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, kept: Kept) -> None:
        if self._group is not None:
            await self._commit(kept)
        self._pass_on()


_SAVE, _KEEP, _UNDO = "SAVEPOINT work", "RELEASE work", "ROLLBACK TO work"
