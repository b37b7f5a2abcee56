"""Migrations of a database to this code's schema, safe with several processes starting at once."""

import logging
import secrets
import sqlite3
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from domain.errors import StartupError
from domain.persistence.availability import reason_of
from domain.persistence.engines import Engines
from domain.persistence.files import tighten_database
from domain.persistence.promotions import GO_ON
from domain.persistence.tables import server_state

logger = logging.getLogger(__name__)

#: The name in `server_state` of the oldest revision whose code still works on the schema. A later version wrote it.
COMPATIBLE_SINCE = "compatible_since"
#: The name of the state that says which version of this program was last started on the database.
PROGRAM_VERSION = "program_version"
MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x1C1DE28
_COMPATIBILITY = sa.select(server_state.c.value).where(server_state.c.name == COMPATIBLE_SINCE)


async def migrate(engines: Engines, *, migrations: Path = MIGRATIONS) -> None:
    """Apply every missing migration, all in one transaction.

    A newer schema that has only been expanded is left as it is.

    Raises:
        StartupError: the database cannot be reached or written, or its schema is newer than this code can use.
    """
    try:
        async with engines.writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            is_new = await connection.run_sync(_upgrade, migrations)
            await connection.run_sync(_note_program)
            if connection.dialect.name == "postgresql":
                await connection.exec_driver_sql(GO_ON)
    except (DBAPIError, OSError, sqlite3.Error, TimeoutError) as error:
        raise StartupError(_reason(error)) from error
    if engines.writer.dialect.name == "sqlite":
        if is_new:
            await _write_back(engines)
        # Only once it has proved to be one of our databases, and not another file named by mistake.
        tighten_database(Path(engines.writer.url.database or ""))


async def _write_back(engines: Engines) -> None:
    """Write the new schema from the log back into the file, so that a copy of the file alone has its tables."""
    async with engines.writer.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        # Without SQLAlchemy, which would begin a transaction first. Other readers prevent the log from being emptied.
        await (await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")).close()


def head_revision(migrations: Path = MIGRATIONS) -> str:
    """Return the revision that this code needs."""
    return _revisions(migrations)[-1]


def knows_revision(revision: str | None, migrations: Path = MIGRATIONS) -> bool:
    """Return whether this code has a migration with that revision; None is a database without a schema."""
    return revision is None or revision in _revisions(migrations)


def can_use(revision: str | None, compatible_since: str | None, migrations: Path = MIGRATIONS) -> bool:
    """Return whether this code works on a schema: its own, or a newer one declared compatible with it."""
    if knows_revision(revision, migrations):
        return revision == head_revision(migrations)
    return compatible_since is not None and knows_revision(compatible_since, migrations)


def _upgrade(connection: sa.Connection, migrations: Path) -> bool:
    current = _current_revision(connection)
    if current == head_revision(migrations):
        return False
    if not knows_revision(current, migrations):
        _check_newer(connection, current, migrations)
        return False
    # Alembic takes as long to import as a start on a database that has its schema takes otherwise.
    upgrading = import_module("domain.persistence.upgrading")
    upgrading.upgrade(connection, migrations)
    if current is None:
        # Signs cursors; made here because all processes of a database must share it.
        connection.execute(sa.insert(server_state).values(name="cursor_key", value=secrets.token_hex(32)))
    _note_compatibility(connection, upgrading.head_of(migrations))
    return True


def _current_revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return revision


def _check_newer(connection: sa.Connection, current: str | None, migrations: Path) -> None:
    if not can_use(current, connection.scalar(_COMPATIBILITY), migrations):
        raise StartupError(
            f"The database has a newer schema ({current}) than this version of incidentql knows. Update incidentql."
        )
    logger.info("The database has a newer schema (%s), which this version can use as well.", current)


def _note_compatibility(connection: sa.Connection, head: ModuleType) -> None:
    """Record the compatible revision for older processes, which lack the newest migration."""
    since = getattr(head, COMPATIBLE_SINCE, None)
    connection.execute(sa.delete(server_state).where(server_state.c.name == COMPATIBLE_SINCE))
    if since is not None:
        connection.execute(sa.insert(server_state).values(name=COMPATIBLE_SINCE, value=since))


def _note_program(connection: sa.Connection) -> None:
    """Record which version of this program was last started on the database, for backups of it."""
    present = version("incidentql")
    noted = connection.scalar(sa.select(server_state.c.value).where(server_state.c.name == PROGRAM_VERSION))
    if noted != present:
        connection.execute(sa.delete(server_state).where(server_state.c.name == PROGRAM_VERSION))
        connection.execute(sa.insert(server_state).values(name=PROGRAM_VERSION, value=present))


@cache
def _revisions(migrations: Path) -> Sequence[str]:
    """Return the revisions of these migrations, oldest first: their files' names begin with them."""
    return sorted(file.name.partition("_")[0] for file in (migrations / "versions").glob("[0-9]*_*.py"))


def _reason(error: Exception) -> str:
    text = reason_of(error)
    if isinstance(error, OperationalError) and "locked" in text:
        return "The database is locked by another program. Close it and start again."
    return f"The database cannot be used: {text}"
