"""The connection to SQLite and the spelling of values, shared by the peers in Python. No framework."""

import base64
import sqlite3
import time
import uuid

SEVERITIES = (None, "MINOR", "MAJOR", "CRITICAL")
RANKS = {"MINOR": 1, "MAJOR": 2, "CRITICAL": 3}
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "cache_size=-65536",
    "temp_store=MEMORY",
    "busy_timeout=5000",
    "foreign_keys=ON",
)


def connect(file: str) -> sqlite3.Connection:
    """One connection for reads and writes, as durable as ours."""
    database = sqlite3.connect(file, isolation_level=None, cached_statements=512, check_same_thread=False)
    for pragma in PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    return database


def moment(stored: str) -> str:
    """A stored time, such as `2026-11-28 21:26:51.373000`, as the API spells it."""
    return f"{stored[:10]}T{stored[11:23]}Z"


def stored_moment(moment: str) -> str:
    """A time of the API as it is stored."""
    return f"{moment[:10]} {moment[11:23]}000"


def now() -> str:
    """This moment as the API spells it."""
    nanos = time.time_ns()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(nanos // 1_000_000_000))}.{nanos // 1_000_000 % 1000:03d}Z"


def new_id(prefix: str) -> str:
    """A fresh id that sorts after earlier ones and is as long as ours."""
    return f"{prefix}_{time.time_ns():016x}{uuid.uuid4().hex[:10]}"


def cursor_of(created_at: str, identifier: str) -> str:
    """Return the place of an incident in a list by creation; the moment as the API spells it."""
    return base64.urlsafe_b64encode(f"{created_at}|{identifier}".encode()).decode()


def position_of(cursor: str) -> tuple[str, str]:
    """The stored moment and the id that a cursor names."""
    created_at, identifier = base64.urlsafe_b64decode(cursor).decode().split("|")
    return stored_moment(created_at), identifier
