"""A database that is away for as long as a test wants."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from domain.persistence.database import Database


class Away:
    """A switch that makes reads and writes of all databases fail below the layer that classifies errors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reading: Exception | None = None
        self.writing: Exception | None = None
        #: How many writes fail, before they go through again; None is all of them.
        self.left: int | None = None
        read, attempt = Database._read, Database._attempt

        async def reading(database: Database, work: Any) -> Any:
            if self.reading is not None:
                raise self.reading
            return await read(database, work)

        async def writing(database: Database, work: Any, *, joins: bool) -> Any:
            if self.writing is not None and self.left != 0:
                self.left = self.left - 1 if self.left is not None else None
                raise self.writing
            return await attempt(database, work, joins=joins)

        monkeypatch.setattr(Database, "_read", reading)
        monkeypatch.setattr(Database, "_attempt", writing)
        # An outage is over once nothing failed for a while, for which tests must not wait.
        monkeypatch.setattr("domain.outages._QUIET_SECONDS", 0.0)
        monkeypatch.setattr("domain.persistence.recovery._CHECK_SECONDS", 0.01)

    def begin(self, error: Exception | None = None) -> None:
        """Let all reads and writes fail from now on."""
        self.reading = self.writing = error or ConnectionRefusedError("no server listens")

    def end(self) -> None:
        """Let all reads and writes succeed again."""
        self.reading = self.writing = None


def locked() -> Exception:
    """Return SQLite's error while another program holds the file."""
    return sqlite_error(sqlite3.SQLITE_BUSY, "database is locked")


def sqlite_error(code: int, message: str) -> Exception:
    """Return an error of SQLite as it reaches the database layer."""
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return OperationalError("BEGIN IMMEDIATE", {}, error)
