"""One of several processes that open deduplicated incidents: deduplicating.py <database url> <count>."""

import asyncio
import json
import sys

from domain.bootstrap import running_domain
from domain.model.commands import CreateIncident
from domain.model.incident import Severity
from domain.settings import Settings
from tests.factories import ADMIN


async def main(database_url: str, count: int) -> None:
    """Print, as JSON, how many creates opened an incident, and the ids that all of them led to."""
    command = CreateIncident(title="Down", severity=Severity.MAJOR, systems=["payments"], dedupe_open_for_system=True)
    settings = Settings(database_url=database_url, sqlite_synchronous="NORMAL")
    async with running_domain(settings, live=False) as domain:
        print("ready", flush=True)
        sys.stdin.readline()
        creates = (domain.incidents.create(ADMIN, command) for _ in range(count))
        opened = [outcome.value for outcome in await asyncio.gather(*creates)]
    ids = {one.incident.id for one in opened if one.incident is not None}
    print(json.dumps({"created": sum(not one.reused for one in opened), "ids": sorted(ids)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
