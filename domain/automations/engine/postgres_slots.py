"""Slots of processes that share a PostgreSQL database."""

import time
from contextlib import suppress

import asyncpg

from domain.persistence.addresses import PostgresAddress, connect

_LOCK_CLASS = 0x1C1DE29
_ANSWER_SECONDS = 5.0
_IS_PRIMARY = "SELECT current_setting('transaction_read_only') = 'off'"
#: A session whose server is gone mostly says so by itself; it is asked only so often.
_ASK_SECONDS = 10.0


class PostgresSlots:
    """Slots of processes that share a PostgreSQL database: advisory locks of a session of their own."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._connection: asyncpg.Connection | None = None
        self._asked_at = float("-inf")

    async def take(self, slot: int) -> bool:
        """Lock a slot; return False while another process has it."""
        connection = await self._connected()
        return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _LOCK_CLASS, slot))

    async def keep(self, slot: int) -> bool:
        """Return whether a slot is still held; a lost one is taken again, unless another process has it."""
        if self._connection is not None and not self._connection.is_closed():
            if time.monotonic() - self._asked_at < _ASK_SECONDS:
                return True
            self._asked_at = time.monotonic()
            try:
                # The locks live as long as the session: if it answers, they do.
                is_primary = await self._connection.fetchval(_IS_PRIMARY, timeout=_ANSWER_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                is_primary = False
            if is_primary:
                return True
            # On a server that accepts no writes any more, locks keep nobody away: others have left it.
            self._connection.terminate()
        return await self.take(slot)

    async def give(self, slot: int) -> None:
        """Release a slot."""
        connection = await self._connected()
        await connection.fetchval("SELECT pg_advisory_unlock($1, $2)", _LOCK_CLASS, slot)

    async def close(self) -> None:
        """Release all slots."""
        if self._connection is not None:
            with suppress(Exception):
                await self._connection.close(timeout=2)

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._address, application_name="incidentql")
        return self._connection
