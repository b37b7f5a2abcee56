"""Statements straight on the driver, for short reads that run again and again: no pool, no task and no thread between.

Whatever fails here is left to the engines, which know what to do about it: a caller asks them again.
"""

import asyncio
import sqlite3
import time
from collections.abc import Hashable, Sequence
from typing import Any, Protocol, cast

import asyncpg
from typing_extensions import override

from domain.persistence.postgres import Connector

#: Texts that a connection has ready.
_PREPARED = 256
#: How long a statement may keep the loop, in CPU time, before a thread takes it, and how large a value it may make.
_MOST_SECONDS = 0.01
_MOST_BYTES = 1_000_000
#: Instructions of SQLite between two looks at the clock: some tenths of a millisecond.
_INSTRUCTIONS = 5_000
#: How often a text is read in a thread that was too long for the loop, before the loop tries it again.
_PATIENCE = 100
#: Reads that are in threads at once.
_THREADS = 4
#: How long a statement on PostgreSQL may keep one of the few connections, and how long none is asked after that: what
#: waits for a lock, or for a server that hangs, would keep all others waiting for it.
_LONGEST_SECONDS = 2.0
_PAUSE_SECONDS = 2.0


class Driver(Protocol):
    """A reader of one row at a time, each on a snapshot of its own."""

    #: Whether short statements take no waiting.
    is_immediate: bool

    @property
    def is_ready(self) -> bool:
        """False while it would fail or keep its caller waiting: then it is better not to ask it."""

    async def fetch(self, text: str, parameters: Sequence[Any], *, is_long: bool = False) -> Sequence[Any]:
        """Return the only row of a statement; one that is long is kept off the loop."""

    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
        """Return the only row of a short statement; None where it has to be waited for."""

    def commits(self) -> Hashable | None:
        """Return a value that is another one after each commit of anybody; None where there is none, or it is away."""

    async def leave(self) -> None:
        """Let go of connections to a server that others have left; those in use end with what they read."""

    async def close(self) -> None:
        """Close all connections."""


class SqliteDriver(Driver):
    """One connection that is read from in the loop, and a few in threads for reads that are not short.

    None holds a snapshot between reads.
    """

    is_immediate = True

    def __init__(self, address: str, pragmas: Sequence[str]) -> None:
        self._address = address
        self._pragmas = pragmas
        self._connection: sqlite3.Connection | None = None
        self._began = 0.0
        self._opened = 0
        #: Texts that took too long for the loop, and how often each is read in a thread before the loop tries it again.
        self._long: dict[str, int] = {}
        self._idle: list[_ThreadReader] = []
        self._reading: set[_ThreadReader] = set()
        self._turns = asyncio.Semaphore(_THREADS)
        self._is_closed = False

    @property
    @override
    def is_ready(self) -> bool:
        """True: what it cannot do, it says at once."""
        return True

    @override
    async def fetch(self, text: str, parameters: Sequence[Any], *, is_long: bool = False) -> Sequence[Any]:
        row = None if is_long or self._was_long(text) else self._row_in_loop(text, parameters)
        return await self._in_thread(text, parameters) if row is None else row

    @override
    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
        return None if text in self._long else self._row_in_loop(text, parameters)

    @override
    def commits(self) -> Hashable | None:
        try:
            # The version is that of the connection: of another one, it may be the same.
            return self._row_in_loop("PRAGMA data_version", ()), self._opened
        except sqlite3.Error:
            return None

    @override
    async def leave(self) -> None:
        """Do nothing: a file is no server."""

    def _row_in_loop(self, text: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
        """Return the row; None where that took too long."""
        try:
            connection = self._connection or self._connect_for_loop()
            self._began = time.thread_time()
            return _only_row(connection, text, parameters)
        except sqlite3.Error as error:
            # Only what SQLite itself says has a code.
            reason = getattr(error, "sqlite_errorcode", None)
            if reason not in {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG}:
                self._close_for_loop()
            if reason != sqlite3.SQLITE_INTERRUPT:
                raise
        if len(self._long) >= _PREPARED:
            self._long.clear()
        self._long[text] = _PATIENCE
        return None

    @override
    async def close(self) -> None:
        self._is_closed = True
        self._close_for_loop()
        while self._idle:
            self._idle.pop().give_up()

    def _was_long(self, text: str) -> bool:
        left = self._long.get(text)
        if left is None:
            return False
        self._long[text] = left - 1
        if left == 0:
            # Its values may be others now.
            del self._long[text]
        return left > 0

    def _close_for_loop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect_for_loop(self) -> sqlite3.Connection:
        connection = self._connection = self._connect()
        self._opened += 1
        connection.set_progress_handler(self._is_late, _INSTRUCTIONS)
        return connection

    def _is_late(self) -> bool:
        return time.thread_time() - self._began > _MOST_SECONDS

    async def _in_thread(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        async with self._turns:
            reader = self._idle.pop() if self._idle else _ThreadReader(self._connect())
            self._reading.add(reader)
            try:
                row = await reader.read(text, parameters)
            except BaseException:
                reader.give_up()
                raise
            finally:
                self._reading.discard(reader)
            if self._is_closed:
                reader.give_up()
            else:
                self._idle.append(reader)
            return row

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._address, uri=True, isolation_level=None, cached_statements=_PREPARED, check_same_thread=False
        )
        for pragma in self._pragmas:
            connection.execute(f"PRAGMA {pragma}")
        # What a statement costs says little of how long it takes: rows that are hidden, and long texts, cost nothing.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        return connection


def _only_row(connection: sqlite3.Connection, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
    # All rows, although there is one: a statement that has not come to its end holds on to its snapshot.
    [row] = connection.execute(text, parameters).fetchall()
    return cast("tuple[Any, ...]", row)


class _ThreadReader:
    """A connection that is read from in threads, by one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._running: asyncio.Future[Sequence[Any]] | None = None
        self._is_given_up = False
        self.closed = asyncio.Event()
        connection.set_progress_handler(lambda: self._is_given_up, _INSTRUCTIONS)

    async def read(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(None, _only_row, self._connection, text, parameters)
        return await asyncio.shield(self._running)

    def give_up(self) -> None:
        """Close the connection, once a thread that is still at it has come to its next look."""
        self._is_given_up = True
        if self._running is None or self._running.done():
            self._close()
        else:
            self._running.add_done_callback(self._ended)

    def _ended(self, done: asyncio.Future[Sequence[Any]]) -> None:
        if not done.cancelled():
            done.exception()  # retrieved, because nobody waits for it
        self._close()

    def _close(self) -> None:
        self._connection.close()
        self.closed.set()


class PostgresDriver(Driver):
    """A few connections that statements share, each prepared by its text unless there is a pooler."""

    is_immediate = False

    def __init__(self, connector: Connector, *, connections: int) -> None:
        self._connector = connector
        self._idle: list[asyncpg.Connection] = []
        self._turns = asyncio.Semaphore(connections)
        self._is_closed = False
        #: How often connections were left: one of before that is not kept.
        self._left = 0
        self._paused_until = 0.0

    @property
    @override
    def is_ready(self) -> bool:
        """False for a while after a statement that took long, and after a connection that failed."""
        return asyncio.get_running_loop().time() >= self._paused_until

    @override
    async def fetch(self, text: str, parameters: Sequence[Any], *, is_long: bool = False) -> Sequence[Any]:
        async with self._turns:
            if not self.is_ready:
                raise TimeoutError("others wait on these connections")
            try:
                row = await self._row(text, parameters)
            except TimeoutError:
                self._pause()
                raise
        assert row is not None
        return tuple(row)

    @override
    def fetch_at_once(self, text: str, parameters: Sequence[Any]) -> Sequence[Any] | None:
        return None

    @override
    def commits(self) -> Hashable | None:
        return None

    async def _row(self, text: str, parameters: Sequence[Any]) -> Any:
        connection, left = self._kept() or await self._opened(), self._left
        try:
            row = await self._first(connection, text, parameters)
        except BaseException:
            # Also of one that was given up: nobody knows whether its answer is still to come.
            connection.terminate()
            raise
        if self._is_closed or left != self._left:
            connection.terminate()
        else:
            self._idle.append(connection)
        return row

    @override
    async def leave(self) -> None:
        self._left += 1
        while self._idle:
            self._idle.pop().terminate()

    def _pause(self) -> None:
        self._paused_until = asyncio.get_running_loop().time() + _PAUSE_SECONDS

    @override
    async def close(self) -> None:
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    def _kept(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed():
                continue
            if not self._connector.is_outdated(connection):
                return connection
            connection.terminate()
        return None

    async def _opened(self) -> asyncpg.Connection:
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                return await self._connector.connect(statement_cache_size=_PREPARED)
        except (OSError, asyncpg.PostgresError):
            self._pause()
            raise

    async def _first(self, connection: asyncpg.Connection, text: str, parameters: Sequence[Any]) -> Any:
        if not self._connector.is_pooled:
            # The driver's own limit takes no task and no context, as that of the loop would.
            return await connection.fetchrow(text, *parameters, timeout=_LONGEST_SECONDS)
        async with asyncio.timeout(_LONGEST_SECONDS):
            # It takes two messages, which a pooler would send to two servers outside a transaction.
            transaction = connection.transaction(readonly=True)
            await transaction.start()
            row = await connection.fetchrow(text, *parameters)
            await transaction.commit()
        # No rollback where it fails: the connection is ended, and a server that hangs would not answer to it.
        return row
