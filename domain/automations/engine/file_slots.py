"""Slots of processes that share a SQLite file."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


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
