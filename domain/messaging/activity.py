"""A check for polls: whether the database may have changed since the last one."""

import time
from collections.abc import Callable

from domain.messaging.tail import LogTail

#: On PostgreSQL only the log says that something was committed: what is written beside it comes within this time.
_AFTERWARDS_SECONDS = 10.0


class Activity:
    """The activity in the database as one poll sees it, by the tail's polls alone: a poll that has news costs nothing.

    In an idle database there is none but once in a while, which makes up for what the log does not show.
    """

    def __init__(self, tail: LogTail, *, rest_seconds: float, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._tail = tail
        self._rest_seconds = rest_seconds
        self._elapsed = elapsed
        self._seen = -1
        self._moved_at = self._polled_at = float("-inf")

    def is_due(self) -> bool:
        """Return whether the poll has to be made now."""
        now = self._elapsed()
        if self._tail.moves != self._seen:
            self._seen = self._tail.moves
            self._moved_at = now
        if now - self._moved_at > _AFTERWARDS_SECONDS and now - self._polled_at < self._rest_seconds:
            return False
        self._polled_at = now
        return True
