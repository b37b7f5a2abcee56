"""A watch on SQLite's write-ahead log, which grows without bound while a reader keeps an old snapshot."""

import logging
import time
from pathlib import Path

logger = logging.getLogger(__name__)

#: The size to which SQLite truncates its log when it restarts it, after a complete checkpoint.
KEPT_BYTES = 64 << 20
#: Far more than a page of writes between two checkpoints takes, and little for a disk.
_LARGE_BYTES = 256 << 20
_LOOK_SECONDS = 1.0


class WriteAheadLog:
    """A check that logs when the file has grown large, and when it is small again.

    The file is checked after commits, which alone make it grow, once a second at most: an idle process never checks.
    """

    def __init__(self, database: Path, *, large_bytes: int = _LARGE_BYTES, look_seconds: float = _LOOK_SECONDS) -> None:
        self._file = Path(f"{database}-wal")
        self._large_bytes = large_bytes
        self._look_seconds = look_seconds
        self._looked_at = float("-inf")
        self._is_large = False

    def written(self) -> None:
        """Note a commit, and check the file at most once a second."""
        now = time.monotonic()
        if now - self._looked_at >= self._look_seconds:
            self._looked_at = now
            self._look()

    def _look(self) -> None:
        try:
            size = self._file.stat().st_size
        except OSError:
            return
        if size > self._large_bytes and not self._is_large:
            self._is_large = True
            logger.warning(
                "%s has grown to %d MB: some program reads the database in one long transaction, which keeps the log "
                "from being written back; end it before the disk is full",
                self._file,
                size >> 20,
            )
        elif self._is_large and size <= min(KEPT_BYTES, self._large_bytes):
            self._is_large = False
            logger.warning("%s is small again: %d MB", self._file, size >> 20)
