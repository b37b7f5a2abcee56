"""Imports: objects of a file become rows, history and log, a batch to a transaction, and fire no trigger.

What is here already stays as it is. So a file can be imported again, after a crash as well, and only the rest is taken.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from domain.clock import Clock
from domain.model.actor import Actor
from domain.model.histories import History, IncidentHistory, MaintenanceHistory, Note, Refusal
from domain.model.system import System
from domain.persistence.database import Database
from domain.persistence.erasures import PersonDigest
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.transfer.adapting import Adapter
from domain.transfer.deciding import (
    Decided,
    Placed,
    decide_health,
    decide_incidents,
    decide_maintenance,
    decide_people,
    decide_relations,
    decide_systems,
    ids_of,
    systems_of,
)
from domain.transfer.documents import kind_of
from domain.transfer.reading import Item
from domain.transfer.windows import window_ids
from domain.transfer.writing import HistoryWriter

#: The most objects of one transaction, and the most bytes of a file; one that is larger comes alone.
_BATCH, _BATCH_BYTES = 200, 4 * 1024 * 1024


class Listener(Protocol):
    """A follower of an import."""

    def refused(self, refusal: Refusal) -> None:
        """Take note of something that is not taken."""

    def noted(self, note: Note) -> None:
        """Take note of something that is to be known of what is taken, or of what is here already."""

    def advanced(self, size_bytes: int) -> None:
        """Take note of how much of the file is done."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts of an import: what was taken and what was here already, by kind, and what was refused."""

    taken: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)
    refused: int = 0

    def add(self, kind: str, decided: Decided[Any]) -> None:
        """Count a batch."""
        self.taken[kind] = self.taken.get(kind, 0) + len(decided.taken)
        self.present[kind] = self.present.get(kind, 0) + decided.present


@dataclass(slots=True, kw_only=True)
class _Run:
    """One import under way."""

    adapter: Adapter
    listener: Listener
    is_dry: bool
    is_strict: bool
    tally: Tally = field(default_factory=Tally)
    #: The ids that a dry run would have written.
    expected: set[str] = field(default_factory=set)
    is_over: bool = False


class ImportService:
    """The imports into a database."""

    def __init__(self, *, database: Database, clock: Clock, writer: HistoryWriter, digests: PersonDigest) -> None:
        self._database = database
        self._clock = clock
        self._writer = writer
        self._digests = digests

    def now(self) -> datetime:
        """Return the present moment, behind which no history is."""
        return self._clock.now()

    async def run(
        self, items: Iterable[Item], listener: Listener, *, is_dry: bool = False, is_strict: bool = False
    ) -> Tally:
        """Take over objects in their order, and return the counts.

        A dry run writes nothing, and finds all but relations that would lead in a circle. A strict one ends at the
        first refusal; what came before it is taken.
        """
        run = _Run(adapter=Adapter(digests=self._digests), listener=listener, is_dry=is_dry, is_strict=is_strict)
        for batch, read in _batches(items, 1 if is_strict else _BATCH):
            await self._take(run, batch)
            listener.advanced(read)
            if run.is_over:
                break
        return run.tally

    async def _take(self, run: _Run, batch: Sequence[tuple[str, History | Refusal]]) -> None:
        first = batch[0][1]
        if isinstance(first, Refusal):
            self._refuse(run, [first])
            return
        kind = kind_of(first)
        decided = await self._decided(run, kind, batch)
        run.tally.add(kind, decided)
        run.adapter.systems |= decided.mapped
        for note in decided.notes:
            run.listener.noted(note)
        self._refuse(run, decided.refused)

    def _refuse(self, run: _Run, refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            run.tally.refused += 1
            run.listener.refused(refusal)
            if run.is_strict:
                run.is_over = True
                return

    async def _decided(self, run: _Run, kind: str, batch: Any) -> Decided[Any]:
        if run.is_dry:
            decided = await self._database.read(lambda session: _decide(session, run, kind, batch))
            _expect(run, decided)
            return decided

        async def work(unit: UnitOfWork) -> Decided[Any]:
            await self._writer.lock(unit, kind)
            decided = await _decide(unit, run, kind, batch)
            await self._writer.write(unit, kind, decided)
            return decided

        # A long one: others would wait for it where they share its commit.
        return (await self._database.write(work)).value


async def _decide(session: ReadSession, run: _Run, kind: str, batch: Placed[Any]) -> Decided[Any]:
    adapter, expected = run.adapter, run.expected
    # Of this moment: somebody may be forgotten while a long import is under way.
    adapter.forgotten = await _forgotten(session)
    if kind == "system":
        return await decide_systems(session, batch)
    if kind == "person":
        return await decide_people(session, batch, adapter)
    adapted = [(place, _ADAPTED[kind](adapter, each)) for place, each in batch]
    if kind == "health":
        return await decide_health(session, adapted, expected)
    if kind == "relation":
        return await decide_relations(session, adapted, expected)
    named = {system for _, each in adapted for system in systems_of(each)}
    # Locked against deletion, where something is written.
    known = {*await session.systems.resolve(sorted(named), keep=not run.is_dry), *(expected & named)}
    if kind == "maintenance":
        return await decide_maintenance(session, adapted, known, expected)
    return await decide_incidents(session, adapted, known, expected)


async def _forgotten(session: ReadSession) -> dict[str, Actor]:
    known = await session.erasures.known()
    if not known:
        return {}
    erasures = await session.erasures.get_many([each.id for each in known])
    return {each.digest: erasures[each.id].person for each in known}


def _expect(run: _Run, decided: Decided[Any]) -> None:
    for _, each in decided.taken:
        if isinstance(each, IncidentHistory):
            run.expected.update(ids_of(each))
        elif isinstance(each, MaintenanceHistory):
            run.expected.update(window_ids(each))
        elif isinstance(each, System):
            run.expected.add(each.id)


def _batches(items: Iterable[Item], most: int) -> Iterator[tuple[list[tuple[str, History | Refusal]], int]]:
    """Yield objects of one kind that stand together, with the number of bytes read up to there."""
    batch: list[tuple[str, History | Refusal]] = []
    kind, began, before = "", 0, 0
    for item, place, read in items:
        following = "" if isinstance(item, Refusal) else kind_of(item)
        if batch and (not following or following != kind or len(batch) >= most or before - began >= _BATCH_BYTES):
            yield batch, before
            batch, began = [], before
        kind, before = following, read
        batch.append((place, item))
    if batch:
        yield batch, before


_ADAPTED: dict[str, Callable[[Adapter, Any], Any]] = {
    "health": Adapter.health,
    "incident": Adapter.incident,
    "relation": Adapter.relation,
    "maintenance": Adapter.maintenance,
}
