"""A walk through all pages of a long list while others write, which counts doubled and missing rows.

python -m tests.e2e.walk --incidents 100000 --database sqlite
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.processes import Command
from tests.e2e.server import api_of, running_server

_PAGE = 100
_PAUSE_SECONDS = 0.01
_NODES = "nodes { id } pageInfo { startCursor endCursor hasPreviousPage hasNextPage }"
_ORDER = "orderBy: { field: CREATED_AT, direction: ASC }, filter: { includeResolved: true }"
_FORWARD = f"query ($at: String) {{ incidents(first: {_PAGE}, after: $at, {_ORDER}) {{ {_NODES} }} }}"
_BACK = f"query ($at: String) {{ incidents(last: {_PAGE}, before: $at, {_ORDER}) {{ {_NODES} }} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The rows that one walk through the list met."""

    ids: Sequence[str]
    #: How long each page took, in order.
    page_seconds: Sequence[float]

    @property
    def doubled(self) -> list[str]:
        """The rows that came more than once."""
        return [identifier for identifier, count in Counter(self.ids).items() if count > 1]

    def missing(self, before: Sequence[str]) -> list[str]:
        """Return the rows that existed before and are missing, or came in a wrong order."""
        there = set(before)
        met = [identifier for identifier in self.ids if identifier in there]
        return [] if met == list(before) else sorted(there - set(met)) or ["the order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a walk in each direction, and the number of writes meanwhile."""

    before: Sequence[str]
    forward: Walk
    back: Walk
    written: int

    @property
    def violations(self) -> list[str]:
        """All violations."""
        return [
            f"{direction} {what}: {identifiers[:5]} ({len(identifiers)} in all)"
            for direction, walk in (("forward", self.forward), ("back", self.back))
            for what, identifiers in (("doubled", walk.doubled), ("missed", walk.missing(self.before)))
            if identifiers
        ]


async def walk(database_url: str) -> Result:
    """Walk the incidents of a database while another client creates and changes some."""
    async with running_server(database_url) as server, api_of(server) as api, api_of(server) as others:
        before = (await walked(api, back=False)).ids
        await others.create_system("walked")
        stopping = asyncio.Event()
        writing = asyncio.create_task(write(others, before, stopping))
        forward = await walked(api, back=False)
        back = await walked(api, back=True)
        stopping.set()
        return Result(before=before, forward=forward, back=back, written=await writing)


async def walked(api: Api, *, back: bool) -> Walk:
    """Read all incidents in the order of creation, page by page, from either end."""
    pages: list[list[str]] = []
    seconds = []
    position = None
    while True:
        began = time.monotonic()
        page = (await api.run(_BACK if back else _FORWARD, at=position))["incidents"]
        seconds.append(time.monotonic() - began)
        pages.append([node["id"] for node in page["nodes"]])
        more, place = ("hasPreviousPage", "startCursor") if back else ("hasNextPage", "endCursor")
        position = page["pageInfo"][place]
        if not page["pageInfo"][more]:
            break
    ordered = reversed(pages) if back else pages
    return Walk(ids=[identifier for page in ordered for identifier in page], page_seconds=seconds)


async def write(api: Api, incidents: Sequence[str], stopping: asyncio.Event) -> int:
    """Create and change incidents until stopped, and return the number of writes."""
    choices = random.Random(1)
    written = 0
    while not stopping.is_set():
        some = choices.choice(incidents)
        await api.create_incident(f"Meanwhile {written}", systemIds=["walked"])
        await api.write("updateIncident", id=some, title=f"Changed {written}")
        await api.write("resolveIncident", id=some)
        written += 3
        await asyncio.sleep(_PAUSE_SECONDS)  # a client that writes now and then, not a flood
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.walk", description=__doc__)
    parser.add_argument("--incidents", type=int, default=100_000, help="how many there are before the walk")
    parser.add_argument("--database", choices=DIALECTS, help="both by default")
    options = parser.parse_args(arguments)
    dialects = (options.database,) if options.database else DIALECTS
    return asyncio.run(_compare(dialects, incidents=options.incidents))


async def _compare(dialects: Sequence[str], *, incidents: int) -> int:
    columns = ("database", "incidents", "direction", "pages", "seconds", "ms first", "ms middle", "ms last", "written")
    print("  ".join(f"{name:>10}" for name in columns))
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            await _fill(url, incidents=incidents)
            result = await walk(url)
        for direction, walk_ in (("forward", result.forward), ("back", result.back)):
            seconds = walk_.page_seconds
            middle = len(seconds) // 2
            spots = [seconds[1:6], seconds[middle : middle + 5], seconds[-6:-1]]
            times = [f"{1000 * sum(spot) / len(spot):.1f}" if spot else "-" for spot in spots]
            total = f"{sum(seconds):.1f}"
            cells = (dialect, len(result.before), direction, len(seconds), total, *times, result.written)
            print("  ".join(f"{cell:>10}" for cell in cells))
        for violation in result.violations:
            print(f"  {violation}")
        sound = sound and not result.violations
    return 0 if sound else 1


async def _fill(database_url: str, *, incidents: int) -> None:
    with TemporaryDirectory(prefix="incidentql-fill-") as folder:
        command = Command("demo", "--incidents", str(incidents), "--database-url", database_url, folder=Path(folder))
        try:
            code = await command.ended(seconds=3600)
            assert code == 0, command.stderr
        finally:
            await command.close()


if __name__ == "__main__":
    sys.exit(main())
