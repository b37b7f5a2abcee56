"""Copies of SQLite files: of one moment while others write, and put in the place of a file that no program has open."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from domain.errors import StartupError
from domain.persistence.places import place_of

#: The bytes that each connection to a file in WAL mode has locked (https://www.sqlite.org/lockingv3.html).
_SHARED_FROM, _SHARED_BYTES = 0x40000002, 510
_STATES = "SELECT name, value FROM server_state"
_PUT = "INSERT INTO server_state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def copy_file(source: Path, target: Path, states: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write a copy of one moment to a new file, with further states in it, and wait until it is on the disk.

    Raises:
        StartupError: one of the files cannot be read or written.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(_read_only(source)) as connection:
            # Unlike a copy of pages it has nothing of rows that were deleted, and writers go on meanwhile.
            connection.execute("VACUUM INTO ?", [str(target)])
        with closing(sqlite3.connect(target)) as connection, connection:
            connection.executemany(_PUT, list(states.items()))
    except sqlite3.Error as error:
        raise StartupError(f"{source} cannot be copied: {error}") from error
    sync(target)


def states_of(file: Path) -> tuple[str | None, dict[str, str]]:
    """Return the revision of the schema in a file, None without a schema, and the states that are kept there.

    Raises:
        StartupError: it is no SQLite file.
    """
    try:
        with closing(_read_only(file)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchall():
                return None, {}
            [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return revision, dict(connection.execute(_STATES).fetchall())
    except sqlite3.DatabaseError as error:
        raise StartupError(f"{file} cannot be read: {error}") from error


def check_file(file: Path) -> None:
    """Read a file to its end.

    Raises:
        StartupError: it is damaged.
    """
    try:
        with closing(_read_only(file)) as connection:
            [damage] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        damage = str(error)
    if damage != "ok":
        raise StartupError(f"{file} is damaged: {damage}")


def go_on(file: Path, *, now: datetime, without: str) -> None:
    """Have the log in a file go on at places of the present, and drop a state; wait until that is on the disk."""
    with closing(sqlite3.connect(file)) as connection, connection:
        [head] = connection.execute("SELECT coalesce(max(seq), 0) FROM changes").fetchone()
        place = place_of(now, head=head)
        connection.execute("DELETE FROM server_state WHERE name = ?", [without])
        connection.execute("DELETE FROM sqlite_sequence WHERE name = 'changes'")
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', ?)", [place])
    sync(file)


@contextmanager
def closed_to_others(file: Path) -> Iterator[None]:
    """Keep a file for this process alone, with all that was written to it in the file itself.

    Raises:
        StartupError: another program has it open.
    """
    if not file.exists():
        yield
        return
    _write_back(file)
    descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_FROM)
        except OSError as error:
            raise StartupError(f"{file} is in use. Stop its servers, and close other programs on it.") from error
        yield
    finally:
        os.close(descriptor)


def put_in_place(file: Path, target: Path) -> None:
    """Put a file in the place of another one, which others see whole at any time, also after a loss of power."""
    for ending in ("-wal", "-shm", "-journal"):
        # Of a file that could not be read; what it has would be written into the new one.
        with suppress(FileNotFoundError):
            Path(f"{target}{ending}").unlink()
    file.replace(target)
    _sync_folder(target.parent)


def sync(file: Path) -> None:
    """Wait until a file is on the disk."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _write_back(file: Path) -> None:
    """Write the write-ahead log back, where the file is one that can be read and that no other program has open."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(file, timeout=0)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system has it for folders
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, timeout=10)


def journal_mode_of(file: Path) -> str:
    """Return how a file is written: `wal`, or `delete` and others before its first start.

    Raises:
        StartupError: it cannot be read.
    """
    try:
        with closing(_read_only(file)) as connection:
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise StartupError(f"{file} cannot be read: {error}") from error
