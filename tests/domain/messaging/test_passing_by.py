"""Changes that do not concern a durable reader: skipping them costs next to nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import pytest

from domain.bootstrap import Domain
from domain.messaging.readers import DurableReader
from domain.model.change import Change
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.domain.messaging.changes import append, until
from tests.inside import inside

T = TypeVar("T")
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


class Picky:
    """A reader of widgets that only some of them concern, with a record of its work."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self.concerning: set[int] = set()
        self.asked: list[int] = []
        self.handled: list[int] = []
        self.reads = 0
        self._reader = DurableReader(
            uuid.uuid4().hex,
            kinds=["widget"],
            handler=self._handle,
            database=cast("Database", self),
            tail=inside(domain).tail,
            clock=domain.clock,
            concerns=self._concerns,
        )
        self.write = inside(domain).database.write

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the reader, once it has skipped a change."""
        stopping = asyncio.Event()
        await self._reader.register()
        running = asyncio.create_task(self._reader.run(stopping))
        try:
            [first] = await append(self._domain)
            # It looks once more behind that one, before it waits for the tail.
            await until(lambda: first in self.asked and bool(inside(self._domain).tail._followers))
            yield
        finally:
            stopping.set()
            await running

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Count and forward a read of the database."""
        self.reads += 1
        return await inside(self._domain).database.read(work)

    async def _handle(self, unit: UnitOfWork, change: Change) -> None:
        self.handled.append(change.seq)

    async def _concerns(self, session: ReadSession, batch: Sequence[Change]) -> bool:
        self.asked += [change.seq for change in batch]
        return any(change.seq in self.concerning for change in batch)


async def test_changes_of_no_concern_are_checked_once_and_not_read_again(domain: Domain) -> None:
    picky = Picky(domain)
    async with picky.running():
        await until(lambda: picky._reader._passed == inside(domain).tail.last)
        for _ in range(3):
            reads = picky.reads
            [seq] = await append(domain)
            await until(lambda seq=seq: picky._reader._passed == seq)  # type: ignore[misc]
            assert (picky.reads - reads, picky.asked.count(seq)) == (1, 1)
    assert picky.handled == []


async def test_a_change_after_skipped_ones_is_handled(domain: Domain) -> None:
    picky = Picky(domain)
    async with picky.running():
        head = await domain.events.head()
        picky.concerning = {head + 2, head + 4}
        for _ in range(4):
            await append(domain)
        await until(lambda: head + 4 in picky.handled)
        [after] = await append(domain)
        await until(lambda: picky._reader._passed == after)
    assert {head + 2, head + 4} <= set(picky.handled)
    assert picky.handled == sorted(set(picky.handled))


async def test_changes_no_longer_in_memory_are_read_from_the_log(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    picky = Picky(domain)
    async with picky.running():
        monkeypatch.setattr(inside(domain).tail, "_floor", await domain.events.head() + 1)
        [seq] = await append(domain)
        await until(lambda: seq in picky.asked)
        picky.concerning = {seq + 1}
        await append(domain)
        await until(lambda: seq + 1 in picky.handled)
