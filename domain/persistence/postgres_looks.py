"""A look at a PostgreSQL server: what it is, what this user may do there, and what works over this connection."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg

from domain.persistence.addresses import PostgresAddress
from domain.persistence.migrate import COMPATIBLE_SINCE
from domain.persistence.postgres import is_pooled
from domain.persistence.postgres_copies import looking_at

_SERVER = """
    SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
        pg_is_in_recovery() AS is_standby, current_setting('TimeZone') AS time_zone, clock_timestamp() AS now,
        current_setting('server_encoding') AS encoding,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            AS max_connections,
        (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int AS used_connections,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create_tables,
        has_database_privilege(current_database(), 'CREATE')
            OR coalesce(has_schema_privilege(to_regnamespace('dbos')::oid, 'CREATE'), false) AS may_keep_workflows,
        to_regclass('alembic_version') IS NOT NULL AS has_schema
"""
_LOCK = 0x1C1DE2A
_CHANNEL = "incidentql_examination"
_LISTEN_SECONDS = 2.0


async def look(address: PostgresAddress) -> Mapping[str, Any]:
    """Return what there is to know of a server before a start.

    Raises:
        StartupError: it cannot be reached.
    """
    began = time.perf_counter()
    async with looking_at(address) as connection:
        seconds = time.perf_counter() - began
        # By itself: the clock is compared with this process's.
        seen = dict(await connection.fetchrow(_SERVER))
        seen["seconds"] = seconds
        seen["is_pooled"] = await is_pooled(connection)
        seen["has_locks"] = await _can_lock(connection)
        seen["can_listen"] = await _can_listen(connection)
        seen |= {"revision": None, "compatible_since": None}
        if seen["has_schema"]:
            seen["revision"] = await connection.fetchval("SELECT version_num FROM alembic_version")
            states = "SELECT value FROM server_state WHERE name = $1"
            seen["compatible_since"] = await connection.fetchval(states, COMPATIBLE_SINCE)
        return seen


async def _can_lock(connection: asyncpg.Connection) -> bool:
    try:
        taken = await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK)
        # Behind a pooler, another server may be asked to release it.
        return not taken or bool(await connection.fetchval("SELECT pg_advisory_unlock($1)", _LOCK))
    except asyncpg.PostgresError:
        return False


async def _can_listen(connection: asyncpg.Connection) -> bool:
    heard = asyncio.Event()
    try:
        await connection.add_listener(_CHANNEL, lambda *_: heard.set())
        await connection.execute(f"NOTIFY {_CHANNEL}")
        async with asyncio.timeout(_LISTEN_SECONDS):
            await heard.wait()
    except (asyncpg.PostgresError, TimeoutError):
        return False
    return True
