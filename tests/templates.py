"""Migrated databases to copy, made once for all processes of a run, because migrating takes longer than most tests."""

import asyncio
import atexit
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import psycopg
from psycopg import sql

from domain.automations.engine.adapter import Engine
from domain.persistence.engines import create_engines
from domain.persistence.engines import database_url as parsed_url
from domain.persistence.migrate import migrate
from tests.addresses import postgres_url

#: Linux keeps what is in this folder in memory; containers may give it little.
_MEMORY = Path("/dev/shm")
_LEAST_MEMORY_BYTES = 1 << 29
#: A run writes into its folder all the time; one that was killed leaves it.
_ABANDONED_SECONDS = 86_400
#: The environment variable with the folder of the templates, which the processes of a run inherit.
_FOLDER = "TEST_TEMPLATES"


def keep_templates() -> ExitStack:
    """Make the folder of the templates, unless there is one; the exit removes it with the templates."""
    kept = ExitStack()
    if _FOLDER not in os.environ:
        _remove_abandoned()
        folder = kept.enter_context(TemporaryDirectory(prefix="incidentql-templates-", dir=memory_folder()))
        os.environ[_FOLDER] = folder
        kept.callback(os.environ.pop, _FOLDER)
        kept.callback(_drop, Path(folder, "postgresql"))
    return kept


def memory_folder() -> Path | None:
    """Return a folder in memory, for files that no test reads after a loss of power; None for the usual one on a disk.

    SQLite waits four times for a disk in a short test, and a server for each of its commits.
    """
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)
    return _MEMORY if usable and shutil.disk_usage(_MEMORY).free > _LEAST_MEMORY_BYTES else None


def _remove_abandoned() -> None:
    """Remove from memory what runs have left that were killed."""
    for folder in _MEMORY.glob("incidentql-*-*"):
        # Another run may remove it at the same time.
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder)


def migrated_file() -> Path:
    """Return a migrated SQLite file to copy."""
    with _alone() as folder:
        file = folder / "incidents.db"
        if not file.exists():
            made = folder / "made.db"
            run_aside(_migrated(f"sqlite:///{made}"))
            made.rename(file)
    return file


def migrated_database() -> str:
    """Return the name of a migrated PostgreSQL database to copy, which nothing connects to."""
    with _alone() as folder:
        noted = folder / "postgresql"
        if not noted.exists():
            name = fresh_name()
            run_aside(on_server(postgres_url(), f'CREATE DATABASE "{name}" TEMPLATE template0'))
            run_aside(_migrated(url_of(name)))
            noted.write_text(name)
    return noted.read_text()


async def copy_database(name: str) -> None:
    """Create a migrated PostgreSQL database of that name."""
    await on_server(postgres_url(), f'CREATE DATABASE "{name}" TEMPLATE "{await asyncio.to_thread(migrated_database)}"')
    # What a test wrote may be lost with the server's power.
    await on_server(postgres_url(), f'ALTER DATABASE "{name}" SET synchronous_commit = off')


def fresh_name() -> str:
    """Return a name for a database on the server, which nobody else uses."""
    return f"incidentql_test_{uuid.uuid4().hex[:12]}"


def url_of(name: str) -> str:
    """Return the address of a database on the server."""
    return postgres_url().rsplit("/", 1)[0] + f"/{name}"


def run_aside(work: Coroutine[Any, Any, None]) -> None:
    """Run this in a loop of its own, because a fixture may be asked for where another loop runs."""
    with ThreadPoolExecutor(1) as aside:
        aside.submit(asyncio.run, work).result()


async def on_server(url: str, statement: str) -> None:
    """Run a statement on the server, in no transaction."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(statement)
    finally:
        await server.close()


async def _migrated(url: str) -> None:
    """Migrate a database, and create the tables of the workflow engine in it."""
    engines = create_engines(parsed_url(url))
    await migrate(engines)
    await engines.dispose()
    engine = Engine(parsed_url(url))
    await engine.prepare()
    await engine.close()


@contextmanager
def _alone() -> Iterator[Path]:
    """Yield the folder of the templates to one process at a time."""
    if _FOLDER not in os.environ:
        atexit.register(keep_templates().close)
    folder = Path(os.environ[_FOLDER])
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder


def _drop(noted: Path) -> None:
    if noted.exists():
        with psycopg.connect(postgres_url(), autocommit=True) as server:
            name = sql.Identifier(noted.read_text())
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
