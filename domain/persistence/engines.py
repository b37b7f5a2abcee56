"""Engines for both databases: one writer and many read-only readers on SQLite, two pools on PostgreSQL."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from domain.errors import StartupError
from domain.persistence.addresses import PostgresAddress, postgres_address
from domain.persistence.drivers import Driver, PostgresDriver, SqliteDriver
from domain.persistence.files import make_private
from domain.persistence.groups import GroupedTransactions
from domain.persistence.measures import PoolUse, use_of
from domain.persistence.postgres import Connector, create_postgres
from domain.persistence.sqlite import InlineConnection, Kind, ReaderConnection, WriterConnection, creator
from domain.persistence.transactions import PooledTransactions, Transactions
from domain.persistence.write_ahead import KEPT_BYTES

#: How long a writer waits for another process's write transaction on the same SQLite file.
BUSY_MILLIS = 10_000
#: How long a unit of work waits for a connection; finite, so that one opened inside another fails instead of hanging.
_POOL_SECONDS = 15
#: How many PostgreSQL connections reads and writes share by default.
_CONNECTIONS = 5
#: One of so many connections to PostgreSQL is for short reads that run again and again, and one where there are less.
_SPARED = 6
#: With fewer than these, there is none to spare.
_LEAST_TO_SPARE = 4
_SQLITE_READERS = 8
#: How long other processes may take to switch a new file to WAL mode.
_WAL_SECONDS = 5.0
_WAL_PAUSE_SECONDS = 0.02
_READ_ONLY = "?mode=ro"
_WRITER_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "wal_autocheckpoint=1000", f"journal_size_limit={KEPT_BYTES}")


@dataclass(frozen=True, slots=True)
class Engines:
    """The engine for writes and the engine for reads."""

    writer: AsyncEngine
    reader: AsyncEngine
    #: Where units of work run.
    transactions: Transactions
    #: Where short reads go that run again and again; None where there is no connection to spare.
    driver: Driver | None = None
    #: What opens connections to PostgreSQL.
    connector: Connector | None = None

    def use(self) -> dict[str, PoolUse]:
        """Return how many connections of each pool are in use; on PostgreSQL there is one for both."""
        if self.writer.pool is self.reader.pool:
            return {"all": use_of(self.writer.pool)}
        return {"write": self.transactions.use(), "read": use_of(self.reader.pool)}

    async def leave(self) -> None:
        """Let go of the writer's connections, those in use once they are returned; others are opened."""
        if self.driver is not None:
            await self.driver.leave()
        await self.writer.dispose()

    async def leave_if_moved(self) -> None:
        """Let go of the connections where the primary is another server by now, and some may wait at the former one."""
        if self.connector is not None:
            await self.connector.leave_if_moved(self.leave)

    async def dispose(self) -> None:
        """Close every connection."""
        if self.driver is not None:
            await self.driver.close()
        await self.reader.dispose()
        await self.transactions.close()
        await self.writer.dispose()


def database_url(text: str) -> URL | PostgresAddress:
    """Return the address of a SQLite file or of a PostgreSQL database.

    Raises:
        StartupError: it is neither.
    """
    if text.startswith("postgres"):
        return postgres_address(text)
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StartupError("The database URL is not valid. Use sqlite:///file.db or postgresql://host/name.") from error
    if backend != "sqlite":
        raise StartupError(f"Databases of the kind {backend!r} are not supported. Use sqlite:/// or postgresql://.")
    if not url.database or url.database == ":memory:":
        raise StartupError("SQLite needs a file: sqlite:///incidentql.db, for instance.")
    if Path(url.database).is_dir():
        raise StartupError(f"The database {url.database} is a folder. Name a file in it.")
    if not Path(url.database).absolute().parent.is_dir():
        raise StartupError(f"The folder of the database file {url.database} does not exist.")
    return url.set(drivername="sqlite+aiosqlite")


def create_engines(
    url: URL | PostgresAddress,
    *,
    sqlite_synchronous: str = "FULL",
    busy_millis: int = BUSY_MILLIS,
    inline: bool = False,
    connections: int = _CONNECTIONS,
    has_direct: bool = False,
) -> Engines:
    """Return engines for that address; nothing is connected yet.

    `inline` has SQLite block the loop: for one that is there for this database alone. `connections` and `has_direct`,
    which says that there is an address without a pooler, are for PostgreSQL.
    """
    if isinstance(url, URL):
        pragmas = (f"busy_timeout={busy_millis}", "temp_store=MEMORY", "cache_size=-32000")
        # What reads in the loop waits for nobody, because the loop would wait with it.
        impatient = (*pragmas[1:], "busy_timeout=0", "query_only=ON")
        writer = _sqlite_writer(
            url,
            (*pragmas, *_WRITER_PRAGMAS, f"synchronous={sqlite_synchronous}"),
            InlineConnection if inline else WriterConnection,
        )
        return Engines(
            writer=writer,
            transactions=GroupedTransactions(writer, wait_seconds=_POOL_SECONDS),
            reader=_sqlite_reader(
                url, impatient, InlineConnection if inline else partial(ReaderConnection, busy_millis=busy_millis)
            ),
            driver=SqliteDriver(_read_only(url), impatient),
        )
    spared = connections // _SPARED or int(connections >= _LEAST_TO_SPARE)
    writer, reader, connector = create_postgres(
        url, connections=connections - spared, wait_seconds=_POOL_SECONDS, has_direct=has_direct
    )
    driver = PostgresDriver(connector, connections=spared) if spared else None
    transactions = PooledTransactions(writer)
    return Engines(writer=writer, reader=reader, transactions=transactions, driver=driver, connector=connector)


def dialect_of(*, sqlite: bool) -> sa.Dialect:
    """Return the dialect of the engines, for statements that are bound without one."""
    url = make_url("sqlite+aiosqlite://" if sqlite else "postgresql+asyncpg://")
    return url.get_dialect()()


def _dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def _sqlite_writer(url: URL, pragmas: tuple[str, ...], kind: Kind) -> AsyncEngine:
    # Units of work share one connection, whose queue is fair, unlike SQLite's busy waiting. The other one is for
    # migrations, which run before them.
    engine = _sqlite_engine(url, kind, size=2)
    _before_connect(engine, Path(url.database or "").absolute())
    _on_connect(engine, pragmas)
    # Deferred transactions that start with a read lose updates, or fail at once at their first write.
    _on_begin(engine, "BEGIN IMMEDIATE")
    return engine


def _sqlite_reader(url: URL, pragmas: tuple[str, ...], kind: Kind) -> AsyncEngine:
    # The file itself refuses writes from reading code.
    read_only = url.set(database=_read_only(url).removesuffix(_READ_ONLY), query={"mode": "ro", "uri": "true"})
    engine = _sqlite_engine(read_only, kind, size=_SQLITE_READERS)
    _on_connect(engine, pragmas)
    _on_begin(engine, "BEGIN")
    return engine


def _read_only(url: URL) -> str:
    return f"file:{quote(str(Path(url.database or '').absolute()))}{_READ_ONLY}"


def _sqlite_engine(url: URL, kind: Kind, *, size: int) -> AsyncEngine:
    return create_async_engine(
        url,
        connect_args={"async_creator_fn": creator(kind)},
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        # Errors are logged, and values may be secrets, or texts that not everybody sees.
        hide_parameters=True,
    )


def _before_connect(engine: AsyncEngine, file: Path) -> None:
    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def protect(*_: Any) -> None:
        make_private(file)


def _on_connect(engine: AsyncEngine, pragmas: tuple[str, ...]) -> None:
    @sa.event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, in the right mode
        _execute_patiently(connection, [f"PRAGMA {pragma}" for pragma in pragmas])


def _execute_patiently(connection: Any, statements: Sequence[str]) -> None:
    # When several processes switch one new file to WAL mode, SQLite refuses some at once despite their busy timeout.
    deadline = time.monotonic() + _WAL_SECONDS

    def run(driver: sqlite3.Connection) -> None:
        for statement in statements:
            driver.execute(statement).close()

    while True:
        try:
            connection.run_async(lambda driver: driver.call(run, brief=False))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        connection.run_async(lambda _: asyncio.sleep(_WAL_PAUSE_SECONDS))


def _on_begin(engine: AsyncEngine, statement: str) -> None:
    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A unit of work has begun already, on the driver.
        if not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]  # it is connected
            connection.exec_driver_sql(statement)
