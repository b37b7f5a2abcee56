"""Bulk loading of pasts: rows, history and log, as if each step had been written when it happened."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.demo.history import Historian, Step
from domain.demo.outages import Report
from domain.entities.handle import Applied, EntityHandle
from domain.entities.health import snapshot_of as snapshot_of_health
from domain.entities.incident import snapshot_of
from domain.entities.origin import Origin
from domain.model.actor import Actor, ActorType
from domain.model.change import Change, Transition
from domain.model.health import SystemHealth
from domain.model.incident import Incident
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.writing import Writer

_MONITOR = Actor(type=ActorType.APPLICATION, id="monitor", name="Monitor")
Recorded = tuple[Change, Sequence[Transition]]


class HistoryLoader:
    """A loader of incidents' stories and health reports through their handles, a batch to a transaction."""

    def __init__(
        self, *, writer: Writer, incidents: EntityHandle[Incident], health: EntityHandle[SystemHealth]
    ) -> None:
        self._writer = writer
        self._incidents = incidents
        self._health = health

    async def load(
        self,
        historian: Historian,
        starts: Sequence[datetime],
        now: datetime,
        reports: Sequence[Report],
    ) -> None:
        """Write the stories that begin at these moments, and these reports, in the order of time."""

        async def work(unit: UnitOfWork) -> None:
            first = await unit.incidents.last_of_numbers(len(starts)) - len(starts) + 1
            stories = [historian.story(first + index, start, now=now) for index, start in enumerate(starts)]
            await self._write(unit, stories)
            recorded = [*self._told(stories), *self._reported(reports)]
            for _, change in sorted(recorded, key=lambda entry: entry[0]):
                unit.record(*change)
            for report in reports:
                await unit.health.put(report.after)

        await self._writer.run(work)

    async def _write(self, unit: UnitOfWork, stories: Sequence[Sequence[Step]]) -> None:
        ends = [story[-1].after for story in stories]
        steps = sorted((step for story in stories for step in story), key=lambda step: step.at)
        entries = [step.update for step in steps if step.update is not None]
        await unit.incidents.insert_many(ends)
        await unit.timeline.insert_many(entries)
        await unit.links.insert_many([step.link for step in steps if step.link is not None])
        headers = [
            (end.id, end.id, Visibility.PUBLIC, f"{end.reference} {end.title} {end.description}") for end in ends
        ]
        texts = [(entry.id, entry.incident_id, entry.visibility, entry.message) for entry in entries]
        await unit.search.insert_many([*headers, *texts])
        for end in ends:
            if end.is_open:
                await unit.claims.take_free(end.id, end.system_ids, end.dedupe_key)

    def _told(self, stories: Sequence[Sequence[Step]]) -> Iterator[tuple[datetime, Recorded]]:
        for step in (step for story in stories for step in story):
            before = snapshot_of(step.before) if step.before is not None else None
            applied = Applied(after=snapshot_of(step.after), touched=step.touched)
            recorded = self._incidents.replay(
                step.after.id, before, applied, origin=Origin(actor=step.actor), at=step.at
            )
            if recorded is not None:
                yield step.at, recorded

    def _reported(self, reports: Sequence[Report]) -> Iterator[tuple[datetime, Recorded]]:
        for report in reports:
            before = snapshot_of_health(report.before) if report.before is not None else None
            applied = Applied(after=snapshot_of_health(report.after))
            recorded = self._health.replay(
                report.after.system_id, before, applied, origin=Origin(actor=_MONITOR), at=report.at
            )
            if recorded is not None:
                yield report.at, recorded
