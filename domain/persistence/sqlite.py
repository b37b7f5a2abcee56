"""SQLite's connections: a statement costs one call to the thread beside the loop, or none."""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

import aiosqlite
from typing_extensions import override

#: After so many statements in a row, some three milliseconds, everybody else on the loop gets a turn.
_IN_A_ROW = 16
#: More rows than this at once take a while, too.
_FEW_ROWS = 50


class Cursor:
    """What SQLAlchemy asks of a cursor; a statement is run and its rows are fetched in one go.

    The library's own makes four calls for it: it opens the cursor, executes, fetches and closes. Each is handed to the
    thread and back, which takes longer than most statements do.
    """

    __slots__ = ("_connection", "_rows", "description", "lastrowid", "rowcount")

    arraysize = 1

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> Self:
        """Run a statement and fetch its rows."""
        # What a DELETE takes along, nobody knows.
        brief = not statement.startswith("DELETE")
        await self._connection.call(partial(self._run, sqlite3.Cursor.execute, statement, parameters), brief=brief)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Any]) -> Self:
        """Run a statement once for each of these."""
        brief = len(parameters) <= _FEW_ROWS
        await self._connection.call(partial(self._run, sqlite3.Cursor.executemany, statement, parameters), brief=brief)
        return self

    async def fetchall(self) -> list[Any]:
        """All rows of the statement."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is held: the rows are here."""

    def _run(self, run: Callable[..., Any], statement: str, parameters: Any, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        try:
            run(cursor, statement, parameters)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class Connection(aiosqlite.Connection):
    """A connection whose statements each call its thread once."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # One that is never closed keeps no process from ending.
        self._thread.daemon = True

    @override
    async def _connect(self) -> aiosqlite.Connection:
        try:
            return await super()._connect()
        except sqlite3.Error:
            # The library lets its thread end by itself, which then has something to say to a loop that may be closed.
            if self._thread.is_alive():
                await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
            raise

    @override
    def cursor(self) -> Cursor:  # type: ignore[override]  # all of the library's that SQLAlchemy uses
        return Cursor(self)

    async def call(self, function: Callable[[sqlite3.Connection], None], *, brief: bool) -> None:  # noqa: ARG002
        """Run this with SQLite's own connection."""
        await self._execute(function, self._conn)  # type: ignore[no-untyped-call]


class ReaderConnection(Connection):
    """A connection that reads: its thread does what may take long. To begin and to end touches nothing, and is done."""

    @override
    async def call(self, function: Callable[[sqlite3.Connection], None], *, brief: bool) -> None:
        if self._conn.in_transaction:
            await super().call(function, brief=brief)
        else:
            function(self._conn)

    @override
    async def rollback(self) -> None:
        self._conn.rollback()


class WriterConnection(Connection):
    """A connection for short transactions: it has the thread begin and commit, and does the rest at once.

    Beginning waits for other processes, and committing for the disk. What lies between waits for nobody: it holds the
    write lock, finds rows by index, and takes less time than the thread would take to wake up.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._in_a_row = 0

    @override
    async def call(self, function: Callable[[sqlite3.Connection], None], *, brief: bool) -> None:
        self._in_a_row += 1
        if brief and self._conn.in_transaction and self._in_a_row % _IN_A_ROW:
            function(self._conn)
        else:
            await super().call(function, brief=brief)


class InlineConnection(Connection):
    """A connection without a thread: for a loop that has nobody else to serve, and a database of its own."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._tx = _Immediate()  # type: ignore[assignment]  # all that is asked of the queue is to take a call

    @override
    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


class _Immediate:
    def put_nowait(self, call: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = call
        if future is None:
            # Nobody is left to tell: the connection is given up.
            with suppress(sqlite3.Error):
                function()
            return
        try:
            future.set_result(function())
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as error:
            future.set_exception(error)


def creator(kind: type[Connection]) -> Callable[..., Connection]:
    """What makes connections of a kind, with the settings of `sqlite3.connect`; they open when awaited."""

    def create(*arguments: Any, **settings: Any) -> Connection:
        return kind(lambda: sqlite3.connect(*arguments, **settings))

    return create
