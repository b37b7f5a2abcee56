"""The making of a long past beside the writing of it: in a process of its own, for SQLite has but one writer."""

import asyncio
import gc
import multiprocessing
import pickle
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from multiprocessing.connection import Connection
from typing import Any

from domain.demo.making import Batch, Maker, Plan

#: Called with its first number, returns the next batch; calls that overlap get theirs in the order of the calls.
Make = Callable[[int], Coroutine[Any, Any, Batch]]
#: A process takes a second to start, which is as long as it takes to make this many.
_FEW = 2_000


@asynccontextmanager
async def making(plan: Plan, *, apart: bool | None = None) -> AsyncIterator[Make]:
    """Make the batches of a past in a process while the block runs, or in a thread where they are few."""
    if plan.incidents > _FEW if apart is None else apart:
        async with _process(plan) as make:
            yield make
    else:
        yield _in_threads(Maker(plan))


def _in_threads(maker: Maker) -> Make:
    order = asyncio.Lock()

    async def make(first_number: int) -> Batch:
        async with order:
            return await asyncio.to_thread(maker.make, first_number)

    return make


@asynccontextmanager
async def _process(plan: Plan) -> AsyncIterator[Make]:
    # Not a copy of this process, which has threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, plan), daemon=True)
    with closing(ours):
        with closing(theirs):
            process.start()
        try:
            yield _over(ours)
        finally:
            # It has nothing that could be lost.
            process.kill()
            process.join()


def _over(connection: "Connection[int, bytes]") -> Make:
    order = asyncio.Lock()

    async def make(first_number: int) -> Batch:
        connection.send(first_number)
        async with order:
            try:
                answer = await asyncio.to_thread(connection.recv_bytes)
            except (EOFError, ConnectionError):
                raise RuntimeError("the process that makes the past has ended") from None
        batch: Batch = pickle.loads(answer)  # noqa: S301 - of our own process
        return batch

    return make


def _serve(connection: "Connection[bytes, int]", plan: Plan) -> None:
    """Make batches until the process that wants them has ended, or kills this one."""
    # Ctrl-C reaches all processes of a terminal, and it is for the other one to end in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Rows refer to nothing in circles: to look for garbage in them would take a tenth of the time.
    gc.disable()
    maker = Maker(plan)
    with suppress(EOFError, ConnectionError):
        while True:
            batch = maker.make(connection.recv())
            connection.send_bytes(pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL))
