"""The distinction between a database that is away, locked or full, and a fault of this code."""

import sqlite3
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
}
#: What the drivers raise by themselves, all of which the engines know how to meet.
DRIVER_ERRORS = (
    sqlite3.Error,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    UnicodeEncodeError,
)
#: Extended result codes have the primary one in their lowest byte (https://www.sqlite.org/rescode.html).
_PRIMARY = 0xFF
#: Connection lost, authorization refused, no such database (any more), rolled back by a conflict, out of resources,
#: locked, terminated by an operator, system error (PostgreSQL, appendix A).
_POSTGRES_CLASSES = {"08", "28", "3D", "40", "53", "55", "57", "58"}
#: In a read it is a fault of this code; in a write, the server is a standby, or its disk accepts no writes.
READ_ONLY_STATE = "25006"


def is_outage(error: Exception, *, writing: bool = False) -> bool:
    """Return whether the database itself failed, for a read or for a write."""
    # SQLAlchemy's pool raises the first when it finds that all its connections were lost.
    if isinstance(error, DisconnectionError):
        return True
    # Connecting to PostgreSQL raises these as they are, and a closed or broken connection the last two.
    if isinstance(
        error, OSError | TimeoutError | PoolTimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError
    ):
        return True
    cause: Any = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    if code is None and state is None:
        # psycopg has no better error for a server that does not answer.
        return isinstance(error, OperationalError) and not isinstance(cause, sqlite3.Error)
    if writing and (state == READ_ONLY_STATE or _primary(code) == sqlite3.SQLITE_READONLY):
        return True
    return _primary(code) in _SQLITE_CODES or (state or "")[:2] in _POSTGRES_CLASSES


def state_of(error: Exception) -> str | None:
    """Return PostgreSQL's code for an error, whether the driver or SQLAlchemy raised it."""
    state: str | None = getattr(getattr(error, "orig", error), "sqlstate", None)
    return state


def _primary(code: int | None) -> int | None:
    return code & _PRIMARY if code is not None else None


def reason_of(error: Exception) -> str:
    """Return the database's or driver's message in one line, without the statement."""
    if isinstance(error, PoolTimeoutError):
        return "no connection became free in time"
    cause = getattr(getattr(error, "orig", None), "__cause__", None)
    if isinstance(error, asyncpg.InternalClientError) or isinstance(cause, asyncpg.InternalClientError):
        # Its text is about the driver's states, when a connection is lost between two of them.
        return "the connection was lost"
    text = str(getattr(error, "orig", None) or error).strip()
    return text.splitlines()[0].split(">: ")[-1] if text else type(error).__name__
