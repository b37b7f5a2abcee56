"""A process that begins what is enqueued, says so, and never ends it."""

import asyncio
from multiprocessing.connection import Connection

from domain.automations.engine.adapter import Engine, Workflow
from domain.persistence.engines import database_url


def hang(url: str, begun: Connection) -> None:
    """Send the identifier of each workflow that begins, until the process is killed."""
    asyncio.run(_hang(url, begun))


async def _hang(url: str, begun: Connection) -> None:
    async def handler(identifier: str) -> None:
        begun.send(identifier)
        await asyncio.sleep(60)

    await Engine(database_url(url)).start({Workflow.RUN: handler})
    await asyncio.sleep(60)
