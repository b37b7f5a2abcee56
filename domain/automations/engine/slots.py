"""Slots: names of worker processes that the operating system or PostgreSQL frees when their owner dies."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import asyncpg

from domain.errors import StartupError
from domain.persistence.addresses import PostgresAddress, connect

SLOTS = 256
_LOCK_CLASS = 0x1C1DE29
_ANSWER_SECONDS = 5.0


class Slots(Protocol):
    """Locks by number; a process's locks end with it, however it ends."""

    async def take(self, slot: int) -> bool:
        """Lock a slot; return False while another process has it."""

    async def keep(self, slot: int) -> bool:
        """Return whether a slot is still held; a lost one is taken again, unless another process has it."""

    async def give(self, slot: int) -> None:
        """Release a slot."""

    async def close(self) -> None:
        """Release all slots."""


class FileSlots:
    """Slots of processes that share a SQLite file: byte locks on a file beside it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + "-slots")
        self._file = self._opened()

    async def take(self, slot: int) -> bool:
        """Lock a slot; return False while another process has it."""
        self._follow_name()
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
        except OSError:
            return False
        return True

    async def keep(self, slot: int) -> bool:
        """Return whether a slot is still held; a lost one is taken again, unless another process has it."""
        # A lock that this process has already is granted again.
        return await self.take(slot)

    async def give(self, slot: int) -> None:
        """Release a slot."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, slot)

    async def close(self) -> None:
        """Release all slots."""
        os.close(self._file)

    def _follow_name(self) -> None:
        """Lock the file that has the name now: the lock on a removed file excludes no later process."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file)):
                return
        os.close(self._file)
        self._file = self._opened()

    def _opened(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class PostgresSlots:
    """Slots of processes that share a PostgreSQL database: advisory locks of a session of their own."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._connection: asyncpg.Connection | None = None

    async def take(self, slot: int) -> bool:
        """Lock a slot; return False while another process has it."""
        connection = await self._connected()
        return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _LOCK_CLASS, slot))

    async def keep(self, slot: int) -> bool:
        """Return whether a slot is still held; a lost one is taken again, unless another process has it."""
        if self._connection is not None and not self._connection.is_closed():
            try:
                # The locks live as long as the session: if it answers, they do.
                await self._connection.fetchval("SELECT 1", timeout=_ANSWER_SECONDS)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                self._connection.terminate()
            else:
                return True
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


async def take_any(slots: Slots) -> int:
    """Take the first free slot, and return it.

    Raises:
        StartupError: all are taken.
    """
    for slot in range(SLOTS):
        if await slots.take(slot):
            return slot
    raise StartupError(f"{SLOTS} processes run automations on this database already; that is the limit.")
