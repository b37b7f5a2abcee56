"""A deadline for stopping the server."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress

logger = logging.getLogger(__name__)

#: Container runtimes kill a process that has not stopped after 30 s, without a log line. Requests get half of that.
STOP_SECONDS = 20.0
#: How long the last line of the log may take: where nobody reads the log any more, it would take for ever.
_LAST_LINE_SECONDS = 1.0
_TOO_LATE = 1
_MOST_SIGNALS = 64


@contextmanager
def stops_in_time(numbers: Iterable[int], *, drain_seconds: float = 0.0) -> Generator[None, None, None]:
    """End the process in time once one of these signals has come, for which the event loop has its handlers.

    Before it begins to stop, it may go on for as long as it drains.
    A handler runs in the loop, which may hang: for the log that nobody reads, for one. So a thread hears of it first.
    """
    receiving, sending = socket.socketpair()
    sending.settimeout(0)
    loop_file = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
    watching = threading.Thread(
        target=_watch, args=(receiving, loop_file, frozenset(numbers), drain_seconds), daemon=True
    )
    watching.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(loop_file, warn_on_full_buffer=False)
        sending.close()
        # It must not write into a file of the loop's that may be another one by then.
        watching.join()


def _watch(receiving: socket.socket, loop_file: int, numbers: Collection[int], drain_seconds: float) -> None:
    is_ending = False
    with receiving:
        while come := receiving.recv(_MOST_SIGNALS):
            with suppress(OSError):
                os.write(loop_file, come)
            if not is_ending and any(number in numbers for number in come):
                is_ending = True
                end_in_time(drain_seconds=drain_seconds)


def end_in_time(*, drain_seconds: float = 0.0) -> None:
    """End the process with an error code if it does not stop by itself before the deadline.

    A database that does not answer keeps its transactions, its pool and the threads of the automations waiting, and no
    cancelling gets through to all of them. What was acknowledged is committed; the rest the database rolls back.
    """
    # In threads of their own, because the event loop may hang as well. Daemon threads keep no process alive.
    most = drain_seconds + STOP_SECONDS
    for timer in (threading.Timer(most, _end), threading.Timer(most + _LAST_LINE_SECONDS, _exit)):
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
