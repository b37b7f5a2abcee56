"""What the log says of an outage: a line when it begins and a line when it is over; what lies between is for DEBUG."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import UnavailableError

logger = logging.getLogger(__name__)

#: An outage is over when nothing failed for so long: while some get through and some do not, it goes on.
_QUIET_SECONDS = 2.0


class Outage:
    """One part that the server needs, which may be away for a while."""

    def __init__(self, part: str, *, quiet_seconds: float | None = None) -> None:
        self._part = part
        self._quiet_seconds = quiet_seconds
        self._began: float | None = None
        self._failed = 0.0
        #: When it did its work again, for the first time since it last failed.
        self._worked: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether the part is away, as far as is known."""
        return self._began is not None

    def failed(self, reason: object) -> None:
        """Hear that the part did not do its work; the first time is logged."""
        self._failed = time.monotonic()
        self._worked = None
        if self._began is None:
            self._began = self._failed
            logger.error("%s is not available: %.200s", self._part, reason)
        else:
            logger.debug("%s is still not available: %s", self._part, reason)

    def works(self) -> None:
        """Hear that the part does its work; where it was away and nothing fails any more, that is logged."""
        if self._began is None:
            return
        now = time.monotonic()
        self._worked = now if self._worked is None else self._worked
        if now - self._failed >= (_QUIET_SECONDS if self._quiet_seconds is None else self._quiet_seconds):
            logger.warning("%s is available again, after %.1f s", self._part, self._worked - self._began)
            self._began = None


@contextmanager
def going_on(log: logging.Logger, message: str, *arguments: object) -> Iterator[None]:
    """Log a failure of what is done in here, and go on behind it; an outage is in the log already."""
    try:
        yield
    except UnavailableError:
        log.debug(message, *arguments, exc_info=True)
    except Exception:
        log.exception(message, *arguments)
