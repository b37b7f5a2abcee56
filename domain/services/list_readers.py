"""Readers of the items of live lists as objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from domain.model.incident import Incident
from domain.model.incident_listing import IncidentListing
from domain.model.listing import Facts, Window
from domain.model.paging import Page, PageRequest
from domain.model.system import System
from domain.model.system_listing import SystemListing
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

S_co = TypeVar("S_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Generic[S_co]):
    """The first items of a list, all of one moment, and facts of others that were asked for besides."""

    window: Window
    items: Mapping[str, S_co]
    departed: Mapping[str, Facts] = field(default_factory=dict)


class ListReader(Protocol[S_co]):
    """A reader of the items of one list, in whatever form they are shown."""

    async def whole(self, size: int, departed: Sequence[str]) -> Whole[S_co]:
        """Return the first items of the list, and facts of these other ones, all of one moment."""

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, S_co]]:
        """Return these items as they are now, with their versions; missing ones are left out."""


class IncidentReader:
    """A reader of incidents as objects."""

    def __init__(self, database: Database, listing: IncidentListing, audience: Audience) -> None:
        self._database = database
        self._listing = listing
        self._audience = audience

    async def whole(self, size: int, departed: Sequence[str]) -> Whole[Incident]:  # noqa: ARG002 - states record all
        """Return the first incidents of the list, all of one moment."""
        listing = self._listing

        async def read(session: ReadSession) -> Whole[Incident]:
            position = await session.changes.head()
            request = PageRequest(size=size)
            page = await session.incidents.page(listing.tree, listing.order, request, self._audience)
            total = len(page.items)
            if page.has_next:
                total = await session.incidents.count(listing.tree, self._audience)
            entries = listing.entries(map(self._row, page.items))
            window = Window(position=position, entries=entries, total=total)
            return Whole(window=window, items={each.id: each for each in page.items})

        return await self._database.read(read)

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, Incident]]:
        """Return these incidents as they are now."""
        found = await self._database.read(lambda session: session.incidents.get_many(ids))
        return {identifier: (incident.version, incident) for identifier, incident in found.items()}

    def _row(self, incident: Incident) -> list[Any]:
        facts = facts_of(incident)
        return [incident.id, incident.version, *(facts[field] for field in self._listing.order_fields)]


def facts_of(incident: Incident) -> Facts:
    """Return what recorded states say of an incident, as far as orders need it."""
    return {**incident.facts(), "status": incident.status, "severity": incident.severity}


class SystemReader:
    """A reader of systems as objects."""

    def __init__(self, database: Database, listing: SystemListing) -> None:
        self._database = database
        self._listing = listing

    async def whole(self, size: int, departed: Sequence[str]) -> Whole[System]:
        """Return the first systems of the list, and facts of these other ones, all of one moment."""
        listing = self._listing

        async def read(session: ReadSession) -> Whole[System]:
            position = await session.changes.head()
            page: Page[System] = await session.systems.page(listing.order, PageRequest(size=size), listing.wanted)
            total = len(page.items)
            if page.has_next:
                total = await session.systems.count(listing.wanted)
            entries = listing.entries(await self._rows(session, page.items))
            others = await session.systems.get_many(departed) if departed else {}
            return Whole(
                window=Window(position=position, entries=entries, total=total),
                items={each.id: each for each in page.items},
                departed={identifier: system_facts_of(system) for identifier, system in others.items()},
            )

        return await self._database.read(read)

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, System]]:
        """Return these systems as they are now."""

        async def read(session: ReadSession) -> Mapping[str, tuple[Any, System]]:
            found = await session.systems.get_many(ids)
            rows = await self._rows(session, list(found.values()))
            return {row[0]: (self._listing.read(row).version, found[row[0]]) for row in rows}

        return await self._database.read(read)

    async def _rows(self, session: ReadSession, systems: Sequence[System]) -> list[list[Any]]:
        ids = [system.id for system in systems]
        reports = await session.health.versions(ids)
        overrides = await session.incidents.active_overrides(ids)
        maintained = await session.maintenance_instances.active_systems(ids)
        rows = []
        for system in systems:
            facts = system_facts_of(system)
            placed = [facts[field] for field in self._listing.order_fields]
            set_by = [[each.incident_id, each.status, each.incident_title] for each in overrides.get(system.id, ())]
            known = (system.id, system.version, reports.get(system.id), system.id in maintained)
            rows.append([*known, *placed, set_by])
        return rows


def system_facts_of(system: System) -> Facts:
    """Return what recorded states say of a system."""
    return {**system.facts(), "key": system.key, "name": system.name}
