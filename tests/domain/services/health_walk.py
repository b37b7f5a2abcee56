"""Random histories of systems' health, and their health recounted from the log and the timelines.

For many more than in the tests: `python -m tests.domain.services.health_walk --count 50 --seed 1`.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from tempfile import TemporaryDirectory

from domain.bootstrap import Domain, running_domain
from domain.errors import DomainError
from domain.model.change import Change
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, ReportSystemHealth, UpdateIncident
from domain.model.health import HealthStep
from domain.model.health_history import worst_of
from domain.model.incident import Health, HealthOverride, IncidentUpdate, Status
from domain.model.moment import parse_iso
from domain.model.paging import PageRequest
from domain.model.system import worst_health
from domain.model.viewer import Audience
from domain.services.health_history import Asked
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_system

KEYS = ("api", "web", "db")
Causes = tuple[Health, HealthOverride | None]


class HealthWalk:
    """A walk of random writes, each with what it has to leave in the log."""

    def __init__(self, domain: Domain, clock: SteppingClock, *, seed: int) -> None:
        self._domain = domain
        self._clock = clock
        self._random = random.Random(seed)
        self._incidents: list[str] = []
        self.ids: dict[str, str] = {}
        self.began = clock.moment

    async def open(self) -> None:
        """Add the systems."""
        self.ids = {key: (await make_system(self._domain, key)).id for key in KEYS}

    async def step(self) -> None:
        """Write something at random, and check the steps of health that came with it."""
        before, head = await self.present(), await self._domain.events.head()
        self._clock.advance(minutes=self._random.randrange(1, 90))
        writes: list[Callable[[], Awaitable[None]]] = [
            self._report,
            self._report,
            self._create,
            self._update,
            self._mark,
        ]
        write = self._random.choice([*writes, self._mark, self._resolve, self._edit, self._edit, self._delete])
        # Such as an entry that would lie before the beginning: what is refused changes nothing.
        with suppress(DomainError):
            await write()
        after, changes = await self.present(), await self._domain.events.raw(head, limit=10)
        assert [step for change in changes for step in change.health] == [
            HealthStep(
                system_id=each,
                previous=worst_of(*before[each]),
                status=worst_of(*after[each]),
                reported=after[each][0],
                override=after[each][1],
            )
            for each in sorted(self.ids.values())
            if worst_of(*before[each]) is not worst_of(*after[each])
            or any(change.kind == "health" and change.entity_id == each for change in changes)
        ]

    async def present(self) -> dict[str, Causes]:
        """Return what is reported of each system now, and the worst override, from the rows."""
        reads, ids = self._domain.reads, list(self.ids.values())
        reported, overrides = await reads.health_of(ids), await reads.active_overrides(ids)
        worst = {each: worst_health(Health.HEALTHY, overrides.get(each, ())) for each in ids}
        return {
            each: (reported[each].status, None if worst[each] is Health.HEALTHY else HealthOverride(worst[each]))
            for each in ids
        }

    async def check(self) -> None:
        """Check the histories of all systems against a recount."""
        recount = await Recount.of(self._domain)
        ids, now = list(self.ids.values()), self._clock.moment
        since = self.began - timedelta(hours=self._random.randrange(-5, 60))
        asked = Asked(since=since, until=min(now, since + timedelta(hours=self._random.randrange(1, 80))))
        found = await self._domain.health_history.of(ids, asked)
        assert asked.until is not None
        for identifier in ids:
            periods = found[identifier]
            assert all(one.until == other.since for one, other in pairwise(periods))
            assert all((one.reported, one.override) != (two.reported, two.override) for one, two in pairwise(periods))
            known = periods[0].since if periods else asked.until
            assert not periods or periods[-1].until == asked.until
            for began, ended in recount.parts(since, asked.until):
                middle = began + (ended - began) / 2
                shown = [(each.reported, each.override) for each in periods if each.since <= middle < each.until]
                expected = recount.causes(identifier, middle)
                assert shown == ([expected] if middle >= known else []), (identifier, middle)
                assert middle >= known or expected == (Health.HEALTHY, None)

    def _ago(self) -> datetime | None:
        hours = self._random.choice((0, 0, 0, 1, 3, 10))
        return self._clock.moment - timedelta(hours=hours) if hours else None

    def _some(self) -> list[str]:
        return self._random.sample(KEYS, self._random.randrange(1, len(KEYS)))

    def _override(self) -> HealthOverride | None:
        return self._random.choice((None, HealthOverride.DEGRADED, HealthOverride.UNHEALTHY))

    def _incident(self) -> str:
        return self._random.choice(self._incidents or ["inc_none"])

    async def _report(self) -> None:
        command = ReportSystemHealth(
            system=self._random.choice(KEYS),
            status=self._random.choice(tuple(Health)),
            message=self._random.choice((None, "Slow")),
            observed_at=self._ago(),
        )
        await self._domain.health.report(ADMIN, command)

    async def _create(self) -> None:
        made = await make_incident(
            self._domain,
            *self._some(),
            health_override=self._override(),
            occurred_at=self._ago(),
            initial_message=self._random.choice((None, "Looking")),
        )
        self._incidents.append(made.id)

    async def _update(self) -> None:
        fields: list[dict[str, object]] = [
            {"health_override": self._override()},
            {"systems": self._some()},
            {"health_override": self._override(), "systems": self._some()},
            {"occurred_at": self._ago() or self._clock.moment},
            {"title": f"Title {self._random.random()}"},
        ]
        chosen = self._random.choice(fields)
        await self._domain.incidents.update(ADMIN, UpdateIncident(id=self._incident(), **chosen))  # type: ignore[arg-type]

    async def _mark(self) -> None:
        command = AddIncidentUpdate(
            incident_id=self._incident(),
            message="Moving on",
            status_change=self._random.choice((Status.RESOLVED, Status.FIXING, Status.INVESTIGATING, None)),
            created_at=self._ago(),
        )
        await self._domain.timeline.add(ADMIN, command)

    async def _resolve(self) -> None:
        await self._domain.incidents.resolve(ADMIN, self._incident(), resolved_at=self._ago())

    async def _edit(self) -> None:
        incident_id = self._incident()
        entries = await entries_of(self._domain, [incident_id])
        if not entries:
            return
        entry = self._random.choice(entries)
        if self._random.random() < 0.3:
            await self._domain.timeline.delete(ADMIN, incident_id=incident_id, update_id=entry.id)
            return
        moved = entry.created_at + timedelta(minutes=self._random.randrange(-200, 200))
        changed = (
            {"created_at": min(moved, self._clock.moment)}
            if self._random.random() < 0.5
            else {"status_change": self._random.choice((Status.RESOLVED, Status.FIXING))}
        )
        command = EditIncidentUpdate(id=entry.id, incident_id=incident_id, **changed)
        await self._domain.timeline.edit(ADMIN, command)

    async def _delete(self) -> None:
        if self._random.random() < 0.3:
            await self._domain.incidents.delete(ADMIN, self._incident())


@dataclass(frozen=True, slots=True)
class Recount:
    """The health of systems at any moment, by a walk over the whole log and all timelines."""

    log: Sequence[Change]
    entries: Sequence[IncidentUpdate]
    #: When each incident that still exists began.
    began: dict[str, datetime]

    @classmethod
    async def of(cls, domain: Domain) -> "Recount":
        """Read everything."""
        log = [change for change in await domain.events.raw(0, limit=10_000) if change.kind != "system"]
        found = await domain.reads.incidents(sorted({each.entity_id for each in log if each.kind == "incident"}))
        began = {identifier: incident.occurred_at for identifier, incident in found.items()}
        return cls(log, await entries_of(domain, list(began)), began)

    def parts(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """Return the parts of a span in which nothing happened."""
        moments = {change.occurred_at for change in self.log} | {entry.created_at for entry in self.entries}
        moments |= set(self.began.values()) | {
            parse_iso(change.after["observed_at"]) for change in self.log if change.after and change.kind == "health"
        }
        within = sorted({since, until, *(moment for moment in moments if since < moment < until)})
        return list(pairwise(within))

    def causes(self, system_id: str, at: datetime) -> Causes:
        """Return what was reported of a system at a moment, and the worst override."""
        reported = Health.HEALTHY
        for change in self.log:
            if change.kind == "health" and change.entity_id == system_id and "status" in change.changed_fields:
                assert change.after is not None
                if parse_iso(change.after["observed_at"]) <= at:
                    reported = Health(change.after["status"])
        set_by = {self._override(identifier, system_id, at) for identifier in self.began}
        return reported, max((each for each in set_by if each is not None), default=None)

    def _override(self, incident_id: str, system_id: str, at: datetime) -> HealthOverride | None:
        if at < self.began[incident_id]:
            return None
        steps = [each for each in self.entries if each.incident_id == incident_id and each.status_change is not None]
        steps.sort(key=lambda each: (each.created_at, not each.is_opening, each.id))
        past = [each.status_change for each in steps if each.created_at <= at]
        if past and past[-1] is Status.RESOLVED:
            return None
        changes = [change for change in self.log if change.entity_id == incident_id]
        state = ([change for change in changes if change.occurred_at <= at] or changes[:1])[-1].after
        assert state is not None
        is_set = state["health_override"] and system_id in state["system_ids"]
        return HealthOverride(state["health_override"]) if is_set else None


async def entries_of(domain: Domain, incident_ids: Sequence[str]) -> list[IncidentUpdate]:
    """Return all timeline entries of these incidents."""
    pages = await domain.reads.update_pages(incident_ids, PageRequest(size=100), Audience.MANAGER)
    return [entry for page in pages.values() for entry in page.items]


async def walk(domain: Domain, clock: SteppingClock, *, seed: int, steps: int) -> None:
    """Walk a random history, and check it on the way."""
    history = HealthWalk(domain, clock, seed=seed)
    await history.open()
    for number in range(steps):
        await history.step()
        if number % 10 == 9:
            await history.check()


async def _main(*, count: int, seed: int) -> None:
    for number in range(seed, seed + count):
        clock = SteppingClock()
        with TemporaryDirectory() as folder:
            settings = Settings(database_url=f"sqlite:///{folder}/walk.db", automations=False)
            async with running_domain(settings, clock=clock, live=False) as domain:
                await walk(domain, clock, seed=number, steps=100)
        print(f"seed {number}: 100 writes, each history equal to its recount")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(count=given.count, seed=given.seed))
