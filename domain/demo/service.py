"""The demonstration's service: it fills a database with history and keeps adding events."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.demo.history import PEOPLE, SYSTEMS, Historian
from domain.demo.loading import HistoryLoader
from domain.demo.making import Plan
from domain.demo.outages import Report, outages
from domain.errors import AlreadyExistsError, DomainError, UnavailableError
from domain.model.actor import Actor, ActorType
from domain.model.commands import (
    AddIncidentUpdate,
    CreateIncident,
    CreateSystem,
    ReportSystemHealth,
    UpdateIncident,
)
from domain.model.filters import AllOf, Field, Operator, Term
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.paging import LARGEST_SIZE, Order, PageRequest
from domain.model.system import System
from domain.model.viewer import Audience, Role, Viewer
from domain.services.health import HealthService
from domain.services.incidents import IncidentService
from domain.services.reads import Reads
from domain.services.systems import SystemService
from domain.services.timeline import TimelineService

logger = logging.getLogger(__name__)

DEMO = Viewer(actor=Actor(type=ActorType.SERVICE, id="demo", name="Demo"), role=Role.ADMIN)
_MARK = "[demo]"
_OPEN = AllOf((Term(Field.OPEN, Operator.EQ, True),))  # noqa: FBT003 - a value, not a flag
_DAYS = 240
_MOST_OPEN = 4
_NEXT_STATUS = {
    Status.INVESTIGATING: Status.IDENTIFIED,
    Status.IDENTIFIED: Status.FIXING,
    Status.FIXING: Status.MONITORING,
    Status.MONITORING: Status.RESOLVED,
}


class DemoService:
    """A service that fills databases with made-up history and keeps them lively."""

    def __init__(
        self,
        *,
        loader: HistoryLoader,
        clock: Clock,
        health: HealthService,
        reads: Reads,
        systems: SystemService,
        incidents: IncidentService,
        timeline: TimelineService,
    ) -> None:
        self._loader = loader
        self._health = health
        self._clock = clock
        self._reads = reads
        self._systems = systems
        self._incidents = incidents
        self._timeline = timeline
        self._random = random.Random(7)  # noqa: S311 - stories, not secrets

    async def is_empty(self) -> bool:
        """Return whether there is neither a system nor an incident yet."""
        if await self._reads.system_count():
            return False
        page = await self._reads.incident_page(AllOf(), Order(field="created_at"), PageRequest(size=1), Audience.PUBLIC)
        return not page.items

    async def fill(
        self, incidents: int, *, seed: int = 1, progress: Callable[[int], None] | None = None, scene: bool = False
    ) -> None:
        """Add that many past incidents over eight months, each with all its changes, in transactions of 500.

        `progress` is called after each transaction with the number that it added. With `scene`, a few more follow that
        are open.
        """
        now = self._clock.now()
        catalog = await self._catalog()
        plan = Plan(
            systems={identifier: system.name for identifier, system in catalog.items()},
            incidents=incidents,
            now=now,
            days=_DAYS,
            seed=seed,
            reports=await self._outages(catalog, now, seed),
            sqlite=self._loader.is_sqlite,
            scene=scene,
        )
        await self._loader.load(plan, progress=progress)
        if scene:
            await self._loader.introduce(PEOPLE, at=now)

    async def run(self, stopping: asyncio.Event, *, pause_seconds: float = 6.0) -> None:
        """Make a small change every few seconds until stopped."""
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds * self._random.uniform(0.5, 1.5)):
                    await stopping.wait()
                    return
            try:
                await self.act()
            except UnavailableError:
                logger.debug("the demonstration waits for the database")
            except DomainError as error:
                # A person was faster; the next iteration reads again.
                logger.info("the demonstration was refused: %s", error.message)
            except Exception:
                logger.exception("the demonstration failed; it goes on")

    async def act(self) -> None:
        """Change a system's health, or open, worsen or move on an incident of the demonstration."""
        if self._random.random() < 0.35:  # noqa: PLR2004
            await self._change_health()
            return
        mine = AllOf((*_OPEN.parts, Term(Field.OPENED_BY, Operator.IN, (DEMO.actor.id,))))
        page = await self._reads.incident_page(
            mine, Order(field="created_at"), PageRequest(size=_MOST_OPEN), Audience.MANAGER
        )
        if not page.items or (len(page.items) < _MOST_OPEN and self._random.random() < 0.3):  # noqa: PLR2004
            await self._open()
            return
        await self._carry_on(self._random.choice(page.items))

    async def _change_health(self) -> None:
        """Report the unhealthy system healthy again, or another one unhealthy, that no incident of a person affects."""
        catalog = await self._catalog()
        health = await self._reads.health_of(list(catalog))
        bad = sorted(identifier for identifier, report in health.items() if report.status is not Health.HEALTHY)
        # The automations would take such an incident for theirs, and resolve it.
        free = sorted(set(catalog) - await self._at_work())
        if not bad and not free:
            return
        status = Health.HEALTHY if bad else self._random.choice((Health.DEGRADED, Health.UNHEALTHY))
        system = self._random.choice(bad or free)
        await self._health.report(DEMO, ReportSystemHealth(system=system, status=status, message=f"{_MARK} a check"))

    async def _at_work(self) -> set[str]:
        """Return the systems on which people have opened incidents."""
        page = await self._reads.incident_page(
            _OPEN, Order(field="created_at"), PageRequest(size=LARGEST_SIZE), Audience.MANAGER
        )
        people = (incident for incident in page.items if incident.opened_by.type is ActorType.USER)
        return {system for incident in people for system in incident.system_ids}

    async def _open(self) -> None:
        catalog = await self._catalog()
        system_id = self._random.choice(sorted(catalog))
        story = Historian({system_id: catalog[system_id].name}, seed=self._random.randrange(1 << 30))
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
        roll = self._random.random()
        if roll < 0.25:  # noqa: PLR2004
            note = AddIncidentUpdate(incident_id=incident.id, message="Still working on it.")
            await self._timeline.add(DEMO, note)
        elif roll < 0.4:  # noqa: PLR2004
            worse = UpdateIncident(id=incident.id, severity=self._random.choice(tuple(Severity)))
            await self._incidents.update(DEMO, worse)
        else:
            status = _NEXT_STATUS[incident.status]
            moved = AddIncidentUpdate(incident_id=incident.id, message=f"Now {status.value}.", status_change=status)
            await self._timeline.add(DEMO, moved)

    async def _catalog(self) -> Mapping[str, System]:
        """Return the demonstration's systems by id, adding those that are missing."""
        for key, name, description in SYSTEMS:
            with suppress(AlreadyExistsError):
                await self._systems.create(DEMO, CreateSystem(key=key, name=name, description=description))
        ids = await self._reads.system_ids([key for key, _, _ in SYSTEMS])
        return await self._reads.systems(list(ids.values()))

    async def _outages(self, catalog: Mapping[str, System], now: datetime, seed: int) -> list[Report]:
        """Return made-up reports for those systems that have none yet."""
        known = await self._reads.health_of(list(catalog))
        fresh = {identifier: system for identifier, system in catalog.items() if not known[identifier].is_reported}
        return outages(fresh, start=now - timedelta(days=_DAYS), now=now, seed=seed)
