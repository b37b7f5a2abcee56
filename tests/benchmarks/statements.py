"""The number of statements that a process sends to its database, whichever of its libraries sends them.

SQLite tells each connection's statements; for PostgreSQL, a relay of its own process counts what clients ask to run.
"""

import mmap
import multiprocessing
import os
import socket
import sqlite3
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SIZE = 8
_HEADER = struct.Struct("!cI")
_LENGTH = struct.Struct("!I")
#: A simple query, and the execution of a prepared one (PostgreSQL, 55.7).
_RUN = frozenset({b"Q", b"E"})
_CHUNK = 1 << 16


class StatementCount:
    """A number in a file that several processes share; each statement of any of them adds one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        if not file.exists():
            file.write_bytes(bytes(_SIZE))
        self._memory = mmap.mmap(os.open(file, os.O_RDWR), _SIZE)
        self._lock = threading.Lock()

    def add(self) -> None:
        """Count one statement."""
        with self._lock:
            self._memory[:] = (self.value + 1).to_bytes(_SIZE, "little")

    @property
    def value(self) -> int:
        """The statements so far."""
        return int.from_bytes(self._memory[:], "little")


@contextmanager
def counting() -> Iterator[StatementCount]:
    """Yield a count that begins at nothing."""
    with tempfile.TemporaryDirectory(prefix="incidentql-statements-") as folder:
        yield StatementCount(Path(folder) / "count")


def count_sqlite(file: Path) -> None:
    """Count the statements of all connections to SQLite that this process makes from now on."""
    count, connect = StatementCount(file), sqlite3.connect

    def note(statement: str) -> None:
        # What triggers run is told as a comment.
        if not statement.startswith("--"):
            count.add()

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(note)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connected  # type: ignore[assignment]


@contextmanager
def counted_sqlite(file: Path) -> Iterator[None]:
    """Count the statements of all connections to SQLite that this process makes in the block."""
    connect = sqlite3.connect
    count_sqlite(file)
    try:
        yield
    finally:
        sqlite3.connect = sqlite3.dbapi2.connect = connect


@contextmanager
def relay(url: str, count: StatementCount) -> Iterator[str]:
    """Yield a URL of the same PostgreSQL database through a relay that counts the statements."""
    before, _, address = url.partition("@")
    host, _, database = address.partition("/")
    name, _, port = host.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = server.getsockname()[1]
        # Of its own, so that its work is none of the measured process.
        process = multiprocessing.get_context("fork").Process(
            target=_serve, args=(server, (name, int(port or 5432)), count.file), daemon=True
        )
        process.start()
    try:
        yield f"{before}@127.0.0.1:{ours}/{database}?sslmode=disable"
    finally:
        process.kill()
        process.join()


def _serve(server: socket.socket, address: tuple[str, int], file: Path) -> None:
    count = StatementCount(file)
    while True:
        client, _ = server.accept()
        upstream = socket.create_connection(address)
        for each in (client, upstream):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_pass_on, args=(client, upstream, count), daemon=True).start()
        threading.Thread(target=_pass_on, args=(upstream, client, None), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, count: StatementCount | None) -> None:
    """Send on all that comes, and count the statements in it."""
    reading = _Messages(count) if count is not None else None
    try:
        while data := source.recv(_CHUNK):
            if reading is not None:
                reading.feed(data)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


class _Messages:
    """A reader of what a client sends: first a message without a type, then those with one."""

    def __init__(self, count: StatementCount) -> None:
        self._count = count
        self._data = bytearray()
        self._has_begun = False

    def feed(self, data: bytes) -> None:
        self._data += data
        if not self._has_begun and len(self._data) >= _LENGTH.size:
            size = _LENGTH.unpack_from(self._data)[0]
            if len(self._data) >= size:
                self._has_begun = True
                del self._data[:size]
        while self._has_begun and len(self._data) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._data)
            if len(self._data) <= length:
                return
            if kind in _RUN:
                self._count.add()
            del self._data[: length + 1]
