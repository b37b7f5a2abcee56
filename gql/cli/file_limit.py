"""The limit on open files, and the number of connections that fit into it."""

import logging
import resource
from dataclasses import dataclass

logger = logging.getLogger(__name__)

#: Files in reserve: for the database, its log and key, calls that automations make, and a burst of new connections
#: that are accepted before any of them can be counted.
_LEAST_RESERVE, _MOST_RESERVE = 128, 1024
_FEWEST = 16


@dataclass(frozen=True, slots=True)
class FileLimit:
    """The number of files that this process may have open; None means no limit."""

    files: int | None

    def room(self, *, wanted: int) -> int:
        """Return the number of connections that fit beside the reserve, at most `wanted`."""
        if self.files is None:
            return wanted
        reserve = min(max(self.files // 4, _LEAST_RESERVE), _MOST_RESERVE)
        return min(wanted, max(_FEWEST, self.files - reserve))

    def warn(self, *, wanted: int) -> None:
        """Log a warning where fewer connections fit than are wanted."""
        if self.files is not None and self.files < wanted:
            room = self.room(wanted=wanted)
            logger.warning("%d open files leave room for %d connections, not %d", self.files, room, wanted)


def raise_file_limit() -> FileLimit:
    """Raise the limit as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (ValueError, OSError):  # some systems name a hard limit that they do not grant
            logger.debug("the limit of open files stays at %d", soft)
    return FileLimit(None if soft == resource.RLIM_INFINITY else soft)
