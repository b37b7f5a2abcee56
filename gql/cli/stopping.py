"""A deadline for stopping the server."""

import logging
import os
import threading

logger = logging.getLogger(__name__)

#: Container runtimes kill a process that has not stopped after 30 s, without a log line. Requests get half of that.
STOP_SECONDS = 20.0
#: How long the last line of the log may take: where nobody reads the log any more, it would take for ever.
_LAST_LINE_SECONDS = 1.0
_TOO_LATE = 1


def end_in_time() -> None:
    """End the process with an error code if it does not stop by itself before the deadline.

    A database that does not answer keeps its transactions, its pool and the threads of the automations waiting, and no
    cancelling gets through to all of them. What was acknowledged is committed; the rest the database rolls back.
    """
    # In threads of their own, because the event loop may hang as well. Daemon threads keep no process alive.
    for timer in (threading.Timer(STOP_SECONDS, _end), threading.Timer(STOP_SECONDS + _LAST_LINE_SECONDS, _exit)):
        timer.daemon = True
        timer.start()


def _end() -> None:
    logger.error(
        "stopping took longer than %g s, perhaps because the database does not answer: it ends now", STOP_SECONDS
    )
    logging.shutdown()
    _exit()


def _exit() -> None:
    os._exit(_TOO_LATE)
