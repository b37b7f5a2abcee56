"""Databases for commands that run outside of pytest."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory

import asyncpg

from tests.addresses import postgres_url

DIALECTS = ("sqlite", "postgresql")


@asynccontextmanager
async def fresh_database(dialect: str) -> AsyncIterator[str]:
    """Create a database without a schema, yield its URL and delete it at the end."""
    if dialect == "sqlite":
        with TemporaryDirectory(prefix="incidentql-database-") as folder:
            yield f"sqlite:///{folder}/incidents.db"
        return
    name = f"incidentql_test_{uuid.uuid4().hex[:12]}"
    await on_postgres(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield postgres_url().rsplit("/", 1)[0] + f"/{name}"
    finally:
        await on_postgres(f'DROP DATABASE "{name}" WITH (FORCE)')


async def on_postgres(statement: str) -> None:
    """Run a statement on the server that tests use."""
    server = await asyncpg.connect(postgres_url())
    try:
        await server.execute(statement)
    finally:
        await server.close()
