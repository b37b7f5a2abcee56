"""The engine library's own log: its lines go where ours go, and an outage is not told at every look."""

import logging
import re

from dbos import DBOS
from typing_extensions import override

from domain.outages import Outage

#: The library writes what it met into the text, with the name of its kind in front.
_TELLS_OF_OUTAGE = re.compile(r"\b(?:OperationalError|InterfaceError|InternalError|QueuePool limit)\b")


class OutageFilter(logging.Filter):
    """Takes lines that tell of an outage out of the log, and has the outage told once instead."""

    def __init__(self, outage: Outage) -> None:
        super().__init__()
        self._outage = outage

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _TELLS_OF_OUTAGE.search(message) is None:
            return True
        self._outage.failed(message.splitlines()[0])
        return False


def take_over_log(outage: Outage) -> None:
    """Have the library's log lines go where ours go; the last who asks hears of outages."""
    library = DBOS.logger
    library.handlers.clear()
    library.filters.clear()
    library.addFilter(OutageFilter(outage))
    library.propagate = True
    library.setLevel(logging.WARNING)
