"""A measurement of how fast waiting runs wake, also after every process was killed.

python -m tests.e2e.automation_wake --runs 1000 --database sqlite
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain, running_domain
from domain.entities import health
from domain.entities.run import RUN
from domain.model.automation import RunStatus
from domain.model.change import TouchKind
from domain.model.incident import Health
from domain.persistence.automation_tables import automation_runs
from domain.persistence.log_tables import changes
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.addresses import redis_url
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import Server, api_of
from tests.factories import ADMIN, make_system, report_health
from tests.inside import inside

_LIMIT_SECONDS = 600.0
_START_SECONDS = 60.0
_SAMPLE = 200
_PACE_SECONDS = 0.05
_WAIT = "actions[0]"
_AT_ONCE = 4
_CUTS = ("p50 ms", "p95 ms", "max ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Woken:
    """The outcome of one round of waiting runs."""

    setting: str
    runs: int
    #: From the restart until the last run was done; None where nothing was restarted.
    seconds: float | None
    #: From a change to the step that waited for it, in order.
    late: Sequence[float]
    violations: Sequence[str]


class Bed:
    """A database with systems and an automation that waits until they recover."""

    def __init__(self, domain: Domain, database_url: str, *, runs: int) -> None:
        self.domain = domain
        self.url = database_url
        self.keys = [f"system-{number:04}" for number in range(runs)]

    async def prepare(self) -> None:
        """Create the systems and the automation."""
        definition = {
            "triggers": [{"event": "system.degraded"}],
            "mode": "single",
            "concurrency_scope": "context_key",
            "actions": [
                {"wait_until": {"condition": "health.system.status == 'healthy'"}},
                {"action": "log", "config": {"message": "It recovered.", "level": "debug"}},
            ],
        }
        await self.domain.automations.service.create(ADMIN, WriteAutomation(name="wait", definition=definition))
        for key in self.keys:
            await make_system(self.domain, key)

    @asynccontextmanager
    async def serving(self, processes: int = 1, **settings: str | None) -> AsyncIterator[list[Server]]:
        """Start servers that answer, and kill them at the end."""
        async with AsyncExitStack() as stack:
            servers = []
            for _ in range(processes):
                folder = stack.enter_context(TemporaryDirectory(prefix="incidentql-server-"))
                servers.append(Server(self.url, Path(folder), **settings))
                servers[-1].start_seconds = _START_SECONDS
                stack.push_async_callback(servers[-1].close)
            await asyncio.gather(*(server.start() for server in servers))
            yield servers

    async def report(self, keys: Sequence[str], status: Health) -> None:
        """Report this health of all these systems, without any server."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(key: str) -> None:
            async with limit:
                await report_health(self.domain, key, status)

        await asyncio.gather(*(one(key) for key in keys))

    async def until(self, status: RunStatus, count: int) -> None:
        """Wait until `count` runs have a status; fail after a deadline."""
        deadline = time.monotonic() + _LIMIT_SECONDS
        while (
            found := await inside(self.domain).database.read(lambda session: session.runs.count(statuses=[status]))
        ) < count:
            assert time.monotonic() < deadline, f"only {found} of {count} runs are {status}"
            await asyncio.sleep(0.1)

    async def degraded(self) -> None:
        """Make a run wait for each system."""
        await self.report(self.keys, Health.UNHEALTHY)
        await self.until(RunStatus.WAITING, len(self.keys))

    async def done(self) -> int:
        """Count the runs that are done."""
        return await inside(self.domain).database.read(lambda session: session.runs.count(statuses=[RunStatus.SUCCESS]))

    async def head(self) -> int:
        """Return the log's position."""
        return await inside(self.domain).database.read(lambda session: session.changes.head())

    async def woken(self, setting: str, *, after: int, runs: int, seconds: float | None) -> Woken:
        """Return the outcome for the runs whose systems recovered after a position."""
        late, violations = await inside(self.domain).database.read(lambda session: _wakes(session, after, runs))
        return Woken(setting=setting, runs=runs, seconds=seconds, late=sorted(late), violations=violations)


async def restarted(bed: Bed, setting: str, *, processes: int = 1, broadcast_url: str | None = None) -> Woken:
    """Kill all servers while every run waits, let all systems recover, and start again."""
    async with bed.serving(processes, broadcast_url=broadcast_url):
        await bed.degraded()
    after, done = await bed.head(), await bed.done()
    await bed.report(bed.keys, Health.HEALTHY)
    async with bed.serving(processes, broadcast_url=broadcast_url):
        began = time.monotonic()
        await bed.until(RunStatus.SUCCESS, done + len(bed.keys))
        seconds = time.monotonic() - began
    return await bed.woken(setting, after=after, runs=len(bed.keys), seconds=seconds)


async def running(bed: Bed, setting: str, *, apart: bool, broadcast_url: str | None = None) -> Woken:
    """Report recoveries to the process in which runs wait, or to another one."""
    async with AsyncExitStack() as stack:
        [worker] = await stack.enter_async_context(bed.serving(broadcast_url=broadcast_url))
        other = worker
        if apart:
            [other] = await stack.enter_async_context(bed.serving(broadcast_url=broadcast_url, automations="false"))
        await bed.degraded()
        api = await stack.enter_async_context(api_of(other))
        after, done = await bed.head(), await bed.done()
        keys = bed.keys[:_SAMPLE]
        for key in keys:
            await api.write("reportSystemHealth", system=key, status="HEALTHY")
            await asyncio.sleep(_PACE_SECONDS)
        await bed.until(RunStatus.SUCCESS, done + len(keys))
    return await bed.woken(setting, after=after, runs=len(keys), seconds=None)


async def wake(database_url: str, *, runs: int, processes: int, latency: bool = True) -> AsyncIterator[Woken]:
    """Run all rounds on one database, one after the other."""
    async with running_domain(Settings(database_url=database_url), live=False) as domain:
        bed = Bed(domain, database_url, runs=runs)
        await bed.prepare()
        broadcaster = redis_url() if inside(domain).database.is_sqlite else database_url
        yield await restarted(bed, "1 restarted")
        if processes > 1:
            yield await restarted(
                bed, f"{processes} restarted, broadcaster", processes=processes, broadcast_url=broadcaster
            )
        if latency:
            yield await running(bed, "1 running", apart=False)
            yield await running(bed, "2 running, broadcaster", apart=True, broadcast_url=broadcaster)
            yield await running(bed, "2 running, poll", apart=True)


async def _wakes(session: ReadSession, after: int, runs: int) -> tuple[list[float], list[str]]:
    """Return the delay of each wait after its system's recovery, and the waits not done exactly once."""
    columns = changes.c
    statement = sa.select(columns.kind, columns.entity_id, columns.touched, columns.next, columns.occurred_at)
    rows = list(await session.connection.execute(statement.where(columns.seq > after).order_by(columns.seq)))
    recovered: dict[str, datetime] = {
        row.entity_id: row.occurred_at
        for row in rows
        if row.kind == health.HEALTH.name and row.next["status"] == "healthy"
    }
    systems = {
        row.id: row.context_key
        for row in await session.connection.execute(sa.select(automation_runs.c.id, automation_runs.c.context_key))
    }
    late, counts = [], Counter[str]()
    for row in rows:
        ended = [part for part in row.touched if part["id"] == _WAIT and part["kind"] == TouchKind.ADDED]
        if row.kind == RUN.name and ended:
            counts[row.entity_id] += 1
            late.append((row.occurred_at - recovered[systems[row.entity_id]]).total_seconds())
    violations = [f"{run} woke {count} times" for run, count in counts.items() if count != 1]
    if len(counts) != runs:
        violations.append(f"{len(counts)} of {runs} runs woke")
    return late, violations


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.automation_wake", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="how many runs wait")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    parser.add_argument("--processes", type=int, default=2, help="how many are restarted in the second round")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    cuts = "  ".join(f"{cut:>7}" for cut in _CUTS)
    print(f"{'database':>10}  {'processes':>26}  {'runs':>5}  {'all done':>9}  {cuts}")
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            async for woken in wake(url, runs=options.runs, processes=options.processes):
                _print(dialect, woken)
                sound = sound and not woken.violations
    return 0 if sound else 1


def _print(dialect: str, woken: Woken) -> None:
    if woken.seconds is None:
        done = "-"
        shown = [f"{1000 * woken.late[int(share * (len(woken.late) - 1))]:.0f}" for share in (0.5, 0.95, 1)]
    else:
        done, shown = f"{woken.seconds:.1f} s", ["-", "-", "-"]
    cells = "  ".join(f"{cell:>7}" for cell in shown)
    print(f"{dialect:>10}  {woken.setting:>26}  {woken.runs:>5}  {done:>9}  {cells}", flush=True)
    for violation in woken.violations[:20]:
        print(f"  {violation}")


if __name__ == "__main__":
    sys.exit(main())
