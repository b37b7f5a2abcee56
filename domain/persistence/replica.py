"""One replica of PostgreSQL: its connections, its lag, and whether it can answer queries."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson

from domain.outages import Outage
from domain.persistence.addresses import PostgresAddress
from domain.persistence.availability import DRIVER_ERRORS, reason_of
from domain.persistence.drivers import PostgresDriver
from domain.persistence.measures import PoolUse, use_of
from domain.persistence.migrate import COMPATIBLE_SINCE, can_use
from domain.persistence.postgres import create_postgres
from domain.persistence.promotions import TIMELINE

#: The state that signs cursors, by which a database is known.
CURSOR_KEY = "cursor_key"
#: How long a look at a replica may take.
LOOK_SECONDS = 2.0
#: How long connecting to it may take, unless its address says otherwise.
_CONNECT_SECONDS = 2
#: How long a replica that failed has to work before it is asked again.
_QUIET_SECONDS = 2.0
#: Between two looks while somebody waits for a position.
_POLL_SECONDS = 0.01
_POOL_SECONDS = 2.0
_USUAL_PORT = 5432
_STATES = [CURSOR_KEY, TIMELINE, COMPATIBLE_SINCE]
_LOOK = """
SELECT pg_is_in_recovery() AS is_standby,
    CAST(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') AS bigint) AS replayed,
    (SELECT max(seq) FROM changes) AS head,
    (SELECT version_num FROM alembic_version) AS revision,
    (SELECT json_object_agg(name, value) FROM server_state WHERE name = ANY(CAST($1 AS text[]))) AS states
"""
_HEAD = "SELECT max(seq) FROM changes"


class UnfitError(Exception):
    """A server that must not be asked in the place of the primary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The state of a replica."""

    #: The end of what it has replayed of the primary's write-ahead log, in bytes.
    replayed: int
    #: The position of the last change in its log.
    head: int
    states: Mapping[str, str]


class Replica:
    """A standby that queries may be sent to; nothing is connected before it is asked."""

    def __init__(self, address: PostgresAddress, *, connections: int) -> None:
        #: Its host and port, for operators.
        self.name = _name_of(address)
        self.outage = Outage(f"the replica {self.name}", quiet_seconds=_QUIET_SECONDS)
        #: How far it was behind when it was last looked at.
        self.lag_seconds = 0.0
        #: Whether it was looked at yet.
        self.is_known = False
        hasty = {"connect_timeout": str(_CONNECT_SECONDS), **address.parameters}
        address = replace(address, parameters=hasty)
        # One connection looks, and one is for short reads that run again and again.
        engine, self.reader, self._connector = create_postgres(
            address, connections=max(1, connections - 2), wait_seconds=_POOL_SECONDS, has_direct=True, is_standby=True
        )
        self._engine = engine
        #: Where short reads go.
        self.driver = PostgresDriver(self._connector, connections=1)
        self._looking: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._waiting: list[tuple[int, asyncio.Future[bool]]] = []
        self._polling: asyncio.Task[None] | None = None

    @property
    def is_used(self) -> bool:
        """Return whether queries are sent to it."""
        return self.is_known and not self.outage.is_on

    @property
    def use(self) -> PoolUse:
        """Return how many of its connections are in use."""
        return use_of(self._engine.pool)

    async def look(self) -> Look:
        """Look at it.

        Raises:
            UnfitError: it does not answer in time, or is none that can be asked.
        """
        try:
            async with asyncio.timeout(LOOK_SECONDS), self._connected() as connection:
                row = await connection.fetchrow(_LOOK, _STATES)
        except TimeoutError as error:
            # Else the reads under way would wait for it until they are given up.
            self._connector.cut()
            raise UnfitError(f"it does not answer within {LOOK_SECONDS:g} s") from error
        except DRIVER_ERRORS as error:
            raise UnfitError(reason_of(error)) from error
        states = orjson.loads(row["states"] or "{}")
        if not row["is_standby"]:
            raise UnfitError("it is no standby")
        if not can_use(row["revision"], states.get(COMPATIBLE_SINCE)):
            raise UnfitError("it has another schema than this version can use")
        if row["replayed"] is None:
            raise UnfitError("it does not say how far it has come")
        return Look(replayed=row["replayed"], head=row["head"] or 0, states=states)

    async def reach(self, position: int, *, seconds: float) -> bool:
        """Wait until it has a position of the log; return False where it has not after so many seconds."""
        reached: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = position, reached
        self._waiting.append(waiting)
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            done, _ = await asyncio.wait({reached}, timeout=seconds)
        finally:
            # Else it would be looked for without an end, of one that is cancelled too.
            self._waiting.remove(waiting)
        return bool(done) and reached.result()

    async def close(self) -> None:
        """Close all connections."""
        if self._polling is not None:
            await self._polling
        if self._looking is not None:
            self._looking.terminate()
        await self.driver.close()
        await self._engine.dispose()

    async def _poll(self) -> None:
        """Look for the head of the log as long as anybody waits for it: one for all of them."""
        while any(not reached.done() for _, reached in self._waiting):
            try:
                async with asyncio.timeout(LOOK_SECONDS), self._connected() as connection:
                    head = await connection.fetchval(_HEAD) or 0
            except (TimeoutError, *DRIVER_ERRORS) as error:
                self.outage.failed(reason_of(error))
                self._tell(is_there=False)
                break
            self._tell(is_there=True, up_to=head)
            await asyncio.sleep(_POLL_SECONDS)
        self._polling = None

    def _tell(self, *, is_there: bool, up_to: float = math.inf) -> None:
        for position, reached in self._waiting:
            if position <= up_to and not reached.done():
                reached.set_result(is_there)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Yield the connection that looks, to one at a time; one that failed is not kept."""
        async with self._turn:
            if self._looking is None or self._looking.is_closed():
                self._looking = await self._connector.connect(statement_cache_size=0)
            try:
                yield self._looking
            except BaseException:
                self._looking.terminate()
                self._looking = None
                raise


def each_host(address: PostgresAddress) -> Sequence[PostgresAddress]:
    """Return an address for each host that an address has."""
    ports: Sequence[Any] = address.ports or [_USUAL_PORT] * len(address.hosts)
    hosts = zip(address.hosts, ports, strict=True)
    return [replace(address, hosts=(host,), ports=(port,)) for host, port in hosts] or [address]


def _name_of(address: PostgresAddress) -> str:
    host = address.hosts[0] if address.hosts else "localhost"
    return f"{host}:{address.ports[0] if address.ports else _USUAL_PORT}"
