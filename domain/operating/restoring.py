"""Restoring a backup: into a database that no server uses, all of it or nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from domain.errors import StartupError
from domain.operating.files import beside
from domain.operating.label import BACKUP, Label
from domain.persistence.addresses import PostgresAddress
from domain.persistence.engines import database_url
from domain.persistence.migrate import COMPATIBLE_SINCE, can_use, knows_revision
from domain.persistence.postgres_copies import (
    count_tables,
    live_servers,
    program,
    restore,
    rows_of_dump,
    server_version,
)
from domain.persistence.sqlite_copies import check_file, closed_to_others, copy_file, go_on, put_in_place, states_of
from domain.settings import Settings


async def restore_backup(settings: Settings, file: Path, *, force: bool, now: datetime) -> Label:
    """Restore a backup into an empty database, or over what is there if so wanted, and return what it is of.

    Raises:
        StartupError: it is no backup, or one of a newer version; the database is not empty, or in use.
    """
    if not await asyncio.to_thread(file.is_file):
        raise StartupError(f"There is no file {file}.")
    url = database_url(settings.direct_database_url or settings.database_url)
    if isinstance(url, PostgresAddress):
        return await _into_postgres(url, file, force=force, now=now)
    return await asyncio.to_thread(_into_file, Path(url.database or ""), file, force=force, now=now)


def _into_file(target: Path, file: Path, *, force: bool, now: datetime) -> Label:
    label = _checked(file, *states_of(file))
    if target.exists() and target.stat().st_size and not force:
        raise StartupError(f"{target} is there already; --force replaces it.")
    if target.exists() and target.samefile(file):
        raise StartupError(f"{file} is the database itself.")
    with closed_to_others(target), beside(target) as part:
        copy_file(file, part)
        check_file(part)
        go_on(part, now=now, without=BACKUP)
        put_in_place(part, target)
    return label


async def _into_postgres(address: PostgresAddress, file: Path, *, force: bool, now: datetime) -> Label:
    server = await server_version(address)
    pg_restore = await program("pg_restore", server=server, at_least=False)
    psql = await program("psql", server=server, at_least=False)
    rows = await rows_of_dump(pg_restore, file)
    label = _checked(file, _revision(rows), {name: value for name, value in rows.get("server_state", [])})
    if servers := await live_servers(address):
        raise StartupError(f"The database is in use by {', '.join(servers)}. Stop these servers.")
    if not force and (tables := await count_tables(address)):
        raise StartupError(f"The database has {tables} tables already; --force replaces them.")
    await restore((pg_restore, psql), address, file, force=force, now=now)
    return label


def _revision(rows: Mapping[str, Sequence[Sequence[str]]]) -> str | None:
    return next((revision for (revision,) in rows.get("alembic_version", [])), None)


def _checked(file: Path, revision: str | None, states: dict[str, str]) -> Label:
    """Return the label of a backup that this version can use, or bring up to date.

    Raises:
        StartupError: it is one of a newer version, or of another program.
    """
    if revision is None:
        raise StartupError(f"{file} is no backup of incidentql: it has no schema.")
    label = Label.of(revision, states)
    if not knows_revision(revision) and not can_use(revision, states.get(COMPATIBLE_SINCE)):
        made_by = f", which incidentql {label.program} made" if label.program else ""
        raise StartupError(f"The backup has a newer schema ({revision}){made_by}: update incidentql first.")
    return label
