"""`python -m tests.benchmarks.automations`: short runs per second, and the cost of waiting runs to other writes.

One process does everything, clients included; what counts is one figure beside another of the same run.
"""

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain, running_domain
from domain.model.automation import RunStatus
from domain.model.commands import CreateIncident
from domain.model.incident import Health, Severity
from domain.settings import Settings
from tests.e2e.databases import DIALECTS, fresh_database
from tests.factories import ADMIN, make_incident, make_system, report_health
from tests.inside import inside

_LOG = {"action": "log", "config": {"message": "Seen.", "level": "debug"}}
_UPDATE = {
    "action": "incident.add_update",
    "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen."},
}
_WAIT = {"wait_until": {"condition": "health.system.status == 'healthy'"}}
_LIMIT_SECONDS = 300.0
_AT_ONCE = 4
_PAUSE_SECONDS = 0.02


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.automations", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="how many short runs")
    parser.add_argument("--waiting", type=int, default=1000, help="how many runs wait")
    parser.add_argument("--writes", type=int, default=1000, help="how many incidents are created while they do")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    for dialect in DIALECTS if options.database == "both" else (options.database,):
        asyncio.run(_measure(dialect, options))


async def _measure(dialect: str, options: argparse.Namespace) -> None:
    async with _domain(dialect) as domain:
        await make_system(domain)
        incidents = [(await make_incident(domain, "payments")).id for _ in range(options.runs)]
        for part, (name, action) in enumerate((("log", _LOG), ("incident.add_update", _UPDATE))):
            seconds = await _short_runs(domain, name, action, incidents=incidents, done=part * len(incidents))
            speed = f"{options.runs / seconds:.0f} runs/s ({options.runs} in {seconds:.1f} s)"
            print(f"{dialect:>10}  one {name}: {speed}")
        await _write_times(domain, writes=max(10, options.writes // 10))  # warms up
        before = await _write_times(domain, writes=options.writes)
        await _waiting_runs(domain, runs=options.waiting)
        beside = await _write_times(domain, writes=options.writes)
    for waiting, times in ((0, before), (options.waiting, beside)):
        cuts = statistics.quantiles(times, n=100)
        shown = f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, max {max(times):.1f} ms"
        print(f"{dialect:>10}  createIncident beside {waiting} waiting runs: {shown}", flush=True)


@asynccontextmanager
async def _domain(dialect: str) -> AsyncIterator[Domain]:
    async with fresh_database(dialect) as url, running_domain(Settings(database_url=url, secret_key=None)) as domain:
        yield domain


async def _short_runs(
    domain: Domain, name: str, action: Mapping[str, Any], *, incidents: Sequence[str], done: int
) -> float:
    """Return the seconds from the first to the last of runs that are all due at once, after those done before."""
    definition = {
        "triggers": [{"event": "manual"}],
        "mode": "parallel",
        "max_runs": 100,
        "actions": [action],
    }
    service = domain.automations.service
    automation = (await service.create(ADMIN, WriteAutomation(name=name, definition=definition))).value
    assert automation is not None
    began = time.monotonic()
    for incident in incidents:
        await service.run_by_hand(ADMIN, automation.id, payload={"incidentId": incident})
    await _until(domain, RunStatus.SUCCESS, done + len(incidents))
    return time.monotonic() - began


async def _waiting_runs(domain: Domain, *, runs: int) -> None:
    definition = {
        "triggers": [{"event": "system.degraded"}],
        "mode": "single",
        "concurrency_scope": "context_key",
        "actions": [_WAIT],
    }
    await domain.automations.service.create(ADMIN, WriteAutomation(name="waiting", definition=definition))
    for number in range(runs):
        await make_system(domain, f"system-{number}")
        await report_health(domain, f"system-{number}", Health.UNHEALTHY)
    await _until(domain, RunStatus.WAITING, runs)


async def _write_times(domain: Domain, *, writes: int) -> list[float]:
    """Return the milliseconds of each create, by a few clients that pause after each."""
    numbers = itertools.islice(itertools.count(), writes)
    times: list[float] = []

    async def client() -> None:
        for number in numbers:
            command = CreateIncident(title=f"Incident {number}", severity=Severity.MAJOR, systems=("payments",))
            began = time.perf_counter()
            await domain.incidents.create(ADMIN, command)
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(_PAUSE_SECONDS)  # clients that write now and then, not a queue of their own

    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    return times


async def _until(domain: Domain, status: RunStatus, count: int) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    counting = partial(_count, status)
    while await inside(domain).database.read(counting) < count:
        if time.monotonic() > deadline:
            raise RuntimeError(f"there are no {count} runs that are {status}")
        await asyncio.sleep(0.05)


async def _count(status: RunStatus, session: Any) -> int:
    return int(await session.runs.count(statuses=[status]))


if __name__ == "__main__":
    main()
