"""The engine library's log: its lines go where ours go, and an outage is logged once, not at every poll."""

import logging
import re

from dbos import DBOS
from typing_extensions import override

from domain.outages import Outage

#: The library logs an error as text, with the name of its class in front.
_OUTAGE = re.compile(
    r"\b(?:OperationalError|InterfaceError|InternalError|QueuePool limit|Database connection failed)\b"
)


class OutageFilter(logging.Filter):
    """A filter that drops lines about an outage of the database and reports the outage once instead."""

    def __init__(self, outage: Outage) -> None:
        super().__init__()
        self._outage = outage

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _OUTAGE.search(message) is None:
            return True
        self._outage.failed(message.splitlines()[0])
        return False


def take_over_log(outage: Outage) -> None:
    """Send the library's log lines to our log; the last caller's outage gets the reports."""
    library = DBOS.logger
    library.handlers.clear()
    library.filters.clear()
    library.addFilter(OutageFilter(outage))
    library.propagate = True
    library.setLevel(logging.WARNING)
