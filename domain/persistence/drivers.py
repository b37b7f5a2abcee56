"""Statements straight on the driver, for short reads that run again and again: no pool, no task and no thread between.

Whatever fails here is left to the engines, which know what to do about it: a caller asks them again.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg
from typing_extensions import override

from domain.persistence.postgres import Connector

#: Texts that a connection has ready.
_PREPARED = 256


class Driver(Protocol):
    """A reader of one row at a time, each on a snapshot of its own."""

    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        """Return the only row of a statement."""

    async def close(self) -> None:
        """Close all connections."""


class SqliteDriver(Driver):
    """One connection that is read from in the loop, as long as that is short; it holds no snapshot between reads."""

    def __init__(self, address: str, pragmas: Sequence[str]) -> None:
        self._address = address
        self._pragmas = pragmas
        self._connection: sqlite3.Connection | None = None

    @override
    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        try:
            connection = self._connection or self._connect()
            # All rows, although there is one: a statement that has not come to its end holds on to its snapshot.
            [row] = connection.execute(text, parameters).fetchall()
        except sqlite3.Error:
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
        return connection


class PostgresDriver(Driver):
    """A few connections that statements share, each prepared by its text unless there is a pooler."""

    def __init__(self, connector: Connector, *, connections: int) -> None:
        self._connector = connector
        self._idle: list[asyncpg.Connection] = []
        self._turns = asyncio.Semaphore(connections)
        self._is_closed = False

    @override
    async def fetch(self, text: str, parameters: Sequence[Any]) -> Sequence[Any]:
        async with self._turns:
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
        assert row is not None
        return tuple(row)

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
        return await self._connector.connect(statement_cache_size=_PREPARED)

    async def _first(self, connection: asyncpg.Connection, text: str, parameters: Sequence[Any]) -> Any:
        if not self._connector.is_pooled:
            return await connection.fetchrow(text, *parameters)
        # It takes two messages, which a pooler would send to two servers outside a transaction.
        async with connection.transaction(readonly=True):
            return await connection.fetchrow(text, *parameters)
