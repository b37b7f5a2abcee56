"""The examination of a SQLite file: whether it can be written, locked and kept, and how much room it has."""

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from domain.errors import StartupError
from domain.operating.examining.results import Result, ok, problem, warning
from domain.operating.examining.schemas import examined_revision
from domain.persistence.addresses import PostgresAddress
from domain.persistence.engines import database_url
from domain.persistence.migrate import COMPATIBLE_SINCE
from domain.persistence.sqlite_copies import journal_mode_of, states_of
from domain.settings import Settings

_PART = "database"
_MOUNTS = Path("/proc/self/mounts")
#: File systems over a network, whose locks SQLite cannot rely on (https://www.sqlite.org/faq.html, 5).
_UNLOCKABLE = {
    "nfs",
    "nfs4",
    "cifs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "fuse.sshfs",
    "fuse.s3fs",
    "virtiofs",
}
_LITTLE_BYTES, _LEAST_BYTES = 2 << 30, 256 << 20


async def examine_sqlite(settings: Settings) -> Sequence[Result]:
    """Examine the database, if it is a SQLite file."""
    try:
        url = database_url(settings.database_url)
    except StartupError:
        return []  # told by the examination of settings
    if isinstance(url, PostgresAddress):
        return []
    return await asyncio.to_thread(lambda: list(_examined(Path(url.database or "").absolute())))


def _examined(file: Path) -> Iterator[Result]:
    folder = file.parent
    if not os.access(folder, os.W_OK | os.X_OK) or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        yield problem(_PART, f"{file} or its folder cannot be written.", "Give both to the user of the server.")
    kind = file_system_of(folder)
    if kind in _UNLOCKABLE:
        advice = "Use a disk of this machine, or PostgreSQL."
        yield problem("file system", f"{folder} is on {kind}, over which SQLite cannot lock safely.", advice)
    else:
        yield ok("file system", f"{kind or 'unknown'}, of this machine.")
    yield _room(folder)
    if not file.exists() or not file.stat().st_size:
        yield ok(_PART, f"{file} is not there yet: the first start makes it.")
        return
    yield from _content(file)


def _content(file: Path) -> Iterator[Result]:
    try:
        revision, states = states_of(file)
        mode = journal_mode_of(file)
    except StartupError as error:
        yield problem(_PART, error.message, "Restore a backup: `incidentql restore`.")
        return
    yield ok(_PART, f"{file}, {file.stat().st_size:,} bytes, can be read.")
    if mode != "wal":
        yield ok("journal", f"{mode}: the next start switches it to WAL.")
    else:
        yield ok("journal", "WAL: readers and a writer do not wait for each other.")
    yield examined_revision(revision, states.get(COMPATIBLE_SINCE))


def _room(folder: Path) -> Result:
    free = shutil.disk_usage(folder).free
    found = f"{free >> 20:,} MB are free at {folder}."
    advice = "Make room, or set retention: EVENT_RETENTION_DAYS, RUN_RETENTION_DAYS."
    if free < _LEAST_BYTES:
        return problem("disk", found, advice)
    return warning("disk", found, advice) if free < _LITTLE_BYTES else ok("disk", found)


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the kind of file system that a folder is on; None where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = folder.resolve(), -1, None
    for line in lines:
        _, at, name, *_ = line.split(" ")
        # Spaces and such are written in octal.
        place = Path(at.encode().decode("unicode_escape"))
        if (resolved == place or place in resolved.parents) and len(place.parts) >= best:
            best, kind = len(place.parts), name
    return kind
