"""Connections to SQLite: a statement costs one call to the connection's thread, or none."""

import asyncio
import math
import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

import aiosqlite
from typing_extensions import override

T = TypeVar("T")
#: After so many statements in a row, some three milliseconds, one runs in the thread, so that other tasks can run.
_IN_A_ROW = 16
_BEGIN = "BEGIN IMMEDIATE"
#: How often a writer in its thread asks for the lock that another process has.
_LOCK_PAUSE_SECONDS = 0.001
#: Extended result codes have the primary one in their lowest byte.
_PRIMARY = 0xFF
#: How much CPU time statements of a reader may take of the loop in a row, before one runs in the thread.
_MOST_SECONDS = 0.005
#: Instructions of SQLite between two looks at the clock: some tenths of a millisecond.
_INSTRUCTIONS = 5_000
#: What a statement in place ends with that would go on in the thread.
_LATER = frozenset({sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY})
#: Looking up words takes long in few instructions.
_SEARCHES = " MATCH "
#: More rows than this at once run in the thread as well.
_FEW_ROWS = 50


class Cursor:
    """A cursor for SQLAlchemy that runs a statement and fetches its rows in one call.

    The library's own makes four calls: open, execute, fetch and close. Each goes to the thread and back, which takes
    longer than most statements do.
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
        # A DELETE may cascade to any number of rows.
        brief = not statement.startswith("DELETE") and _SEARCHES not in statement
        await self._connection.call(partial(self._run, sqlite3.Cursor.execute, statement, parameters), brief=brief)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Any]) -> Self:
        """Run a statement once for each of these parameters."""
        brief = len(parameters) <= _FEW_ROWS
        await self._connection.call(partial(self._run, sqlite3.Cursor.executemany, statement, parameters), brief=brief)
        return self

    async def fetchall(self) -> list[Any]:
        """Return all rows of the statement."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Do nothing: all rows are fetched already."""

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
    """A connection whose statements make one call to its thread each."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        # A connection that is never closed must not keep the process from ending.
        self._thread.daemon = True

    @override
    async def _connect(self) -> aiosqlite.Connection:
        try:
            return await super()._connect()
        except sqlite3.Error:
            # The library lets its thread end by itself, which then calls a loop that may be closed.
            if self._thread.is_alive():
                await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
            raise

    @override
    def cursor(self) -> Cursor:  # type: ignore[override]  # all of the library's that SQLAlchemy uses
        return Cursor(self)

    async def fetch(self, statement: str, *parameters: Any) -> list[Any]:
        """Run a statement and return its rows; it is no DELETE."""
        return await self.call(lambda connection: connection.execute(statement, parameters).fetchall(), brief=True)

    @override
    async def executemany(self, statement: str, parameters: Sequence[Any]) -> None:  # type: ignore[override]
        """Run a statement once for each of these parameters; it is no DELETE."""
        await self.call(
            lambda connection: connection.executemany(statement, parameters), brief=len(parameters) <= _FEW_ROWS
        )

    async def run(self, statement: str) -> None:
        """Run a statement that takes no time, such as one for a savepoint."""
        await self.call(lambda connection: connection.execute(statement), brief=True)

    async def begin(self) -> None:
        """Begin a transaction that takes the lock for writing at once, which waits for other processes.

        Deferred ones that start with a read lose updates, or fail at once at their first write.
        """
        await self.call(lambda connection: connection.execute(_BEGIN), brief=False)

    @override
    async def rollback(self) -> None:
        # A connection that goes back to its pool is always rolled back.
        if self._conn.in_transaction:
            await super().rollback()

    async def call(self, function: Callable[[sqlite3.Connection], T], *, brief: bool) -> T:  # noqa: ARG002
        """Run this function with SQLite's own connection, and return what it does."""
        value: T = await self._execute(function, self._conn)  # type: ignore[no-untyped-call]
        return value


class ReaderConnection(Connection):
    """A connection for reads: statements run in place as long as they are short, and in its thread when they are not.

    Waking the thread up takes longer than most statements do. A long one is interrupted and repeated in the thread; the
    transaction of a reader survives that.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], *, busy_millis: int = 0) -> None:
        super().__init__(connector)
        self._busy_millis = busy_millis
        #: The CPU time of the loop at which the running statement is interrupted; none is in the thread.
        self._deadline = math.inf
        #: How much of it statements have taken since one was in the thread, where other tasks had their turn.
        self._taken = 0.0
        self._is_watched = False

    @override
    async def call(self, function: Callable[[sqlite3.Connection], T], *, brief: bool) -> T:
        if not self._conn.in_transaction:
            return function(self._conn)  # beginning and ending do no work
        if brief and self._taken < _MOST_SECONDS:
            try:
                return self._in_place(function)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY not in _LATER:
                    raise
        self._taken = 0.0
        return await super().call(partial(self._patiently, function), brief=brief)

    @override
    async def rollback(self) -> None:
        self._conn.rollback()

    def _in_place(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if not self._is_watched:
            self._conn.set_progress_handler(lambda: time.thread_time() > self._deadline, _INSTRUCTIONS)
            self._is_watched = True
        began = time.thread_time()
        self._deadline = began + _MOST_SECONDS
        try:
            return function(self._conn)
        finally:
            self._deadline = math.inf
            self._taken += time.thread_time() - began

    def _patiently(self, function: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
        # In place it waits for nobody, because the loop would wait with it.
        connection.execute(f"PRAGMA busy_timeout={self._busy_millis}")
        try:
            return function(connection)
        finally:
            connection.execute("PRAGMA busy_timeout=0")


class WriterConnection(Connection):
    """A connection for short transactions: a commit runs in its thread, and so does a begin that has to wait.

    A begin may wait for other processes, and a commit for the disk. The statements between wait for neither: they hold
    the write lock, find rows by index, and take less time than waking up the thread would.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._in_a_row = 0
        #: How long a begin waits for other processes; known at the first one.
        self._busy_millis: int | None = None

    @override
    async def call(self, function: Callable[[sqlite3.Connection], T], *, brief: bool) -> T:
        self._in_a_row += 1
        if brief and self._conn.in_transaction and self._in_a_row < _IN_A_ROW:
            return function(self._conn)
        self._in_a_row = 0
        return await super().call(function, brief=brief)

    @override
    async def run(self, statement: str) -> None:
        # Other tasks can run between two works, which savepoints are for.
        self._in_a_row = 0
        self._conn.execute(statement)

    @override
    async def begin(self) -> None:
        self._in_a_row = 0
        if self._busy_millis is None:
            # In the loop it waits for nobody, because the loop would wait with it.
            [self._busy_millis] = self._conn.execute("PRAGMA busy_timeout").fetchone()
            self._conn.execute("PRAGMA busy_timeout=0")
        try:
            self._conn.execute(_BEGIN)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY:
                raise
            await super().call(self._begin_patiently, brief=False)

    def _begin_patiently(self, connection: sqlite3.Connection) -> None:
        # A process under load has the lock again a moment after each commit. SQLite's own waiting, which looks every
        # 100 ms in the end, would hardly ever meet such a moment.
        deadline = time.monotonic() + (self._busy_millis or 0) / 1000
        while True:
            try:
                connection.execute(_BEGIN)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(_LOCK_PAUSE_SECONDS)


class InlineConnection(Connection):
    """A connection without a thread, for a loop that serves one database of its own and nothing else."""

    def __init__(self, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector)
        self._tx = _Immediate()  # type: ignore[assignment]  # the queue only has to accept calls

    @override
    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


#: Makes a connection of a function that opens SQLite's own.
Kind = Callable[[Callable[[], sqlite3.Connection]], Connection]


class _Immediate:
    def put_nowait(self, call: tuple[asyncio.Future[Any] | None, Callable[[], Any]]) -> None:
        future, function = call
        if future is None:
            # The connection is abandoned, and no caller waits for an error.
            with suppress(sqlite3.Error):
                function()
            return
        try:
            future.set_result(function())
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, OverflowError) as error:
            future.set_exception(error)


def creator(kind: Kind) -> Callable[..., Connection]:
    """Return a function that makes connections with the settings of `sqlite3.connect`; they open when awaited."""

    def create(*arguments: Any, **settings: Any) -> Connection:
        return kind(lambda: sqlite3.connect(*arguments, **settings))

    return create
