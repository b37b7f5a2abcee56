"""A crash test: kills a busy server again and again, then counts lost, doubled and torn writes.

python -m tests.e2e.crash --count 50 --seed 1 --database sqlite
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from tests.e2e.audit import Truth, contradictions, doubled, holes, truth_of
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import Server, api_of, running_server
from tests.e2e.subscriber import Subscriber
from tests.e2e.writers import Writers

_CLIENTS = 6
_CATCH_UP_SECONDS = 60
_COLUMNS = (
    "database",
    "kills",
    "acked",
    "cut off",
    "changes",
    "missing",
    "doubled",
    "holes",
    "violations",
    "resumes",
    "seconds",
)
_LAST = "{ incidentChanges(last: 1) { nodes { id } } }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of a crash test."""

    kills: int
    acknowledged: Counter[str]
    #: How many requests the crashes left without an answer.
    cut_off: int
    changes: int
    missing: list[str]
    doubled: list[str]
    holes: list[str]
    resumes: int
    seconds: float
    #: All that is wrong, the three above among it.
    violations: list[str] = field(default_factory=list)


async def crash(database_url: str, *, kills: int, seed: int, longest_pause: float = 1.0) -> Result:
    """Kill a server again and again while clients write and one follows the log, then compare their records."""
    began = time.monotonic()
    choices = random.Random(seed)
    async with running_server(database_url) as server, api_of(server) as api:
        writers = Writers(api=api, random=choices)
        subscriber = Subscriber(server, after=await api.create_system())
        following = asyncio.create_task(subscriber.run())
        clients = [asyncio.create_task(writers.run()) for _ in range(_CLIENTS)]
        writers.up.set()
        for _ in range(kills):
            await asyncio.sleep(choices.uniform(0.05, longest_pause))  # the moment of the crash: any
            await _crash(server, writers)
        writers.stopping = True
        await asyncio.gather(*clients)
        last = (await api.run(_LAST))["incidentChanges"]["nodes"][0]["id"]
        await subscriber.until(last, seconds=_CATCH_UP_SECONDS)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        server.terminate()
        code = await server.ended()
    truth = await truth_of(database_url)
    violations = [f"the server ended with {code}"] if code != 0 else []
    violations += [*contradictions(truth), *writers.missing(truth), *writers.repeated(truth), *writers.mistakes]
    return Result(
        kills=kills,
        acknowledged=Counter(write.what for write in writers.acknowledged),
        cut_off=writers.cut_off,
        changes=len(truth.log),
        missing=writers.missing(truth),
        doubled=doubled(truth) + writers.repeated(truth),
        holes=holes(truth),
        resumes=subscriber.resumes,
        seconds=time.monotonic() - began,
        violations=violations + _unlike_the_log(subscriber, truth),
    )


async def _crash(server: Server, writers: Writers) -> None:
    writers.up.clear()
    await server.restart()
    writers.up.set()


def _unlike_the_log(subscriber: Subscriber, truth: Truth) -> list[str]:
    """Return the differences between the subscriber's events and the log."""
    expected = [change.id for change in truth.log]
    if subscriber.seen == expected:
        return subscriber.refusals
    repeated = [identifier for identifier, count in Counter(subscriber.seen).items() if count > 1]
    missed = [identifier for identifier in expected if identifier not in set(subscriber.seen)]
    return [*subscriber.refusals, f"the subscriber missed {missed}, got twice {repeated}, or got a wrong order"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.crash", description=__doc__)
    parser.add_argument("--count", type=int, default=50, help="how many times to kill the server")
    parser.add_argument("--seed", type=int, default=1, help="what the clients' choices and the moments start from")
    parser.add_argument("--database", choices=DIALECTS, help="both by default")
    parser.add_argument("--longest", type=float, default=1.0, help="how many seconds the server lives at most")
    options = parser.parse_args(arguments)
    dialects = (options.database,) if options.database else DIALECTS
    return asyncio.run(_compare(dialects, kills=options.count, seed=options.seed, longest=options.longest))


async def _compare(dialects: Sequence[str], *, kills: int, seed: int, longest: float) -> int:
    print("  ".join(f"{name:>10}" for name in _COLUMNS), flush=True)
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await crash(url, kills=kills, seed=seed, longest_pause=longest)
        counts = (result.missing, result.doubled, result.holes, result.violations)
        written = (result.acknowledged.total(), result.cut_off, result.changes)
        cells = (dialect, result.kills, *written, *map(len, counts), result.resumes)
        print("  ".join(f"{cell:>10}" for cell in (*cells, f"{result.seconds:.1f}")))
        print(f"  acknowledged: {', '.join(f'{what} {count}' for what, count in result.acknowledged.most_common())}")
        for violation in result.violations:
            print(f"  {violation}")
        sound = sound and not result.violations
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
