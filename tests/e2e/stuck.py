"""Processes that hang while they stop, because nobody reads their log."""

import logging
import os
import signal
import threading
from typing import Any, cast

from gql.cli import running, server, stopping

#: The code of their end by the deadline: a failure of Python would end them with another one.
CODE = 77
_HANGING_SECONDS = 60


def stop_with_a_held_log() -> None:
    """Stop while a handler's lock is held: for as long as a write takes, and to a full pipe until somebody reads."""
    _hurry()
    logging.basicConfig()
    logging.getLogger().handlers[0].acquire()
    stopping.end_in_time()
    threading.Event().wait(_HANGING_SECONDS)


def stop_with_a_hanging_loop() -> None:
    """Stop while the event loop waits for a line of its log, and takes no note of any signal."""
    _hurry()
    running.run(_hang())


async def _hang() -> None:
    with server.Server(cast("Any", None), on_serving=cast("Any", None), on_closing=cast("Any", None)).capture_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(_HANGING_SECONDS)


def _hurry() -> None:
    stopping.STOP_SECONDS = 0.1
    stopping._TOO_LATE = CODE
