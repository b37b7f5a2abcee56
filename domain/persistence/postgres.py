"""Connections to PostgreSQL: one pool for reads and writes, with or without a pooler."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

import asyncpg
import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.persistence.addresses import PostgresAddress
from domain.persistence.availability import READ_ONLY_STATE
from domain.persistence.promotions import GO_ON

logger = logging.getLogger(__name__)

#: True where a transaction begins as soon as there is a connection, which shows by itself that it still answers.
begins_at_once: ContextVar[bool] = ContextVar("begins_at_once", default=False)
_READ_ONLY = "postgresql_readonly"
#: Parameters of the connection that poolers keep for each of their clients; any other one they refuse.
_SETTINGS = {"application_name": "incidentql", "timezone": "UTC"}
_SERVER = "SELECT concat(inet_server_addr(), ' ', inet_server_port())"
#: How long a look at the servers of an address may take.
_LOOK_SECONDS = 5.0
_POOLER = (
    "the database is behind a pooler: what needs a session of its own (locks of automations, LISTEN) is safe only with "
    "INCIDENTQL_DIRECT_DATABASE_URL, the address without the pooler"
)


class Connector:
    """The opener of connections; its first one detects a pooler. Those to a standby are for reads alone."""

    def __init__(self, address: PostgresAddress, *, has_direct: bool, is_standby: bool = False) -> None:
        self._address = address
        self._has_direct = has_direct
        self._is_standby = is_standby
        self._is_pooled: bool | None = None
        #: Those to a standby, for when it hangs.
        self._opened: WeakSet[asyncpg.Connection] = WeakSet()
        #: The servers that connections led to since all of them were left.
        self._servers: set[str] = set()
        self._looking = asyncio.Lock()

    @property
    def is_pooled(self) -> bool:
        """True behind a pooler; False until the first connection has found out."""
        return bool(self._is_pooled)

    async def connect(self, **options: Any) -> asyncpg.Connection:
        """Open a connection; behind a pooler it names no statements, as each transaction may get another server."""
        if self._is_pooled is None:
            connection = await self._open(**options)
            self._is_pooled = await is_pooled(connection)
            if not self._is_pooled:
                return connection
            await connection.close()
            if not self._has_direct:
                logger.warning(_POOLER)
        if self._is_pooled:
            options["statement_cache_size"] = 0
        return await self._open(**options)

    def is_outdated(self, connection: asyncpg.Connection) -> bool:
        """Return whether a connection leads to a server that is no longer the one to ask."""
        return not self._is_standby and is_read_only(connection)

    def cut(self) -> None:
        """End all connections to a standby at once: what waits for an answer on one fails."""
        for connection in list(self._opened):
            connection.terminate()

    def is_alive(self, connection: Any) -> bool:
        """Return whether SQLAlchemy's connection can be used, in one message; the library sends three for poolers."""
        if self.is_outdated(connection.driver_connection):
            # It would go on to answer reads with what was true before a failover.
            return False
        if begins_at_once.get():
            return True
        try:
            connection.run_async(lambda driver: driver.execute("SELECT 1"))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            # The last one is raised for a connection that was lost between two of the driver's states.
            return False
        return True

    def prepare(self, adapted: Any, _record: Any) -> None:
        """Make SQLAlchemy use no named statements behind a pooler."""
        if self._is_pooled:
            # Its documented options for poolers apply to a whole engine, made before a pooler is detected.
            adapted._prepared_statement_cache = None  # noqa: SLF001 - nothing is kept
            adapted._prepared_statement_name_func = str  # noqa: SLF001 - the name is empty

    async def leave_if_moved(self, leave: Callable[[], Awaitable[None]]) -> None:
        """Leave all connections where a new one leads to another server than some of them."""
        if not self._address.names_one_of_several:
            return
        async with self._looking:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await (await self._open()).close()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return
            if len(self._servers) > 1:
                self._servers.clear()
                await leave()

    async def _open(self, **options: Any) -> asyncpg.Connection:
        connection = await asyncpg.connect(**self._address.for_asyncpg(**_SETTINGS), **options)
        if self._is_standby:
            self._opened.add(connection)
            return connection
        try:
            # Before anything is written: the server may have been promoted since the last connection.
            await connection.execute(GO_ON)
            if self._address.names_one_of_several:
                self._servers.add(await _server_of(connection))
        except BaseException:
            connection.terminate()
            raise
        return connection


async def _server_of(connection: asyncpg.Connection) -> str:
    async with connection.transaction():
        statement = await connection.prepare(_SERVER, name="")
        return str(await statement.fetchval())


async def is_pooled(connection: asyncpg.Connection) -> bool:
    """Return whether a pooler is in between: the server then differs from the one in the greeting."""
    # In a transaction a pooler stays with one server, and an unnamed statement leaves nothing there.
    async with connection.transaction():
        statement = await connection.prepare("SELECT pg_backend_pid()", name="")
        return bool(await statement.fetchval() != connection.get_server_pid())


def create_postgres(
    address: PostgresAddress, *, connections: int, wait_seconds: float, has_direct: bool, is_standby: bool = False
) -> tuple[AsyncEngine, AsyncEngine, Connector]:
    """Return an engine for writes and one for reads, which share their connections, and the connector of both.

    Nothing is connected yet.
    """
    connector = Connector(address, has_direct=has_direct, is_standby=is_standby)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=wait_seconds,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"async_creator_fn": connector.connect},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        # Errors are logged, and values may be secrets, or texts that not everybody sees.
        hide_parameters=True,
    )
    dialect: Any = engine.sync_engine.dialect
    dialect.do_ping = connector.is_alive
    for name in ("setup_asyncpg_json_codec", "setup_asyncpg_jsonb_codec"):
        setattr(dialect, name, _in_transaction(getattr(dialect, name)))
    sa.event.listen(engine.sync_engine, "connect", connector.prepare, insert=True)
    sa.event.listen(engine.sync_engine, "handle_error", leave_standbys)
    # Each transaction begins READ ONLY: a setting of the session would be another client's, behind a pooler. All of its
    # statements see one moment, as on SQLite; nothing that only reads can fail for that.
    reader = engine.execution_options(**{_READ_ONLY: True}, isolation_level="REPEATABLE READ")
    return engine, reader, connector


def _in_transaction(setup: Callable[[Any], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def whole(adapted: Any) -> None:
        # The setup queries types in several messages, which a pooler would send to several servers.
        async with adapted.driver_connection.transaction():
            await setup(adapted)

    return whole


def leave_standbys(context: sa.engine.ExceptionContext) -> None:
    """Reconnect where a server has become read-only after a failover."""
    refused = getattr(context.original_exception, "sqlstate", None) == READ_ONLY_STATE
    options = context.connection.get_execution_options() if context.connection is not None else {}
    if refused and not options.get(_READ_ONLY):
        context.is_disconnect = True


def is_read_only(connection: asyncpg.Connection) -> bool:
    """Return whether its server has said, of its own accord, that it accepts no writes (any more)."""
    settings = connection.get_settings()
    # PostgreSQL reports both since version 14.
    return "on" in {getattr(settings, "in_hot_standby", ""), getattr(settings, "default_transaction_read_only", "")}
