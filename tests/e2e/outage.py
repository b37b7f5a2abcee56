"""An outage test: takes away each part that a busy server needs, then compares clients with what was stored.

python -m tests.e2e.outage --seed 1
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.e2e.audit import Truth, contradictions, truth_of
from tests.e2e.clusters import running_cluster
from tests.e2e.follower import Follower, following
from tests.e2e.parts import (
    FullDisk,
    KilledPostgres,
    KilledRedis,
    LockedFile,
    NotHereError,
    Part,
    mounted,
    running_redis,
)
from tests.e2e.patience import patient_api_of
from tests.e2e.server import Server, running_server
from tests.e2e.writers import Writers
from tests.requirements_gate import probe_node

_WRITERS = 4
MOST_LINES = 20
#: Of one core, under the load of writers that try again all the while.
MOST_CPU = 0.5
_DEADLINE_SECONDS = 60
_LAST = "{ incidentChanges(last: 1) { nodes { id } } }"
_COLUMNS = ("outage", "away", "refused", "cpu before", "cpu away", "ready", "written", "logged", "lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The measurements of one outage: seconds, shares of one core, and the server's log lines."""

    part: str
    away: float
    refused: int
    cpu_before: float
    cpu_away: float
    #: Seconds from the part's return until `/readyz` said so, a write went through, and the end was logged.
    ready: float
    written: float
    logged: float
    lines: Sequence[str]

    @property
    def faults(self) -> list[str]:
        """The violations during this outage."""
        found = []
        if len(self.lines) >= MOST_LINES:
            found.append(f"{len(self.lines)} lines of log")
        if [line for line in self.lines if "Traceback" in line]:
            found.append("a traceback")
        if not any("is not available:" in line for line in self.lines):
            found.append("no line when it began")
        if not any("is available again" in line for line in self.lines):
            found.append("no line when it was over")
        if self.cpu_away > max(MOST_CPU, self.cpu_before):
            found.append(f"{self.cpu_away:.0%} of a core while it was away")
        return [f"{self.part}: {fault}" for fault in found]


async def outages(server: Server, database_url: str, parts: Sequence[Part], *, seed: int) -> list[str]:
    """Take each part away in turn while clients write and others follow, and return all violations."""
    faults: list[str] = []
    async with patient_api_of(server) as api, AsyncExitStack() as stack:
        writers = Writers(api=api, random=random.Random(seed))
        after = await api.create_system()
        followers = [await stack.enter_async_context(following(kind, server, after)) for kind in ("ws", "sse")]
        clients = [asyncio.create_task(writers.run()) for _ in range(_WRITERS)]
        writers.up.set()
        for part in parts:
            figures = await _outage(server, part, writers, stack, followers, after)
            _show(figures)
            faults += figures.faults
        writers.stopping = True
        await asyncio.gather(*clients)
        last = (await api.run(_LAST))["incidentChanges"]["nodes"][0]["id"]
        for follower in followers:
            await follower.until(last, seconds=_DEADLINE_SECONDS)
        server.terminate()
        code = await server.ended()
        faults += [f"the server ended with {code}"] if code else []
    truth = await truth_of(database_url)
    print(
        f"  {len(writers.acknowledged)} writes acknowledged, {writers.cut_off} not; {len(truth.log)} changes for each "
        f"of {len(followers)} followers; sockets opened {sum(each.connections for each in followers)} times",
        flush=True,
    )
    faults += [*contradictions(truth), *writers.missing(truth), *writers.repeated(truth), *writers.mistakes]
    return faults + [fault for follower in followers for fault in unlike(follower, truth)]


def unlike(follower: Follower, truth: Truth) -> list[str]:
    """Return the differences between a follower's events and what is stored."""
    expected = [change.id for change in truth.log]
    if follower.seen == expected:
        return follower.faults
    invented = set(follower.seen) - set(expected)
    missed = set(expected) - set(follower.seen)
    story = f"{len(missed)} missed, {len(invented)} invented, {len(follower.seen) - len(set(follower.seen))} repeated"
    return [*follower.faults, f"{follower.name}: {story} of {len(expected)}, or in a wrong order"]


async def _outage(
    server: Server, part: Part, writers: Writers, stack: AsyncExitStack, followers: list[Follower], after: str
) -> Figures:
    before = await _cpu_over(server, seconds=3)
    lines, refused, began = len(server.stderr.splitlines()), writers.cut_off, time.monotonic()
    await part.take_away()
    used = server.cpu_seconds
    # Clients that connect meanwhile are let in when it is over, and receive everything.
    followers += [await stack.enter_async_context(following(kind, server, after)) for kind in ("ws", "sse")]
    await asyncio.sleep(max(0.0, part.seconds - (time.monotonic() - began)))
    used, passed = server.cpu_seconds - used, time.monotonic() - began
    refused = writers.cut_off - refused
    await part.give_back()
    back = time.monotonic()
    acknowledged = len(writers.acknowledged)

    def fresh() -> Sequence[str]:
        return server.stderr.splitlines()[lines:]

    async def written() -> bool:
        return len(writers.acknowledged) > acknowledged

    async def logged() -> bool:
        return any("is available again" in line for line in fresh())

    ready, wrote, log_said = await asyncio.gather(
        _until(lambda: _is_ready(server), back), _until(written, back), _until(logged, back)
    )
    return Figures(
        part=part.name,
        away=passed,
        refused=refused,
        cpu_before=before,
        cpu_away=used / passed,
        ready=ready,
        written=wrote,
        logged=log_said,
        lines=fresh(),
    )


async def _cpu_over(server: Server, *, seconds: float) -> float:
    used = server.cpu_seconds
    await asyncio.sleep(seconds)  # what is measured is a time
    return (server.cpu_seconds - used) / seconds


async def _until(holds: Callable[[], Awaitable[bool]], since: float) -> float:
    """Return the seconds until a condition held; infinite where it never did."""
    while time.monotonic() - since < _DEADLINE_SECONDS:
        if await holds():
            return time.monotonic() - since
        await asyncio.sleep(0.05)
    return float("inf")


async def _is_ready(server: Server) -> bool:
    async with httpx.AsyncClient(timeout=5, verify=False) as client:
        try:
            return (await client.get(f"{server.url}/readyz")).is_success
        except httpx.TransportError:
            return False


def _show(figures: Figures) -> None:
    cells = (
        figures.part,
        f"{figures.away:.1f} s",
        figures.refused,
        f"{figures.cpu_before:.0%}",
        f"{figures.cpu_away:.0%}",
        *(f"{seconds:.1f} s" for seconds in (figures.ready, figures.written, figures.logged)),
        len(figures.lines),
    )
    print("  ".join(f"{cell:>16}" for cell in cells))
    for line in figures.lines:
        print(f"    {line[:160]}", flush=True)


@asynccontextmanager
async def on_postgresql(seconds: float) -> AsyncIterator[tuple[Server, str, Sequence[Part]]]:
    """Start a server with a PostgreSQL and a Redis of its own, and yield it with these two."""
    async with (
        running_cluster() as cluster,
        running_redis() as redis,
        running_server(cluster.url, may_complain=True, broadcast_url=redis.url, rate_limit="0") as server,
    ):
        parts = (KilledPostgres(cluster, seconds), KilledRedis(redis, seconds))
        yield server, cluster.url, parts


@asynccontextmanager
async def on_sqlite(seconds: float) -> AsyncIterator[tuple[Server, str, Sequence[Part]]]:
    """Start a server on a file that another program locks."""
    with TemporaryDirectory(prefix="incidentql-outage-") as folder:
        file = Path(folder) / "incidents.db"
        async with running_server(f"sqlite:///{file}", may_complain=True, rate_limit="0") as server:
            yield server, f"sqlite:///{file}", (LockedFile(file, seconds),)


@asynccontextmanager
async def on_small_disk(seconds: float) -> AsyncIterator[tuple[Server, str, Sequence[Part]]]:
    """Start a server on a file on a disk that is soon full."""
    with TemporaryDirectory(prefix="incidentql-outage-") as folder:
        async with mounted(Path(folder), megabytes=64):
            url = f"sqlite:///{folder}/incidents.db"
            async with running_server(url, may_complain=True, rate_limit="0") as server:
                yield server, url, (FullDisk(Path(folder), seconds),)


SCENES = {"postgresql": on_postgresql, "locked": on_sqlite, "full": on_small_disk}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.outage", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what the writers' choices start from")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each part is away")
    parser.add_argument("--only", choices=SCENES, help="all of them by default")
    options = parser.parse_args(arguments)
    probe_node()  # installs the clients
    scenes = [options.only] if options.only else [*SCENES]
    return asyncio.run(_all(scenes, seconds=options.seconds, seed=options.seed))


async def _all(scenes: Sequence[str], *, seconds: float, seed: int) -> int:
    print("  ".join(f"{name:>16}" for name in _COLUMNS), flush=True)
    faults = []
    for scene in scenes:
        try:
            async with SCENES[scene](seconds) as (server, url, parts):
                faults += await outages(server, url, parts, seed=seed)
        except NotHereError as error:
            print(f"  {scene} skipped: {error}")
    for fault in faults:
        print(f"  {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
