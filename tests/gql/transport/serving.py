"""A real server in the test's own process and event loop, and a meter of the loop's longest iteration."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from domain.bootstrap import Domain
from gql.app import create_app

#: What `_yardstick` takes on the machine for which limits of this meter are written.
YARDSTICK_SECONDS = 0.004


@dataclass(slots=True)
class Ticker:
    """A meter of the CPU time of the event loop's longest iteration.

    On a slower machine, or one whose cores are shared, the seconds are those that the usual machine would take.
    """

    longest_seconds: float = 0.0
    running: bool = field(default=True)

    async def run(self) -> None:
        """Tick until stopped; at least one iteration of the event loop lies between two ticks."""
        while self.running:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.longest_seconds = max(self.longest_seconds, time.thread_time() - before)

    def adjust(self) -> None:
        """Divide the time by how many times slower this machine is now than the usual one."""
        self.longest_seconds /= max(1.0, max(_yardstick() for _ in range(3)) / YARDSTICK_SECONDS)


def _yardstick() -> float:
    """Return the CPU seconds of a fixed amount of plain Python."""
    before = time.thread_time()
    sum(number * number % 7 for number in range(75_000))
    return time.thread_time() - before


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    """Run a ticker meanwhile, after collecting the garbage of earlier tests."""
    gc.collect()
    # Documents of earlier tests stay in the cache: the next test need not traverse them again.
    gc.freeze()
    ticker = Ticker()
    task = asyncio.create_task(ticker.run())
    # So that it measures the first iteration, too.
    await asyncio.sleep(0)
    try:
        yield ticker
    finally:
        ticker.running = False
        await task
        ticker.adjust()


@asynccontextmanager
async def serving(domain: Domain) -> AsyncIterator[str]:
    """Yield the address of a server for this domain."""
    async with serving_app(create_app(domain)) as address:
        yield address


@asynccontextmanager
async def serving_app(app: ASGIApp, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Yield the address of a server for this application, at an address of this machine."""
    with socket.create_server((host, 0)) as listening:
        config = uvicorn.Config(app, lifespan="off", access_log=False, log_config=None)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([listening]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://{host}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
