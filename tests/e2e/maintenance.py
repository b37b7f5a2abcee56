"""A crash test of maintenance: kills servers while they begin and end what came meanwhile, then counts the events.

python -m tests.e2e.maintenance --count 40 --kills 10 --seed 1 --database sqlite
"""

import argparse
import asyncio
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.entities.maintenance import ENDED, STARTED
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import Server, running_server
from tests.factories import make_maintenance, make_system
from tests.inside import inside

#: How often each window takes place while no server runs.
_TIMES = 20
_SERVERS = 2
_PAGE = 1_000
_LONGEST_SECONDS = 120.0


class _Earlier(Clock):
    """A clock of the days before all that takes place."""

    @override
    def now(self) -> datetime:
        return super().now() - timedelta(days=_TIMES + 2)


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome: the events of each window in their order, and how far they were at each kill."""

    windows: list[str] = field(default_factory=list)
    events: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    #: The number of events at each kill.
    kills: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def violations(self) -> list[str]:
        """The windows whose instances did not each begin once and then end once, in their order."""
        return [window for window in self.windows if not _is_sound(self.events.get(window, []))]


def _is_sound(events: Sequence[tuple[str, str]]) -> bool:
    begun = [original for event, original in events if event == STARTED]
    each_twice = [pair for original in begun for pair in ((STARTED, original), (ENDED, original))]
    return len(begun) == _TIMES and begun == sorted(set(begun)) and list(events) == each_twice


async def crash(database_url: str, *, count: int, kills: int, seed: int) -> Result:
    """Kill servers that catch up with `count` windows, and return what happened to these."""
    began, choices, result = time.monotonic(), random.Random(seed), Result()
    settings = Settings(database_url=database_url, automations=False)
    async with running_domain(settings, live=False, clock=_Earlier()) as domain:
        await make_system(domain)
        for _ in range(count):
            window = await make_maintenance(domain, recurrence=f"FREQ=DAILY;COUNT={_TIMES}")
            result.windows.append(window.id)
    total = 2 * _TIMES * count
    points = sorted(choices.sample(range(total // 10, total * 8 // 10), kills))
    async with AsyncExitStack() as stack:
        domain = await stack.enter_async_context(running_domain(settings, live=False))
        servers = [
            await stack.enter_async_context(running_server(database_url, may_complain=True)) for _ in range(_SERVERS)
        ]
        await asyncio.wait_for(_catch_up(domain, servers, result, points, choices), _LONGEST_SECONDS)
    result.seconds = time.monotonic() - began
    return result


async def _catch_up(
    domain: Domain, servers: Sequence[Server], result: Result, points: Sequence[int], choices: random.Random
) -> None:
    waiting, position = list(points), 0
    happened: dict[str, list[tuple[str, str]]] = defaultdict(list)
    result.events = happened
    while True:
        # Before the changes are read, so that those of the last one that was due are among them.
        is_over = await inside(domain).database.read(_is_over)
        changes = await domain.events.raw(position, limit=_PAGE)
        for change in changes:
            original = str((change.payload or {}).get("originalStart"))
            happened[change.entity_id] += [(each, original) for each in change.events if each in {STARTED, ENDED}]
        position = changes[-1].seq if changes else position
        done = sum(map(len, happened.values()))
        if waiting and done >= waiting[0]:
            waiting.pop(0)
            server = choices.choice(servers)
            await server.kill()
            result.kills.append(done)
            await server.start()
        elif not changes and is_over:
            return
        elif not changes:
            await asyncio.sleep(0.01)


async def _is_over(session: ReadSession) -> bool:
    return not await session.maintenance.due(Clock().now(), limit=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.maintenance", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="how many windows take place 20 times each")
    parser.add_argument("--kills", type=int, default=10, help="how many times to kill one of the two servers")
    parser.add_argument("--seed", type=int, default=1, help="what the choices start from")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await crash(url, count=options.count, kills=options.kills, seed=options.seed)
        events = sum(map(len, result.events.values()))
        print(
            f"{dialect}: {len(result.windows)} windows, {events} events, {len(result.kills)} kills at {result.kills}; "
            f"{len(result.violations)} violations; {result.seconds:.0f} s"
        )
        sys.stdout.flush()
        sound = sound and not result.violations
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
