"""Functions that append to the log, follow it, and wait for results."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.messaging.tail import LogTail
from domain.model.actor import SYSTEM
from domain.model.change import Change, ChangeAction
from domain.persistence.unit_of_work import UnitOfWork
from tests.inside import inside

_DEADLINE_SECONDS = 60
NEVER = 3600.0


def a_change(domain: Domain, kind: str = "widget") -> Change:
    """Return the creation of an object, not appended yet."""
    return Change(
        id=new_id("chg"),
        kind=kind,
        entity_id=new_id("wdg"),
        version=1,
        action=ChangeAction.CREATED,
        prev=None,
        next={"size": 1},
        changed_fields=("size",),
        delta={"size": 1},
        actor=SYSTEM,
        occurred_at=domain.clock.now(),
    )


async def append(domain: Domain, count: int = 1, *, kind: str = "widget") -> list[int]:
    """Append so many changes to the log, each in a transaction of its own, and return their positions."""
    return [await _append(domain, a_change(domain, kind)) for _ in range(count)]


@asynccontextmanager
async def a_tail(domain: Domain, *, poll_seconds: float = NEVER, ring_size: int = 3) -> AsyncIterator[LogTail]:
    """Yield a tail with a ring far smaller than the log, woken by the test alone."""
    tail = LogTail(inside(domain).database, poll_seconds=poll_seconds, ring_size=ring_size)
    await tail.start()
    try:
        yield tail
    finally:
        await tail.stop()


async def take(tail: LogTail, after: int, count: int) -> list[int]:
    """Return the positions of the next changes after a position."""
    taken: list[int] = []
    async with asyncio.timeout(60), aclosing(tail.follow(after)) as batches:
        async for batch in batches:
            taken.extend(change.seq for change in batch)
            if len(taken) >= count:
                break
    return taken


async def until(reached: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail when it does not within ten seconds."""

    async def check() -> bool:
        return reached()

    await until_it_is(check)


async def until_it_is(so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until an asynchronous condition holds; fail when it does not within ten seconds."""
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while not await so():  # noqa: ASYNC110 - servers and counters have no event to wait for
            await asyncio.sleep(0.005)


async def _append(domain: Domain, change: Change) -> int:
    async def work(unit: UnitOfWork) -> None:
        unit.record(change, ())

    return (await inside(domain).database.write(work)).seq
