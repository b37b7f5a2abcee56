"""Thousands of sockets over several workers under steady writes: memory, lag and CPU by the minute.

python -m tests.benchmarks.soak --database postgresql --workers 4 --sockets 5000 --groups 50 --rate 50 --minutes 10

Each write changes an incident of one of the groups, and a group's sockets get it: with fewer groups a write is sent to
more sockets. A write is timed from its request to its answer and to each socket: p50 / p99 / most. The load
is the machine's, with all other programs.
"""

import argparse
import asyncio
import itertools
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.benchmarks.http.client import percentile
from tests.benchmarks.servers import raise_file_limit
from tests.benchmarks.soak_client import STEPS
from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.parts import running_redis
from tests.e2e.processes import cpu_seconds_of
from tests.e2e.server import TOKEN, Server, api_of, running_server

_ROOT = Path(__file__).parents[2]
_LATE_SECONDS = 60
_SHARES = (0.5, 0.99, 1.0)
#: All of the load comes from one address, with one token.
_UNBOUND: dict[str, Any] = {
    "rate_limit": "0",
    "max_connections_per_address": "1000000",
    "max_sockets_per_caller": "1000000",
    "max_subscriptions_per_token": "1000000",
}


@dataclass(slots=True)
class Client:
    """A process with many sockets."""

    process: asyncio.subprocess.Process

    async def read(self) -> Any:
        """Return what it says next."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        assert line, "a client ended"
        return json.loads(line)

    async def ask(self, *, counts: bool = False) -> Any:
        """Ask what arrived since it was last asked."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"counts\n" if counts else b"lags\n")
        return await self.read()


@dataclass(slots=True)
class Writing:
    """Writes at a steady rate, each to the incident of the next group."""

    api: Api
    incidents: Mapping[str, str]
    acknowledged: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    #: How long those of this interval took.
    seconds: list[float] = field(default_factory=list)
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, rate: float, seconds: float) -> None:
        """Write for so long, whether or not those before are answered."""
        began = time.monotonic()
        for number, group in zip(itertools.count(), itertools.cycle(self.incidents)):
            due = began + number / rate
            if due >= began + seconds:
                break
            await asyncio.sleep(due - time.monotonic())
            task = asyncio.create_task(self._write(group))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        await asyncio.gather(*self._under_way)

    async def _write(self, group: str) -> None:
        began = time.monotonic_ns()
        try:
            await self.api.write("updateIncident", id=self.incidents[group], title=str(began))
        except (httpx.HTTPError, AssertionError) as error:
            self.failures.append(repr(error))
        else:
            self.acknowledged[group] += 1
            self.seconds.append((time.monotonic_ns() - began) / 1e9)


class Soak:
    """A server of several workers with all its clients."""

    def __init__(self, server: Server, clients: Sequence[Client], writing: Writing) -> None:
        self._server = server
        self._clients = clients
        self._writing = writing
        self._pids = server.workers or [server.pid]
        self._first: list[float] = []

    async def run(self, options: argparse.Namespace) -> list[str]:
        """Write, print a line an interval, and return what went wrong."""
        task = asyncio.create_task(self._writing.run(options.rate, options.minutes * 60))
        for number in itertools.count(1):
            before, cpu, began = self._writing.acknowledged.total(), self._cpu(), time.monotonic()
            await asyncio.wait({task}, timeout=options.interval)
            if task.done():
                break
            answers = await asyncio.gather(*(client.ask() for client in self._clients))
            seconds = time.monotonic() - began
            writes = self._writing.acknowledged.total() - before
            used = [(after - earlier) / seconds for earlier, after in zip(cpu, self._cpu(), strict=True)]
            self._print(number, seconds, writes, answers, used)
            self._writing.seconds.clear()
        await task
        return [*self._writing.failures[:5], *await self._differences()]

    def _cpu(self) -> list[float]:
        clients = [client.process.pid for client in self._clients]
        return [sum(map(cpu_seconds_of, self._pids)), sum(map(cpu_seconds_of, clients))]

    def _print(self, number: int, seconds: float, writes: int, answers: Sequence[Any], used: Sequence[float]) -> None:
        lags: Counter[int] = Counter()
        for answer in answers:
            lags.update({int(step): count for step, count in answer["lags"].items()})
        memory = [_megabytes(pid) for pid in self._pids]
        self._first = self._first or memory
        shown = " / ".join(f"{1000 * at:,.0f}" for at in _percentiles(lags, _SHARES))
        took = self._writing.seconds or [0.0]
        answered = " / ".join(f"{1000 * percentile(took, share):,.0f}" for share in _SHARES)
        print(
            f"{number:>3}  {writes / seconds:6.1f} writes/s of {answered} ms  "
            f"{lags.total() / seconds:8,.0f} pushes/s after {shown} ms  "
            f"RSS {' '.join(f'{each:.0f}' for each in memory)} MB  "
            f"cores: workers {used[0]:.2f}, clients {used[1]:.2f}  "
            f"{sum(answer['gone'] for answer in answers)} sockets gone  load {os.getloadavg()[0]:.0f}",
            flush=True,
        )

    async def _differences(self) -> list[str]:
        """Return the groups whose sockets did not get every write once, when all had time to arrive."""
        deadline = time.monotonic() + _LATE_SECONDS
        while (found := await self._unlike()) and time.monotonic() < deadline:  # noqa: ASYNC110 - they answer when asked
            await asyncio.sleep(1)
        grown = [after - before for before, after in zip(self._first, map(_megabytes, self._pids), strict=False)]
        print(f"since the first line the workers grew by {' '.join(f'{each:+.1f}' for each in grown)} MB")
        return found

    async def _unlike(self) -> list[str]:
        found = []
        for client in self._clients:
            answer = await client.ask(counts=True)
            found += answer["refusals"]
            found += [f"{answer['gone']} sockets are gone"] * bool(answer["gone"])
            for group, (least, most) in answer["counts"].items():
                if not least == most == self._writing.acknowledged[group]:
                    found.append(f"{group}: {self._writing.acknowledged[group]} writes, {least} to {most} arrived")
        return found


def _percentiles(lags: Counter[int], shares: Sequence[float]) -> Iterator[float]:
    steps = sorted(lags)
    for share in shares:
        left = math.ceil(share * lags.total())
        for step in steps:
            left -= lags[step]
            if left <= 0:
                yield math.exp(step / STEPS)
                break


def _megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    [rss] = [int(line.split()[1]) for line in lines if line.startswith("Rss:")]
    return rss * 1024 / 1e6


async def soak(options: argparse.Namespace) -> int:
    """Run the benchmark and return its exit code: 1 where anything was lost, repeated or refused."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(options.database))
        redis = await stack.enter_async_context(running_redis())
        serve = ("--workers", str(options.workers))
        server = await stack.enter_async_context(
            running_server(url, options=serve, broadcast_url=redis.url, may_complain=True, **_UNBOUND)
        )
        await server.workers_serve(options.workers)
        api = await stack.enter_async_context(api_of(server))
        incidents = {}
        for number in range(options.groups):
            group = f"group-{number}"
            await api.write("createSystem", key=group, name=group)
            incidents[group] = await api.create_incident("0", systemIds=[group])
        clients = [await _client(stack, server, options, number) for number in range(options.clients)]
        opened = [(await client.read())["open"] for client in clients]
        print(
            f"{options.database}, {options.workers} workers: {sum(opened):,} sockets in {options.groups} groups",
            flush=True,
        )
        found = await Soak(server, clients, Writing(api, incidents)).run(options)
        complaints = [line for line in server.stderr.splitlines() if "Traceback" in line or " ERROR " in line]
    for line in (*found, *complaints[:5]):
        print(f"  {line}")
    print(f"{len(found) + len(complaints)} violations")
    return 1 if found or complaints else 0


async def _client(stack: AsyncExitStack, server: Server, options: argparse.Namespace, number: int) -> Client:
    sockets = options.sockets // options.clients
    port = server.url.rpartition(":")[2]
    numbers = map(str, (sockets, options.groups, number * sockets))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.soak_client", port, TOKEN, *numbers),
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )

    async def end() -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    return Client(process)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak", description=__doc__)
    parser.add_argument("--database", choices=DIALECTS, default="postgresql")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--sockets", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=2, help="how many processes open them")
    parser.add_argument("--groups", type=int, default=50, help="over how many systems the sockets spread")
    parser.add_argument("--rate", type=float, default=50, help="how many writes a second")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--interval", type=float, default=60, help="after how many seconds there is a line")
    options = parser.parse_args(arguments)
    # The processes that this one starts have its limit.
    raise_file_limit()
    return asyncio.run(soak(options))


if __name__ == "__main__":
    sys.exit(main())
