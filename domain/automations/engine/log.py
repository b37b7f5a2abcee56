"""The engine library's log: its lines go where ours go, and an outage is logged once, not at every poll."""

import logging
import re

from dbos import DBOS
from typing_extensions import override

from domain.errors import UnavailableError
from domain.outages import Outage
from domain.persistence.availability import is_outage, reason_of

#: The library logs an error as text, with the name of its class in front.
_OUTAGE = re.compile(
    r"\b(?:OperationalError|InterfaceError|InternalError|QueuePool limit|Database connection failed)\b"
)
#: Where SQLAlchemy says what became of the library's connections, with a traceback.
_POOL = "sqlalchemy.pool.impl.QueuePool"


class OutageFilter(logging.Filter):
    """A filter that drops lines about an outage of the database and reports the outage once instead."""

    def __init__(self, outage: Outage) -> None:
        super().__init__()
        self._outage = outage

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        reason = _outage_in(record)
        if reason is None:
            return True
        self._outage.failed(reason)
        return False


def _outage_in(record: logging.LogRecord) -> str | None:
    """Return the outage that a record is about, by its exception or else by its text.

    The library's driver raises no plain OSError, and what the domain meets is an UnavailableError: so those are faults.
    """
    error = record.exc_info[1] if record.exc_info else None
    while isinstance(error, Exception):
        if isinstance(error, UnavailableError) or (is_outage(error, writing=True) and not isinstance(error, OSError)):
            return reason_of(error)
        error = error.__cause__
    message = record.getMessage()
    return message.splitlines()[0] if _OUTAGE.search(message) else None


def take_over_log(outage: Outage) -> None:
    """Send the library's log lines to our log; the last caller's outage gets the reports."""
    library, condensing = DBOS.logger, OutageFilter(outage)
    library.handlers.clear()
    library.propagate = True
    library.setLevel(logging.WARNING)
    for log in (library, logging.getLogger(_POOL)):
        log.filters.clear()
        log.addFilter(condensing)
