"""Several processes of one server: started, watched, replaced and stopped by one that serves nothing itself.

They are forked from a process that has imported everything, so that they share that memory. Each has a listening socket
of its own, among which the kernel spreads connections; the parent keeps it open, so that what comes while a process is
replaced waits for the next one instead of being refused.
"""

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from domain.messaging.siblings import SERVES, WAKE, url_of
from domain.messaging.wakeups import ALONE
from domain.settings import Settings
from gql.cli.stopping import STOP_SECONDS

logger = logging.getLogger(__name__)

#: How long a process that ended waits for its next start, by how often it ended soon after one.
_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
#: A process that ran for so long did not fail at its start.
_STEADY_SECONDS = 30.0
#: Each ends by itself in time; if it is frozen, it is killed.
_KILL_SECONDS = STOP_SECONDS + 5
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_FAILED = 1
_AFTER_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Place:
    """The place of one process among several: what it has from its parent."""

    number: int
    #: None where the processes do not serve HTTP.
    listening: socket.socket | None
    #: The address of the broadcaster between the processes.
    siblings: str
    #: Whether it is the first process of this start, which says what there is to say.
    greets: bool
    _up: socket.socket

    def serves(self) -> None:
        """Tell the parent that the process serves."""
        self._up.send(SERVES)


def settings_of_worker(settings: Settings, place: Place) -> Settings:
    """Return the settings of one process: where nothing else wakes them, they wake each other through their parent."""
    is_alone = settings.broadcast_url == ALONE
    return replace(settings, broadcast_url=place.siblings) if is_alone else settings


@dataclass(slots=True)
class _Worker:
    """A process, or the place of one."""

    number: int
    listening: socket.socket | None
    #: Datagrams between the parent and the process; the parent keeps both ends, for the next process.
    ours: socket.socket
    theirs: socket.socket
    pid: int | None = None
    started: float = 0.0
    starts_at: float | None = 0.0
    failures: int = 0
    code: int = 0


@dataclass(slots=True)
class Workers:
    """The processes and the parent's loop; `main` is what each of them does, and returns its exit code."""

    main: Callable[[Place], int]
    count: int
    listening: Sequence[socket.socket] = ()
    #: How long each goes on once it is asked to stop; asked again, it stops.
    drain_seconds: float = 0.0
    _workers: list[_Worker] = field(default_factory=list)
    _lifeline: tuple[int, int] = (-1, -1)
    _serves: bool = False
    _kills_at: float | None = None

    def run(self) -> int:
        """Run until a signal comes; return the exit code: that of the first process if it never served."""
        for number in range(self.count):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            ours.settimeout(0)
            self._workers.append(_Worker(number, self.listening[number] if self.listening else None, ours, theirs))
        self._lifeline = os.pipe()
        with _receiving() as signals:
            while not self._is_over():
                self._start_due()
                self._wait(signals)
                self._reap()
                self._kill_late()
        return max((worker.code for worker in self._workers), default=0) if self._serves else self._workers[0].code

    def _is_over(self) -> bool:
        is_stopping = self._kills_at is not None
        return is_stopping and all(worker.pid is None for worker in self._workers)

    # --- starting

    def _start_due(self) -> None:
        now = time.monotonic()
        # The first one alone, because it migrates the database and makes the first token.
        for worker in self._workers if self._serves else self._workers[:1]:
            if worker.pid is None and worker.starts_at is not None and worker.starts_at <= now:
                self._start(worker, now)

    def _start(self, worker: _Worker, now: float) -> None:
        greets = not self._serves and worker.number == 0
        place = Place(worker.number, worker.listening, url_of(worker.theirs), greets, worker.theirs)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        # What comes before the process has its own handlers would be lost.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            self._become(worker, place, mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        worker.pid, worker.started, worker.starts_at = pid, now, None

    def _become(self, worker: _Worker, place: Place, mask: set[int | signal.Signals]) -> NoReturn:
        code = _FAILED
        try:
            # A terminal's Ctrl-C is for the parent, which tells its processes.
            os.setpgid(0, 0)
            for number in _SIGNALS:
                signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(self._lifeline[1])
            threading.Thread(target=_follow, args=(self._lifeline[0],), daemon=True).start()
            for other in self._workers:
                other.ours.close()
                if other is not worker:
                    other.theirs.close()
                    if other.listening is not None:
                        other.listening.close()
            code = self.main(place)
        except SystemExit as ending:
            code = ending.code if isinstance(ending.code, int) else _FAILED
        except BaseException:  # the process ends here, whatever it was
            logger.exception("worker %d failed", worker.number)
        finally:
            with suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    # --- waiting

    def _wait(self, signals: socket.socket) -> None:
        by_file = {worker.ours.fileno(): worker for worker in self._workers}
        watched: list[int | socket.socket] = [signals, *by_file]
        ready, _, _ = select.select(watched, [], [], self._timeout())
        if signals in ready:
            with suppress(BlockingIOError):
                come = signals.recv(64)
                if any(number != signal.SIGCHLD for number in come):
                    self._stop()
        told = b"".join(_told(by_file[file].ours) for file in ready if isinstance(file, int))
        if SERVES in told:
            self._serves = True
        if WAKE in told:
            self._wake_all()

    def _timeout(self) -> float | None:
        moments = [worker.starts_at for worker in self._workers if worker.pid is None and worker.starts_at is not None]
        if self._kills_at is not None:
            moments.append(self._kills_at)
        if not self._serves:
            moments = [moment for moment in moments if moment > 0]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _wake_all(self) -> None:
        # The sender as well: by what comes back it knows that the parent is there.
        for worker in self._workers:
            with suppress(BlockingIOError):
                worker.ours.send(WAKE)

    # --- ending

    def _reap(self) -> None:
        for worker in self._workers:
            if worker.pid is None:
                continue
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid == 0:
                continue
            # As a shell says it: 137 is SIGKILL.
            code = os.waitstatus_to_exitcode(status)
            worker.pid, worker.code = None, _AFTER_SIGNAL - code if code < 0 else code
            if self._kills_at is None:
                self._replace(worker)
            elif code == -signal.SIGTERM:
                # It was still starting, and did not take requests yet.
                worker.code = 0

    def _replace(self, worker: _Worker) -> None:
        if not self._serves:
            # The first start failed, and the process said why.
            self._kills_at = time.monotonic()
            return
        now = time.monotonic()
        worker.failures = 0 if now - worker.started > _STEADY_SECONDS else worker.failures + 1
        pause = _PAUSES[min(worker.failures, len(_PAUSES) - 1)]
        worker.starts_at = now + pause
        logger.error("worker %d ended by itself (code %d); the next starts in %g s", worker.number, worker.code, pause)

    def _stop(self) -> None:
        if self._kills_at is None:
            self._kills_at = time.monotonic() + self.drain_seconds + _KILL_SECONDS
        for worker in self._workers:
            worker.starts_at = None
            # Nobody accepts what comes from now on.
            if worker.listening is not None:
                worker.listening.close()
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        if self._kills_at is not None and time.monotonic() >= self._kills_at:
            for worker in self._workers:
                if worker.pid is not None:
                    os.kill(worker.pid, signal.SIGKILL)
            self._kills_at = time.monotonic() + 1.0


def _told(ours: socket.socket) -> bytes:
    told = b""
    with suppress(BlockingIOError):
        while True:
            told += ours.recv(1)
    return told


def _follow(lifeline: int) -> None:
    """End this process in order when the parent is gone: nothing is ever written, so the end of the file is its end."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _receiving() -> Generator[socket.socket, None, None]:
    """Yield a socket that gets the number of each signal."""
    receiving, sending = socket.socketpair()
    receiving.settimeout(0)
    sending.settimeout(0)
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    file = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
    try:
        yield receiving
    finally:
        signal.set_wakeup_fd(file)
        for number, handler in before.items():
            signal.signal(number, handler)
        receiving.close()
        sending.close()
