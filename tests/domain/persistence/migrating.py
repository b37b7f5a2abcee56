"""A process that migrates a database as soon as it is asked to."""

import asyncio
from multiprocessing.connection import Connection

from domain.persistence.engines import create_engines, database_url
from domain.persistence.migrate import migrate


def migrate_on_request(url: str, gate: Connection) -> None:
    """Say that the process is ready, wait for a word, and migrate."""
    gate.send("ready")
    gate.recv()
    asyncio.run(_migrate(url))


async def _migrate(url: str) -> None:
    engines = create_engines(database_url(url))
    await migrate(engines)
    await engines.dispose()
