"""Log lines for outages: one when an outage begins and one when it is over, the rest at DEBUG."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import UnavailableError

logger = logging.getLogger(__name__)

#: An outage is over when nothing failed for so long; while only some requests succeed, it continues.
_QUIET_SECONDS = 2.0


class Outage:
    """The availability of one part that the server needs."""

    def __init__(self, part: str, *, quiet_seconds: float | None = None) -> None:
        self._part = part
        self._quiet_seconds = quiet_seconds
        self._began: float | None = None
        self._failed = 0.0
        #: When it first succeeded since its last failure.
        self._worked: float | None = None
        #: Why it was unavailable last.
        self.reason = ""
        #: How many outages have begun.
        self.count = 0

    @property
    def is_on(self) -> bool:
        """Return whether the part is known to be unavailable."""
        return self._began is not None

    def failed(self, reason: object) -> None:
        """Note a failure of the part; the first one is logged."""
        self._failed = time.monotonic()
        self._worked = None
        self.reason = str(reason)
        if self._began is None:
            self._began = self._failed
            self.count += 1
            logger.error("%s is not available: %.200s", self._part, reason)
        else:
            logger.debug("%s is still not available: %s", self._part, reason)

    def works(self) -> None:
        """Note a success of the part; the end of an outage is logged once failures have stopped for a while."""
        if self._began is None:
            return
        now = time.monotonic()
        self._worked = now if self._worked is None else self._worked
        if now - self._failed >= (_QUIET_SECONDS if self._quiet_seconds is None else self._quiet_seconds):
            logger.warning("%s is available again, after %.1f s", self._part, self._worked - self._began)
            self._began = None


@contextmanager
def logging_failures(log: logging.Logger, message: str, *arguments: object) -> Iterator[None]:
    """Log a failure of the block and continue after it; during an outage only at DEBUG."""
    try:
        yield
    except UnavailableError:
        log.debug(message, *arguments, exc_info=True)
    except Exception:
        log.exception(message, *arguments)
