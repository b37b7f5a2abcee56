"""Backups: one file with all of one moment, made while servers go on, and put in its place once it is whole."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from domain.errors import StartupError
from domain.operating.files import beside, create_private
from domain.operating.label import made_now
from domain.operating.verifying import opened
from domain.persistence.addresses import PostgresAddress
from domain.persistence.engines import database_url
from domain.persistence.postgres_copies import dump, program, server_version
from domain.persistence.sqlite_copies import copy_file, put_in_place, sync
from domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made."""

    size_bytes: int
    revision: str


async def back_up(settings: Settings, file: Path, *, force: bool, now: datetime) -> Backup:
    """Write a backup of a database to a new file, or over an old one where that is wanted.

    Raises:
        StartupError: there is such a file already, or the database cannot be read.
    """
    await asyncio.to_thread(_check_target, file, force=force)
    revision = await _revision(settings)
    url = database_url(settings.direct_database_url or settings.database_url)
    with beside(file) as part:
        if isinstance(url, PostgresAddress):
            pg_dump = await program("pg_dump", server=await server_version(url), at_least=True)
            await asyncio.to_thread(create_private, part)
            await dump(pg_dump, url, part)
            await asyncio.to_thread(sync, part)
        else:
            states = made_now(now)
            await asyncio.to_thread(copy_file, Path(url.database or ""), part, states)
        await asyncio.to_thread(put_in_place, part, file)
    return Backup(size_bytes=(await asyncio.to_thread(file.stat)).st_size, revision=revision)


def _check_target(file: Path, *, force: bool) -> None:
    if file.exists() and not (force and file.is_file()):
        raise StartupError(f"{file} is there already; --force replaces it.")
    if not file.absolute().parent.is_dir():
        raise StartupError(f"The folder of {file} does not exist.")


async def _revision(settings: Settings) -> str:
    """Return the revision of a database, which shows that it is one of this program."""
    async with opened(settings) as database:
        if not await database.read(lambda session: session.state.has_schema()):
            raise StartupError("The database has no schema: incidentql has never been started on it.")
        return await database.read(lambda session: session.state.revision()) or ""
