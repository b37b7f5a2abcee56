"""The pages that feeds and status pages are made of: read once for each position of the event log."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from domain.errors import NotFoundError
from domain.model.filters import EVERYTHING, ONLY_OPEN
from domain.model.incident import Incident
from domain.model.paging import Order, PageRequest
from domain.model.public_page import PublicIncident, PublicMaintenance, PublicPage, PublicSystem
from domain.model.system import System, worst_health
from domain.model.viewer import Audience
from domain.services.events import EventService
from domain.services.maintenance.reads import Listed, MaintenanceReads
from domain.services.reads import Reads

#: The newest incidents, as many as Statuspage shows, and beside them as many of the open ones.
NEWEST, MOST_OPEN = 50, 100
#: The newest updates of each: a year's incidents with all of their texts would be no feed.
UPDATES = 25
#: The systems of a status page.
MOST_SYSTEMS = 500
#: The pages of systems that are kept at a time.
_MOST_PAGES = 64
_AUDIENCE = Audience.PUBLIC
_NEWEST_FIRST, _BY_NAME = Order(field="created_at"), Order(field="name", descending=False)


class PublicPages:
    """Reads of what the public may read, kept for as long as the log has no more."""

    def __init__(self, *, reads: Reads, events: EventService, maintenance: MaintenanceReads) -> None:
        self._reads = reads
        self._maintenance = maintenance
        self._events = events
        #: By the id of the system that it is about; the page of everything has none.
        self._kept: OrderedDict[str | None, PublicPage] = OrderedDict()
        # One read at a time: all who ask in the meantime get its page.
        self._reading = asyncio.Lock()

    async def everything(self) -> PublicPage:
        """Return the page of all systems, at the log's end or later."""
        return await self._page(None, self._read)

    async def of_system(self, key: str) -> PublicPage:
        """Return the page of the system with that key: the system, and its newest incidents.

        Raises:
            NotFoundError: there is none.
        """
        system_id = (await self._reads.system_ids([key])).get(key)
        if system_id is None:
            raise NotFoundError("System", key, field=["key"])

        async def read() -> PublicPage:
            return await self._read_of(system_id)

        page = await self._page(system_id, read)
        if not page.systems:
            # It was deleted in between.
            raise NotFoundError("System", key, field=["key"])
        return page

    async def _page(self, name: str | None, read: Callable[[], Awaitable[PublicPage]]) -> PublicPage:
        position = await self._events.head()
        kept = self._kept.get(name)
        if kept is None or kept.position < position:
            async with self._reading:
                kept = self._kept.get(name)
                if kept is None or kept.position < position:
                    kept = self._kept[name] = await read()
                    if len(self._kept) > _MOST_PAGES:
                        self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return kept

    async def _read(self) -> PublicPage:
        reads = self._reads
        with reads.snapshot():
            position = await self._events.head()
            newest = await reads.incident_page(EVERYTHING, _NEWEST_FIRST, PageRequest(size=NEWEST), _AUDIENCE)
            still_open = await reads.incident_page(ONLY_OPEN, _NEWEST_FIRST, PageRequest(size=MOST_OPEN), _AUDIENCE)
            systems = await reads.system_page(_BY_NAME, PageRequest(size=MOST_SYSTEMS))
            # One that is open may be among the newest; the older ones follow them in the same order.
            incidents = list({incident.id: incident for incident in (*newest.items, *still_open.items)}.values())
            listed = await self._maintenance.listed(_AUDIENCE)
            return await self._completed(position, systems.items, incidents, listed)

    async def _read_of(self, system_id: str) -> PublicPage:
        reads = self._reads
        with reads.snapshot():
            position = await self._events.head()
            pages = await reads.incident_pages_of_systems([system_id], PageRequest(size=NEWEST), _AUDIENCE)
            systems = await reads.systems([system_id])
            incidents = pages[system_id].items if system_id in pages else ()
            listed = await self._maintenance.listed(_AUDIENCE, system_id=system_id)
            return await self._completed(position, list(systems.values()), incidents, listed)

    async def _completed(
        self, position: int, systems: Sequence[System], incidents: Sequence[Incident], listed: Sequence[Listed]
    ) -> PublicPage:
        """Read what belongs to these systems, incidents and maintenance windows."""
        ids, incident_ids = [system.id for system in systems], [incident.id for incident in incidents]
        reports = await self._reads.health_of(ids)
        overrides = await self._reads.active_overrides(ids)
        updates = await self._reads.update_pages(incident_ids, PageRequest(size=UPDATES), _AUDIENCE)
        maintained = await self._maintenance.active_on(ids)
        affected = {system_id for incident in incidents for system_id in incident.system_ids}
        affected |= {system_id for each in listed for system_id in each.maintenance.system_ids}
        return PublicPage(
            position=position,
            systems=[
                PublicSystem(
                    system=system,
                    health=worst_health(reports[system.id].status, overrides.get(system.id, ())),
                    since=reports[system.id].since,
                    is_under_maintenance=system.id in maintained,
                )
                for system in systems
            ],
            incidents=[
                PublicIncident(incident=incident, updates=updates[incident.id].items if incident.id in updates else ())
                for incident in incidents
            ],
            named=await self._reads.systems(sorted(affected)),
            maintenances=_in_order(listed),
            listed_since=self._maintenance.listed_since(),
        )


def _in_order(listed: Sequence[Listed]) -> list[PublicMaintenance]:
    found = [
        PublicMaintenance(window=each.maintenance, instance=instance, updates=each.updates[:UPDATES])
        for each in listed
        for instance in each.instances
    ]
    return sorted(found, key=lambda shown: (shown.instance.starts_at, shown.name))
