"""Lines of the log for operations that took long: a few a minute, because a slow server has many of them."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

#: So many a minute are told one by one.
_MOST = 10
_MINUTE_SECONDS = 60.0


class Timed(Protocol):
    """An operation that has ended."""

    #: Its type, and its name in its document.
    kind: str
    name: str | None
    #: Its points.
    cost: int
    #: When it began to run, by `time.perf_counter`; 0 where it was refused before.
    run_at: float
    is_compiled: bool


@dataclass(slots=True, kw_only=True)
class AtOnce:
    """A query that was answered without waiting."""

    name: str | None
    cost: int
    kind: str = "query"
    run_at: float = 0.0
    is_compiled: bool = True
    user_errors: tuple[str, ...] = ()


class SlowOperations:
    """The operations that took longer than a bound; nothing of their texts, variables and callers is logged."""

    def __init__(self, millis: float, now: Callable[[], float] = time.monotonic) -> None:
        #: What takes so many seconds is slow.
        self.seconds = millis / 1000 if millis > 0 else float("inf")
        self._now = now
        self._since = -_MINUTE_SECONDS
        self._told = 0
        self._untold = 0

    def note(self, operation: Timed, seconds: float, *, began: float) -> None:
        """Log an operation that took long, unless there were many in this minute."""
        now = self._now()
        if now - self._since >= _MINUTE_SECONDS:
            if self._untold:
                logger.warning("%s more operations were slow", self._untold)
            self._since, self._told, self._untold = now, 0, 0
        if self._told >= _MOST:
            self._untold += 1
            return
        self._told += 1
        checked = max(0.0, operation.run_at - began) if operation.run_at else 0.0
        logger.warning(
            "slow %s %s: %.0f ms, of which %.0f ms before it ran, %s, %s points",
            operation.kind,
            operation.name or "without a name",
            seconds * 1000,
            checked * 1000,
            "compiled" if operation.is_compiled else "by the executor",
            operation.cost,
            extra={"operation": operation.name, "millis": round(seconds * 1000, 1)},
        )
