"""Statements straight on the driver, for short reads that run again and again: no pool, no task and no thread between.

Whatever fails here is left to the engines, which know what to do about it: a caller asks them again.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg
from typing_extensions import override

from domain.persistence.postgres import Connector

#: Texts that a connection has ready.
_PREPARED = 256
#: How long a statement may keep the loop, in CPU time, and how large a value it may make, before it is given up.
_MOST_SECONDS = 0.02
_MOST_BYTES = 1_000_000
#: Instructions of SQLite between two looks at the clock: some tenths of a millisecond.
_INSTRUCTIONS = 5_000
_GIVEN_UP = {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG}
#: How long a statement on PostgreSQL may keep one of the few connections, and how long none is asked after that: what
#: waits for a lock, or for a server that hangs, would keep all others waiting for it.
_LONGEST_SECONDS = 2.0
_PAUSE_SECONDS = 2.0


class Driver(Protocol):
    """A reader of one row at a time, each on a snapshot of its own."""

    @property
    def is_ready(self) -> bool:
        """False while it would fail or keep its caller waiting: then it is better not to ask it."""

    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Return the only row of a statement."""

    async def close(self) -> None:
        """Close all connections."""


class SqliteDriver(Driver):
    """One connection that is read from in the loop, but for what takes long; it holds no snapshot between reads."""

    def __init__(self, address: str, pragmas: Sequence[str]) -> None:
        self._address = address
        self._pragmas = pragmas
        self._connection: sqlite3.Connection | None = None
        self._began = 0.0

    @property
    @override
    def is_ready(self) -> bool:
        """True: what it cannot do, it says at once."""
        return True

    @override
    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        try:
            connection = self._connection or self._connect()
            self._began = time.thread_time()
            # All rows, although there is one: a statement that has not come to its end holds on to its snapshot.
            [row] = connection.execute(text, parameters).fetchall()
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) not in _GIVEN_UP:
                await self.close()
            raise
        return tuple(row)

    @override
    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._address, uri=True, isolation_level=None, cached_statements=_PREPARED)
        self._connection = connection
        for pragma in self._pragmas:
            connection.execute(f"PRAGMA {pragma}")
        # What a statement costs says little of how long it takes: rows that are hidden, and long texts, cost nothing.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES)
        connection.set_progress_handler(self._is_late, _INSTRUCTIONS)
        return connection

    def _is_late(self) -> bool:
        return time.thread_time() - self._began > _MOST_SECONDS


class PostgresDriver(Driver):
    """A few connections that statements share, each prepared by its text unless there is a pooler."""

    def __init__(self, connector: Connector, *, connections: int) -> None:
        self._connector = connector
        self._idle: list[asyncpg.Connection] = []
        self._turns = asyncio.Semaphore(connections)
        self._is_closed = False
        self._paused_until = 0.0

    @property
    @override
    def is_ready(self) -> bool:
        """False for a while after a statement that took long, and after a connection that failed."""
        return asyncio.get_running_loop().time() >= self._paused_until

    @override
    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        async with self._turns:
            if not self.is_ready:
                raise TimeoutError("others wait on these connections")
            try:
                async with asyncio.timeout(_LONGEST_SECONDS):
                    row = await self._row(text, parameters)
            except TimeoutError:
                self._pause()
                raise
        assert row is not None
        return tuple(row)

    async def _row(self, text: str, parameters: Sequence[Any]) -> Any:
        connection = await self._ready()
        try:
            row = await self._first(connection, text, parameters)
        except BaseException:
            # Also of one that was given up: nobody knows whether its answer is still to come.
            connection.terminate()
            raise
        if self._is_closed:
            connection.terminate()
        else:
            self._idle.append(connection)
        return row

    def _pause(self) -> None:
        self._paused_until = asyncio.get_running_loop().time() + _PAUSE_SECONDS

    @override
    async def close(self) -> None:
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _ready(self) -> asyncpg.Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connector.connect(statement_cache_size=_PREPARED)
        except (OSError, asyncpg.PostgresError):
            self._pause()
            raise

    async def _first(self, connection: asyncpg.Connection, text: str, parameters: Sequence[Any]) -> Any:
        if not self._connector.is_pooled:
            return await connection.fetchrow(text, *parameters)
        # It takes two messages, which a pooler would send to two servers outside a transaction.
        transaction = connection.transaction(readonly=True)
        await transaction.start()
        row = await connection.fetchrow(text, *parameters)
        await transaction.commit()
        # No rollback where it fails: the connection is ended, and a server that hangs would not answer to it.
        return row
