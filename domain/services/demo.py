"""The demonstration: a history to look at, and a gentle stream of events that are marked as made up."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from domain.clock import Clock
from domain.entities.handle import Applied, EntityHandle, Origin
from domain.entities.incident import snapshot_of
from domain.errors import AlreadyExistsError, DomainError
from domain.model.actor import Actor, ActorType
from domain.model.commands import AddIncidentUpdate, CreateIncident, CreateSystem, UpdateIncident
from domain.model.filters import AllOf, Field, Operator, Term
from domain.model.incident import Incident, Severity, Status
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience, Role, Viewer, Visibility
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.history import SYSTEMS, Historian, Step
from domain.services.incidents import IncidentService
from domain.services.reads import Reads
from domain.services.systems import SystemService
from domain.services.timeline import TimelineService
from domain.services.writing import Writer

logger = logging.getLogger(__name__)

DEMO = Viewer(actor=Actor(type=ActorType.SERVICE, id="demo", name="Demo"), role=Role.ADMIN)
_MARK = "[demo]"
_BATCH = 500
_DAYS = 240
_MOST_OPEN = 4
_NEXT_STATUS = {
    Status.INVESTIGATING: Status.IDENTIFIED,
    Status.IDENTIFIED: Status.FIXING,
    Status.FIXING: Status.MONITORING,
    Status.MONITORING: Status.RESOLVED,
}


class DemoService:
    """Fills databases and keeps them lively."""

    def __init__(
        self,
        *,
        writer: Writer,
        handle: EntityHandle[Incident],
        clock: Clock,
        reads: Reads,
        systems: SystemService,
        incidents: IncidentService,
        timeline: TimelineService,
    ) -> None:
        self._writer = writer
        self._handle = handle
        self._clock = clock
        self._reads = reads
        self._systems = systems
        self._incidents = incidents
        self._timeline = timeline
        self._random = random.Random(7)  # noqa: S311 - stories, not secrets

    async def is_empty(self) -> bool:
        """Whether there is neither a system nor an incident yet."""
        if await self._reads.system_count():
            return False
        page = await self._reads.incident_page(AllOf(), Order(field="created_at"), PageRequest(size=1), Audience.PUBLIC)
        return not page.items

    async def fill(self, incidents: int, *, seed: int = 1, progress: Callable[[int], None] | None = None) -> None:
        """Add so many past incidents over eight months, each with all its changes, in transactions of 500.

        `progress` is told how many were added after every transaction.
        """
        now = self._clock.now()
        historian = Historian(await self._catalog(), seed=seed)
        batch: list[datetime] = []
        for start in historian.starts(incidents, now=now, days=_DAYS):
            batch.append(start)
            if len(batch) == _BATCH:
                await self._load(historian, batch, now, progress)
                batch = []
        if batch:
            await self._load(historian, batch, now, progress)

    async def run(self, stopping: asyncio.Event, *, pause_seconds: float = 6.0) -> None:
        """Do something small every few seconds until told to stop."""
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds * self._random.uniform(0.5, 1.5)):
                    await stopping.wait()
                    return
            try:
                await self.act()
            except DomainError as error:
                # Somebody was faster, by hand; the next turn looks anew.
                logger.info("the demonstration was refused: %s", error.message)
            except Exception:
                logger.exception("the demonstration failed; it goes on")

    async def act(self) -> None:
        """One small thing: open a marked incident, comment on one, worsen it or move it on."""
        mine = AllOf(
            (
                Term(Field.OPEN, Operator.EQ, True),  # noqa: FBT003 - a value, not a flag
                Term(Field.OPENED_BY, Operator.IN, (DEMO.actor.id,)),
            )
        )
        page = await self._reads.incident_page(
            mine, Order(field="created_at"), PageRequest(size=_MOST_OPEN), Audience.MANAGER
        )
        if not page.items or (len(page.items) < _MOST_OPEN and self._random.random() < 0.3):  # noqa: PLR2004
            await self._open()
            return
        await self._carry_on(self._random.choice(page.items))

    async def _open(self) -> None:
        catalog = await self._catalog()
        system_id = self._random.choice(sorted(catalog))
        story = Historian({system_id: catalog[system_id]}, seed=self._random.randrange(1 << 30))
        past = story.story(0, self._clock.now(), now=self._clock.now())[0].after
        command = CreateIncident(
            title=f"{_MARK} {past.title}",
            description=past.description,
            severity=past.severity,
            systems=[system_id],
            initial_message="We are looking into it. (This incident is part of the demonstration.)",
        )
        await self._incidents.create(DEMO, command)

    async def _carry_on(self, incident: Incident) -> None:
        turn = self._random.random()
        if turn < 0.25:  # noqa: PLR2004
            note = AddIncidentUpdate(incident_id=incident.id, message="Still working on it.")
            await self._timeline.add(DEMO, note)
        elif turn < 0.4:  # noqa: PLR2004
            worse = UpdateIncident(id=incident.id, severity=self._random.choice(tuple(Severity)))
            await self._incidents.update(DEMO, worse)
        else:
            status = _NEXT_STATUS[incident.status]
            moved = AddIncidentUpdate(incident_id=incident.id, message=f"Now {status.value}.", status_change=status)
            await self._timeline.add(DEMO, moved)

    async def _catalog(self) -> dict[str, str]:
        """Names by id of the demonstration's systems, which are added where they are missing."""
        for key, name, description in SYSTEMS:
            with suppress(AlreadyExistsError):
                await self._systems.create(DEMO, CreateSystem(key=key, name=name, description=description))
        ids = await self._reads.system_ids([key for key, _, _ in SYSTEMS])
        return {
            identifier: system.name for identifier, system in (await self._reads.systems(list(ids.values()))).items()
        }

    async def _load(
        self,
        historian: Historian,
        starts: Sequence[datetime],
        now: datetime,
        progress: Callable[[int], None] | None,
    ) -> None:
        async def work(unit: UnitOfWork) -> None:
            first = await unit.incidents.last_of_numbers(len(starts)) - len(starts) + 1
            stories = [historian.story(first + index, start, now=now) for index, start in enumerate(starts)]
            await self._write(unit, stories)

        await self._writer.run(work)
        if progress is not None:
            progress(len(starts))

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
        for step in steps:
            before = snapshot_of(step.before) if step.before is not None else None
            applied = Applied(after=snapshot_of(step.after), touched=step.touched)
            recorded = self._handle.replay(step.after.id, before, applied, origin=Origin(actor=step.actor), at=step.at)
            if recorded is not None:
                unit.record(*recorded)
