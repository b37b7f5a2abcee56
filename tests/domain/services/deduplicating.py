"""One of several processes that open deduplicated incidents."""

import asyncio
from multiprocessing.connection import Connection
from typing import Any

from domain.bootstrap import running_domain
from domain.model.commands import CreateIncident
from domain.model.incident import Severity
from domain.settings import Settings
from tests.factories import ADMIN


def open_incidents(database_url: str, count: int, pipe: Connection) -> None:
    """On a signal, open deduplicated incidents, and send how many were new and the ids of all."""
    pipe.send(asyncio.run(_opened(database_url, count, pipe)))


async def _opened(database_url: str, count: int, pipe: Connection) -> dict[str, Any]:
    command = CreateIncident(title="Down", severity=Severity.MAJOR, systems=["payments"], dedupe_open_for_system=True)
    settings = Settings(database_url=database_url, sqlite_synchronous="NORMAL")
    async with running_domain(settings, live=False) as domain:
        pipe.send("ready")
        pipe.recv()
        creates = (domain.incidents.create(ADMIN, command) for _ in range(count))
        opened = [outcome.value for outcome in await asyncio.gather(*creates)]
    ids = {one.incident.id for one in opened}
    return {"created": sum(not one.reused for one in opened), "ids": sorted(ids)}
