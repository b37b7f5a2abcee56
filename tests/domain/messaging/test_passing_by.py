"""Changes that do not concern a durable reader: skipping them costs next to nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import pytest

from domain.bootstrap import Domain
from domain.messaging import readers
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

    def __init__(self, domain: Domain, *, asks: bool = True) -> None:
        self._domain = domain
        self.concerning: set[int] = set()
        self.asked: list[int] = []
        self.handled: list[int] = []
        self.reads = 0
        self._name = uuid.uuid4().hex
        self._reader = DurableReader(
            self._name,
            kinds=["widget"],
            handler=self._handle,
            database=cast("Database", self),
            tail=inside(domain).tail,
            clock=domain.clock,
            concerns=self._concerns if asks else None,
        )
        self.write = inside(domain).database.write

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the reader, once it has skipped a change."""
        stopping = asyncio.Event()
        await self._reader.register()
        followers = inside(self._domain).tail._followers
        others = len(followers)
        running = asyncio.create_task(self._reader.run(stopping))
        try:
            [first] = await append(self._domain)
            # It looks once more behind that one, before it waits for the tail.
            await until(lambda: first in {*self.asked, *self.handled} and len(followers) > others)
            yield
        finally:
            stopping.set()
            # However long it would wait otherwise.
            await append(self._domain)
            await running

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Count and forward a read of the database."""
        self.reads += 1
        return await inside(self._domain).database.read(work)

    async def position(self) -> int:
        """The position that is stored."""
        return await inside(self._domain).database.read(lambda session: session.readers.position(self._name)) or 0

    async def _handle(self, unit: UnitOfWork, change: Change) -> None:
        self.handled.append(change.seq)

    async def _concerns(self, batch: Sequence[Change]) -> bool:
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
            assert (picky.reads - reads, picky.asked.count(seq)) == (0, 1)
    assert picky.handled == []


async def test_a_log_without_a_change_of_concern_is_read_once_for_each_page(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_BATCH", 2)
    picky = Picky(domain)
    await picky._reader.register()
    stored = await append(domain, 5)
    await inside(domain).tail.read_now()
    handled = await picky._reader.run_pending()
    assert (handled, picky.reads, picky.asked) == (0, 3, stored)
    assert picky._reader.reached == inside(domain).tail.last


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


async def test_a_change_that_concerns_is_handled_as_it_is_in_memory(domain: Domain) -> None:
    picky = Picky(domain)
    async with picky.running():
        await until(lambda: picky._reader.reached == inside(domain).tail.last)
        reads, head = picky.reads, await domain.events.head()
        picky.concerning = {head + 1}
        await append(domain)
        await until(lambda: picky._reader.reached == head + 1)
        assert (picky.reads, picky.handled[-1]) == (reads, head + 1)
        assert await picky.position() == head + 1


async def test_changes_no_longer_in_memory_are_read_from_the_log(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    picky = Picky(domain)
    async with picky.running():
        monkeypatch.setattr(inside(domain).tail, "_floor", await domain.events.head() + 1)
        reads = picky.reads
        [seq] = await append(domain)
        await until(lambda: seq in picky.asked)
        assert picky.reads > reads
        picky.concerning = {seq + 1}
        await append(domain)
        await until(lambda: seq + 1 in picky.handled)
    assert seq not in picky.handled


async def test_the_position_is_stored_behind_many_changes_that_were_passed_by(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_UNWRITTEN", 3)
    picky = Picky(domain)
    async with picky.running():
        before = await picky.position()
        for _ in range(4):
            [seq] = await append(domain)
            await until(lambda seq=seq: picky._reader._passed == seq)  # type: ignore[misc]
        assert before < await picky.position() <= seq


async def test_changes_of_other_kinds_wake_no_reader(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_LONGEST_WAIT_SECONDS", 3600.0)
    eager = Picky(domain, asks=False)
    async with eager.running():
        reads = eager.reads
        for _ in range(3):
            [seq] = await append(domain, kind="gadget")
            await until(lambda seq=seq: inside(domain).tail.last == seq)  # type: ignore[misc]
        [seq] = await append(domain)
        # Those of that change alone: one with it, and one behind it.
        await until(lambda: seq in eager.handled and eager.reads >= reads + 2)
        assert eager.reads == reads + 2
