"""The queries of maintenance windows, each limited to what the audience may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.clock import Clock
from domain.model.maintenance import (
    Maintenance,
    MaintenanceFilter,
    MaintenanceInstance,
    MaintenanceUpdate,
    checked_times,
)
from domain.model.paging import Among, Page, PageRequest
from domain.model.recurrence import checked_rule, checked_zone, plan_of
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

_PAST = timedelta(days=90)
#: The most instances of one listing that are not over, the soonest ones; and the most that are, the latest ones.
MOST_AHEAD, MOST_PAST = 1_000, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A maintenance window as calendars and feeds show it: its instances in a time, and its messages."""

    maintenance: Maintenance
    #: In the order in which they begin; cancelled ones included.
    instances: Sequence[MaintenanceInstance]
    #: The newest first, at most 100.
    updates: Sequence[MaintenanceUpdate]


class MaintenanceReads:
    """Queries over maintenance windows."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def times(
        self, starts_at: datetime, ends_at: datetime, *, recurrence: str | None, time_zone: str
    ) -> list[datetime]:
        """Return when a maintenance would begin that is scheduled so now, as far ahead as its instances are stored.

        Raises:
            InvalidInputError: a moment, the time zone or the rule cannot be accepted.
        """
        now = self._clock.now()
        first, end = checked_times(starts_at, ends_at, now=now)
        zone = checked_zone(time_zone)
        rule = None if recurrence is None else checked_rule(recurrence, first=first, zone=zone)
        return list(plan_of(rule, first=first, duration=end - first, zone=zone, now=now).starts)

    async def get_many(self, ids: Sequence[str], audience: Audience) -> dict[str, Maintenance]:
        """Return the windows of these ids that this audience may see; unknown ones are left out."""
        found = await self._database.read(lambda session: session.maintenance.get_many(ids))
        return {each.id: each for each in found.values() if audience.sees(each.visibility)}

    async def page(self, page: PageRequest, wanted: MaintenanceFilter, audience: Audience) -> Page[Maintenance]:
        """Return one page of the windows that match, newest first."""
        return await self._database.read(lambda session: session.maintenance.page(page, wanted, audience))

    async def count(self, wanted: MaintenanceFilter, audience: Audience) -> int:
        """Return the number of windows that match."""
        return await self._database.read(lambda session: session.maintenance.count(wanted, audience))

    async def instances(self, ids: Sequence[str], audience: Audience) -> dict[str, MaintenanceInstance]:
        """Return the instances of these ids that this audience may see; unknown ones are left out."""
        found = await self._database.read(lambda session: session.maintenance_instances.get_many(ids))
        return {each.id: each for each in found.values() if audience.sees(each.visibility)}

    async def updates(self, ids: Sequence[str], audience: Audience) -> dict[str, MaintenanceUpdate]:
        """Return the messages of these ids that this audience may see; unknown ones are left out."""
        found = await self._database.read(lambda session: session.maintenance.get_updates(ids))
        return {each.id: each for each in found.values() if audience.sees(each.visibility)}

    async def updates_of(self, ids: Sequence[str], audience: Audience) -> dict[str, list[MaintenanceUpdate]]:
        """Return the latest messages about each of these windows, newest first."""
        return await self._database.read(lambda session: session.maintenance.updates_of(ids, audience))

    async def instance_pages(
        self, ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[MaintenanceInstance]]:
        """Return the page of each of these windows' instances that match, in the order in which they begin."""
        return await self._database.read(lambda session: session.maintenance_instances.pages(ids, page, audience))

    async def instance_counts(self, ids: Sequence[str], among: Among, audience: Audience) -> dict[str, int]:
        """Return the number of instances of each of these windows that match."""
        return await self._database.read(lambda session: session.maintenance_instances.counts(ids, among, audience))

    async def of_systems(self, system_ids: Sequence[str], audience: Audience) -> dict[str, list[MaintenanceInstance]]:
        """Return the active and next instances of each of these systems, at most 20, in their order."""
        return await self._database.read(lambda session: session.maintenance_instances.of_systems(system_ids, audience))

    async def active_on(self, system_ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return those of these systems that are under maintenance, each with the ids of the windows.

        Of hidden windows as well: that a system is under maintenance is no secret, what is done there may be one.
        """
        return await self._database.read(lambda session: session.maintenance_instances.active_systems(system_ids))

    def listed_since(self) -> datetime:
        """Return the moment before which nothing ended that is listed now."""
        return self._clock.now() - _PAST

    async def listed(self, audience: Audience, *, system_id: str | None = None) -> list[Listed]:
        """Return the windows, of one system or all, with their instances from 90 days ago on as far as they are stored.

        For calendars, feeds and status pages, each in a constant number of statements. What is over takes no place
        from what is to come.
        """
        now = self._clock.now()

        async def read(session: ReadSession) -> list[Listed]:
            instances = session.maintenance_instances
            over = await instances.over(now - _PAST, now, audience, system_id=system_id, limit=MOST_PAST)
            ahead = await instances.ahead(now, audience, system_id=system_id, limit=MOST_AHEAD)
            found = sorted((*over, *ahead), key=lambda each: (each.starts_at, each.id))
            of: dict[str, list[MaintenanceInstance]] = {}
            for instance in found:
                of.setdefault(instance.maintenance_id, []).append(instance)
            windows = await session.maintenance.get_many(list(of))
            updates = await session.maintenance.updates_of(list(of), audience)
            return [
                Listed(maintenance=windows[identifier], instances=instances, updates=updates[identifier])
                for identifier, instances in of.items()
            ]

        return await self._database.read(read)
