"""Changes between two steps of reading the log: none is lost, and none is delivered twice."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.util import await_only

from domain.bootstrap import Domain
from domain.messaging import readers
from domain.messaging.readers import DurableReader
from domain.model.change import Change
from domain.persistence.unit_of_work import UnitOfWork
from tests.conftest import engines_of
from tests.domain.messaging.changes import NEVER, a_tail, append, take, until
from tests.inside import inside

Steps = list[Callable[[], Awaitable[object]]]
pytestmark = pytest.mark.asyncio(loop_scope="module")
on_postgresql = pytest.mark.parametrize(
    "shared", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
_steps: ContextVar[Steps | None] = ContextVar("_steps", default=None)


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


@contextmanager
def between_reads(domain: Domain) -> Iterator[Steps]:
    """Yield a list of steps, each of which runs after one read of this task or its children."""
    steps: Steps = []
    token = _steps.set(steps)

    def step(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if _steps.get() is steps and steps and statement.startswith("SELECT"):
            await_only(steps.pop(0)())

    for engine in engines_of(domain):
        sa.event.listen(engine, "after_cursor_execute", step)
    yield steps
    for engine in engines_of(domain):
        sa.event.remove(engine, "after_cursor_execute", step)
    _steps.reset(token)


@on_postgresql
async def test_a_log_that_is_pruned_while_a_page_is_read_is_read_as_it_was(domain: Domain) -> None:
    head = await domain.events.head()
    stored = await append(domain, 4)

    async def prune() -> None:
        tomorrow = domain.clock.now() + timedelta(days=1)
        await inside(domain).database.write(lambda unit: unit.changes.prune(before=tomorrow, limit=2))

    async with a_tail(domain) as tail, aclosing(tail.follow(head)) as batches:
        with between_reads(domain) as steps:
            steps.append(prune)
            assert [change.seq for change in await anext(batches)] == stored


async def test_a_page_read_twice_at_once_is_kept_once(domain: Domain) -> None:
    async with a_tail(domain, ring_size=10) as tail:
        head = tail.last
        stored = await append(domain, 3)
        both = asyncio.Barrier(2)
        with between_reads(domain) as steps:
            steps += [both.wait, both.wait]
            async with asyncio.timeout(60):
                await asyncio.gather(tail.read_now(), tail.read_now())

        assert await take(tail, head, 3) == stored
        assert [change.seq for change in tail.seen(head, kinds=["widget"]) or ()] == stored


async def test_a_wake_up_that_comes_while_a_page_is_read_is_not_lost(domain: Domain) -> None:
    async def append_more() -> None:
        stored.extend(await append(domain))
        tail.wake()

    with between_reads(domain) as steps:
        async with a_tail(domain) as tail:
            following = asyncio.create_task(take(tail, tail.last, 2))
            stored = await append(domain)
            steps.append(append_more)
            tail.wake()

            assert await following == stored


async def test_a_change_appended_during_a_readers_last_read_is_handled(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_LONGEST_WAIT_SECONDS", NEVER)
    handled: list[int] = []
    stopping = asyncio.Event()

    async def handle(unit: UnitOfWork, change: Change) -> None:
        handled.append(change.seq)

    async def append_and_have_it_seen() -> None:
        [seq] = await append(domain)
        await until(lambda: inside(domain).tail.last >= seq)

    reader = DurableReader(
        "interleaved",
        kinds=["widget"],
        handler=handle,
        database=inside(domain).database,
        tail=inside(domain).tail,
        clock=domain.clock,
    )
    await reader.register()
    with between_reads(domain) as steps:
        # Its first look asks for the position, then for what is behind it.
        steps += [_nothing, append_and_have_it_seen]
        running = asyncio.create_task(reader.run(stopping))
        try:
            await until(lambda: len(handled) == 1)
        finally:
            stopping.set()
            await append(domain)
            await running


async def _nothing() -> None:
    pass
