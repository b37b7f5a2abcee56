"""Databases for commands that run outside of pytest."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

from tests.addresses import postgres_url
from tests.templates import copy_database, fresh_name, memory_folder, migrated_file, on_server, url_of

DIALECTS = ("sqlite", "postgresql")


@asynccontextmanager
async def fresh_database(dialect: str) -> AsyncIterator[str]:
    """Create a migrated database, yield its URL and delete it at the end."""
    if dialect == "sqlite":
        with TemporaryDirectory(prefix="incidentql-database-", dir=memory_folder()) as folder:
            file = f"{folder}/incidents.db"
            shutil.copy(await asyncio.to_thread(migrated_file), file)
            yield f"sqlite:///{file}"
        return
    name = fresh_name()
    await copy_database(name)
    try:
        yield url_of(name)
    finally:
        await on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


@asynccontextmanager
async def empty_database(dialect: str) -> AsyncIterator[str]:
    """Create a database without a schema, yield its URL and delete it at the end."""
    if dialect == "sqlite":
        with TemporaryDirectory(prefix="incidentql-database-") as folder:
            yield f"sqlite:///{folder}/incidents.db"
        return
    name = fresh_name()
    await on_postgres(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield url_of(name)
    finally:
        await on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


async def on_postgres(statement: str) -> None:
    """Run a statement on the server that tests use."""
    await on_server(postgres_url(), statement)
