"""A look at the replicas of a database before a start."""

import asyncio
from collections.abc import Sequence

import asyncpg

from domain.errors import StartupError
from domain.persistence.addresses import PostgresAddress
from domain.persistence.postgres_copies import looking_at
from domain.persistence.replica import CURSOR_KEY, Replica, UnfitError

_PRESENT = """
SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bigint) AS written,
    (SELECT value FROM server_state WHERE name = $1) AS key
"""
_ANOTHER = "it is one of another database"


async def look_at_replicas(
    primary: PostgresAddress, addresses: Sequence[PostgresAddress]
) -> Sequence[tuple[str, int | str]]:
    """Return the name of each replica with how many bytes it is behind, or why it would not be used.

    Raises:
        StartupError: the primary cannot be reached.
    """
    async with looking_at(primary) as connection:
        try:
            present = await connection.fetchrow(_PRESENT, CURSOR_KEY)
        except asyncpg.PostgresError as error:
            raise StartupError(f"The database cannot be looked at: {error}") from error
    return await asyncio.gather(*(_look_at(address, **present) for address in addresses))


async def _look_at(address: PostgresAddress, *, written: int, key: str) -> tuple[str, int | str]:
    replica = Replica(address, connections=1)
    try:
        look = await replica.look()
    except UnfitError as error:
        return replica.name, str(error)
    finally:
        await replica.close()
    return replica.name, max(0, written - look.replayed) if look.states.get(CURSOR_KEY) == key else _ANOTHER
