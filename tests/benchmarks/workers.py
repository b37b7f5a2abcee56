"""Reads a second of 1, 2 and 4 workers, and how fast a write through any of them reaches subscribers of all.

python -m tests.benchmarks.workers --database postgresql --workers 1,2,4 --writes 200 --away 30

With --away, Redis is killed for so many seconds while writes go on: the poll takes over, and nothing is lost. Reads are
limited by the machine's cores, one of which the load client takes.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryDirectory

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.benchmarks.http.client import Outcome, drive, framed, percentile
from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.parts import Redis
from tests.e2e.server import TOKEN, Server, api_of, running_server

_CONNECTIONS = 32
_SUBSCRIBERS = 16
_PACE_SECONDS = 0.05
_INCIDENTS = 100
_LONGEST_SECONDS = 60.0
_PAGE = "{ incidents(first: 20) { totalCount nodes { id title status severity systems { key } } } }"
_SUBSCRIPTION = "subscription { incidentChanges { incidentId incident { title } } }"
_SUBPROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass(slots=True)
class Arrivals:
    """When each title arrived at one subscriber."""

    at: dict[str, float] = field(default_factory=dict)
    repeats: int = 0

    async def follow(self, socket: ClientConnection, ready: asyncio.Event) -> None:
        """Note what arrives until the socket ends."""
        await socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "connection_ack":
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": _SUBSCRIPTION}}))
                ready.set()
            elif message["type"] == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            elif message["type"] == "next":
                title = message["payload"]["data"]["incidentChanges"]["incident"]["title"]
                self.repeats += title in self.at
                self.at.setdefault(title, time.perf_counter())


@dataclass(slots=True)
class Pushed:
    """The writes of one stretch and where they arrived."""

    sent: dict[str, float] = field(default_factory=dict)

    def line(self, name: str, arrivals: Sequence[Arrivals]) -> str:
        """Return the latencies of a stretch as a line, and how much of it never arrived."""
        late = [each.at[title] - began for title, began in self.sent.items() for each in arrivals if title in each.at]
        lost = len(self.sent) * len(arrivals) - len(late)
        repeats = sum(each.repeats for each in arrivals)
        spread = " / ".join(f"{1000 * percentile(late, share):.1f}" for share in (0.5, 0.99, 1.0)) if late else "none"
        return f"{name:<28} {len(self.sent):>6} writes  {spread} ms (p50 / p99 / max)  {lost} lost, {repeats} repeated"


async def write(apis: Sequence[Api], name: str, count: Callable[[int], bool]) -> Pushed:
    """Create incidents through one connection after another, at a steady pace, while `count` says so."""
    pushed, number = Pushed(), 0
    while count(number):
        title = f"{name} {number}"
        pushed.sent[title] = time.perf_counter()
        await apis[number % len(apis)].create_incident(title)
        number += 1
        await asyncio.sleep(_PACE_SECONDS)
    return pushed


async def reads_of(server: Server, seconds: float) -> tuple[Outcome, float]:
    """Return what a busy client got of a page of incidents, and the CPU seconds of all workers meanwhile."""
    port = int(server.url.rpartition(":")[2])
    request = framed(json.dumps({"query": _PAGE}).encode(), token=TOKEN)
    run = partial(drive, port, lambda: request, connections=_CONNECTIONS)
    await asyncio.to_thread(run, seconds=1.0)
    before = server.cpu_seconds_of_all
    outcome = await asyncio.to_thread(run, seconds=seconds)
    return outcome, server.cpu_seconds_of_all - before


async def measure(dialect: str, workers: int, options: argparse.Namespace) -> None:
    """Print the figures of a server of so many workers."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database(dialect))
        redis = Redis(stack.enter_context(TemporaryDirectory()))
        await redis.start()
        stack.push_async_callback(redis.kill)
        server = await stack.enter_async_context(
            running_server(
                url,
                may_complain=True,
                options=("--workers", str(workers)),
                broadcast_url=redis.url,
                rate_limit="0",
                max_subscriptions_per_token="1000",
            )
        )
        await server.workers_serve(workers)
        apis = [await stack.enter_async_context(api_of(server)) for _ in range(_SUBSCRIBERS)]
        await apis[0].create_system()
        for number in range(_INCIDENTS):
            await apis[0].create_incident(f"Incident {number}")
        outcome, cpu = await reads_of(server, options.seconds)
        count, late = len(outcome.latencies), 1000 * percentile(outcome.latencies, 0.99)
        print(
            f"{dialect}, {workers} workers: {count / outcome.seconds:,.0f} reads a second, "
            f"{1e6 * cpu / count:,.0f} us of CPU each, p99 {late:.0f} ms, {outcome.failures} failures"
        )
        arrivals = [Arrivals() for _ in apis]
        ready = [asyncio.Event() for _ in apis]
        for each, event in zip(arrivals, ready, strict=True):
            socket = await stack.enter_async_context(connect(server.websocket_url, subprotocols=[_SUBPROTOCOL]))
            task = asyncio.create_task(each.follow(socket, event))
            stack.callback(task.cancel)
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in ready)), _LONGEST_SECONDS)
        await asyncio.sleep(1)
        stretches = [("with Redis", await write(apis, "Before", lambda number: number < options.writes))]
        if options.away and workers > 1:
            await redis.kill()
            ends = time.monotonic() + options.away
            stretches.append(
                (f"Redis away for {options.away} s", await write(apis, "Away", lambda _: time.monotonic() < ends))
            )
            await redis.start()
            await asyncio.sleep(options.away / 3)
            stretches.append(("Redis back", await write(apis, "After", lambda number: number < options.writes)))
        await asyncio.sleep(2)
        for name, pushed in stretches:
            print(f"  {pushed.line(name, arrivals)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.workers", description=__doc__)
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    parser.add_argument("--workers", default="1,2,4", help="how many, separated by commas")
    parser.add_argument("--seconds", type=float, default=5, help="how long to read")
    parser.add_argument("--writes", type=int, default=200, help="how many writes are timed")
    parser.add_argument("--away", type=float, default=0, help="for how many seconds Redis is killed")
    options = parser.parse_args(arguments)
    for dialect in DIALECTS if options.database == "both" else (options.database,):
        for workers in map(int, options.workers.split(",")):
            asyncio.run(measure(dialect, workers, options))


if __name__ == "__main__":
    main()
