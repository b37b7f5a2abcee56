"""A crash test of automations: kills and freezes servers, then counts lost, doubled and unfinished runs.

python -m tests.e2e.automation_crash --count 100 --seed 1 --database sqlite
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import httpx

from domain.automations.definitions.templates import definition_from
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.model.moment import iso
from domain.settings import Settings
from tests.e2e.api import FAILURES
from tests.e2e.automation_audit import (
    FINDINGS,
    Recorded,
    Rules,
    create_seconds,
    findings,
    fire_seconds,
    recorded,
    resolve_seconds,
    unfinished,
)
from tests.e2e.crowd import Crowd, running_crowd
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import TOKEN, Addressed
from tests.factories import ADMIN, make_system
from tests.inside import inside

_SYSTEMS = 20
_RULES = Rules(degraded=timedelta(seconds=0.6), healthy=timedelta(seconds=0.6), noted="On call was notified.")
_ANSWER_SECONDS = 2.0
#: An incident's note comes as a run of its own, a moment later.
_QUIET_SECONDS = 1.5
#: Nothing that is left to do takes so long while nothing else happens, on however busy a machine.
_STUCK_SECONDS = 60.0
#: How long everything is left alone where nothing is to be killed.
_UNHARMED_SECONDS = 30.0
_REPORT = "mutation ($input: ReportSystemHealthInput!) { reportSystemHealth(input: $input) { userErrors { code } } }"
_COLUMNS = (
    *("database", "kills", "freezes", "episodes", "long", "merged", "incidents", "resolves"),
    *("apart", "opened", "seconds", "quiet"),
)


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome of a crash test of automations."""

    truth: Recorded
    kills: int
    freezes: int
    #: How often a process killed itself, by point.
    points: Counter[str]
    #: How often one that was started did not come to answer: it killed itself first, or had no connection.
    failed_starts: int
    seconds: float
    #: How long it took until nothing was left to do; None where that took too long.
    quiet_seconds: float | None
    #: The errors that servers logged, with their counts.
    complaints: Counter[str] = field(default_factory=Counter)

    @property
    def violations(self) -> dict[str, list[str]]:
        """All violations by name."""
        return {name: found for name, found in findings(self.truth).items() if found}


class Serving(Protocol):
    """Servers, of which some are up."""

    @property
    def servers(self) -> Sequence[Addressed]:
        """All of them."""

    @property
    def up(self) -> Sequence[Addressed]:
        """Those that are started."""


class Stream:
    """Monitors that report the health of systems to any server that answers."""

    def __init__(
        self, crowd: Serving, client: httpx.AsyncClient, choices: random.Random, domain: Domain | None = None
    ) -> None:
        self._crowd = crowd
        self._domain = domain
        self._client = client
        self._random = choices
        self._clock = Clock()
        self.stopping = False

    async def run(self, key: str, *, longest: float, apart: str | None = None) -> None:
        """Let one system degrade and recover until stopped; at the end it is healthy.

        With `apart`, the system's id, an episode begins when nothing is left to do about the one before.
        """
        while not self.stopping:
            status = self._random.choice(["DEGRADED", "UNHEALTHY"])
            await self._report(key, status)
            # One of four is over before an incident is due.
            brief = self._random.random() < 0.25
            seconds = self._random.uniform(0.05, 0.5) if brief else self._random.uniform(0.8, longest)
            if not brief and self._random.random() < 0.3:
                await asyncio.sleep(seconds / 2)
                await self._report(key, "UNHEALTHY" if status == "DEGRADED" else "DEGRADED")
                seconds /= 2
            await asyncio.sleep(seconds)
            await self._report(key, "HEALTHY")
            await asyncio.sleep(self._random.uniform(longest / 2, 2 * longest))
            if apart is not None:
                await self._until_done(apart)

    async def _until_done(self, system_id: str) -> None:
        assert self._domain is not None, "it looks into the database"
        while True:
            if self.stopping or not await inside(self._domain).database.read(partial(unfinished, system_id=system_id)):
                return
            await asyncio.sleep(0.1)

    async def _report(self, key: str, status: str) -> None:
        # As of now, also when a frozen process comes to it later than another one came to a later report.
        report = {"system": key, "status": status, "observedAt": iso(self._clock.now())}
        while True:
            server = self._random.choice(self._crowd.up or self._crowd.servers)
            try:
                answer = await self._client.post(
                    server.graphql_url, json={"query": _REPORT, "variables": {"input": report}}
                )
                body: dict[str, Any] = answer.json()
                codes = {error["code"] for error in body["data"]["reportSystemHealth"]["userErrors"]}
                if not codes:
                    return
                assert codes <= FAILURES, body
            except (httpx.TransportError, ValueError, KeyError, TypeError):
                pass
            await asyncio.sleep(0.05)


async def crash(
    database_url: str,
    *,
    kills: int,
    seed: int,
    processes: int = 3,
    systems: int = _SYSTEMS,
    longest: float = 3.0,
    keep: Path | None = None,
) -> Result:
    """Kill processes while systems fail and recover, then wait until no work is left."""
    began = time.monotonic()
    choices = random.Random(seed)
    postgres = database_url.startswith("postgres")
    settings = {"broadcast_url": database_url} if postgres else {}
    async with AsyncExitStack() as stack:
        crowd = await stack.enter_async_context(
            running_crowd(database_url, processes=processes, choices=choices, keep=keep, **settings)
        )
        domain = await stack.enter_async_context(running_domain(Settings(database_url=database_url), live=False))
        headers = {"authorization": f"Bearer {TOKEN}"}
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers=headers, timeout=_ANSWER_SECONDS, verify=False)
        )
        await install(domain)
        stream = Stream(crowd, client, choices, domain)
        monitored = [await make_system(domain, f"system-{number}") for number in range(systems)]
        apart = frozenset(system.id for system in monitored[::2])
        async with asyncio.TaskGroup() as reporting:
            for system in monitored:
                waits_for = system.id if system.id in apart else None
                reporting.create_task(stream.run(system.key, longest=longest, apart=waits_for))
            if not kills:
                await asyncio.sleep(_UNHARMED_SECONDS)
            await crowd.harm(kills=kills, longest_life=2 * longest, longest_freeze=longest)
            stream.stopping = True
        quiet = await until_quiet(domain)
        complaints = _complaints(crowd)
    return Result(
        truth=await recorded(database_url, _RULES, apart=apart),
        kills=crowd.kills,
        freezes=crowd.freezes,
        points=crowd.points,
        failed_starts=crowd.failed_starts,
        seconds=time.monotonic() - began,
        quiet_seconds=quiet,
        complaints=complaints,
    )


async def install(domain: Domain) -> None:
    """Add two automations: one opens and resolves incidents, the other comments on each."""
    seconds = {
        "degradedSeconds": _RULES.degraded.total_seconds(),
        "healthySeconds": _RULES.healthy.total_seconds(),
    }
    note = {
        "triggers": [{"event": "incident.created"}],
        "mode": "parallel",
        "max_runs": 100,
        "actions": [
            {"delay": {"seconds": 0.3}},
            {
                "action": "incident.add_update",
                "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": _RULES.noted},
            },
        ],
    }
    definitions = {"sustained": definition_from("sustained", seconds), "note": note}
    for name, definition in definitions.items():
        await domain.automations.service.create(ADMIN, WriteAutomation(name=name, definition=definition))


async def until_quiet(domain: Domain) -> float | None:
    """Return the seconds until no work was left; None where progress stopped before that."""
    began = progressed = time.monotonic()
    since, head = None, 0
    while (now := time.monotonic()) - progressed < _STUCK_SECONDS:
        left = await inside(domain).database.read(unfinished)
        since = None if left else since or now
        if since is not None and now - since > _QUIET_SECONDS:
            return since - began
        if (seen := await inside(domain).database.read(lambda session: session.changes.head())) > head:
            head, progressed = seen, now
        await asyncio.sleep(0.1)
    return None


def _complaints(crowd: Crowd) -> Counter[str]:
    lines = [line for server in crowd.servers for line in server.stderr.splitlines()]
    return Counter(line[:100] for line in lines if "Error: " in line or " ERROR " in line or " WARNING " in line)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.automation_crash", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many times to kill a process; 0 harms none")
    parser.add_argument("--seed", type=int, default=1, help="what the choices and the moments start from")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--longest", type=float, default=3.0, help="how many seconds a system is degraded at most")
    parser.add_argument("--keep", type=Path, help="a folder for what the servers print")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    sound = True
    for dialect in dialects:
        keep = Path(tempfile.mkdtemp(dir=options.keep, prefix=f"{dialect}-")) if options.keep else None
        async with fresh_database(dialect) as url:
            result = await crash(
                url,
                kills=options.count,
                seed=options.seed,
                processes=options.processes,
                longest=options.longest,
                keep=keep,
            )
        _print(dialect, result)
        sound = sound and not result.violations
    return 0 if sound else 1


def _print(dialect: str, result: Result) -> None:
    truth = result.truth
    merged = [one for one in truth.long if truth.is_merged(one)]
    resolves = sum(len(one.resolved) for one in truth.incidents)
    apart = [one for one in truth.long if one.system in truth.apart]
    opened = sum(len(truth.incidents_of(one)) for one in apart)
    counted = (len(truth.episodes), len(truth.long), len(merged), len(truth.incidents), resolves, len(apart), opened)
    quiet = "never" if result.quiet_seconds is None else f"{result.quiet_seconds:.1f}"
    cells = (dialect, result.kills, result.freezes, *counted, f"{result.seconds:.0f}", quiet)
    print("  ".join(f"{name:>10}" for name in _COLUMNS))
    print("  ".join(f"{cell:>10}" for cell in cells))
    print(f"  runs: {', '.join(f'{status} {count}' for status, count in sorted(truth.statuses.items()))}")
    print(f"  killed themselves at: {', '.join(f'{point} {count}' for point, count in result.points.most_common())}")
    print(f"  starts that failed: {result.failed_starts}")
    lateness = {
        "runs": fire_seconds(truth),
        "creates": create_seconds(truth),
        "resolves": resolve_seconds(truth),
    }
    for name, late in lateness.items():
        if late:
            print(f"  lateness of {name}: p50 {_at(late, 0.5)}, p95 {_at(late, 0.95)}, max {_at(late, 1)}")
    found = findings(truth)
    print(f"  {', '.join(f'{name} {len(found[name])}' for name in FINDINGS)}")
    for name, whats in result.violations.items():
        for what in whats[:20]:
            print(f"  {name}: {what}")
    for complaint, count in result.complaints.most_common(15):
        print(f"  {count:>5} x {complaint}")
    sys.stdout.flush()


def _at(ordered: Sequence[float], share: float) -> str:
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.2f} s"


if __name__ == "__main__":
    sys.exit(main())
