"""Tells a database that is away, locked or full for a while from a fault of ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_SQLITE_CODES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
#: Extended result codes have the primary one in their lowest byte (https://www.sqlite.org/rescode.html).
_PRIMARY = 0xFF
#: Lost connection, rolled back for others' sake, out of resources, locked, told to go (PostgreSQL, appendix A).
_POSTGRES_CLASSES = {"08", "40", "53", "55", "57"}


class DatabaseAwayError(Exception):
    """The database cannot do now what it could do a moment ago; the same may go through later."""


@contextmanager
def telling_outages() -> Iterator[None]:
    """Have failures of the database itself raised as DatabaseAwayError; all others stay as they are."""
    try:
        yield
    except Exception as error:
        if is_outage(error):
            raise DatabaseAwayError(str(error)) from error
        raise


def is_outage(error: Exception) -> bool:
    """Whether it is the database itself that failed."""
    # Connecting to PostgreSQL raises the first two as they are.
    if isinstance(error, OSError | TimeoutError | PoolTimeoutError):
        return True
    cause: Any = error
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = error.orig
    code, state = getattr(cause, "sqlite_errorcode", None), getattr(cause, "sqlstate", None)
    return (code is not None and code & _PRIMARY in _SQLITE_CODES) or (state or "")[:2] in _POSTGRES_CLASSES
