"""The queries: every method is one short read, batched where a list would otherwise read once per row."""

import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cache, partial
from typing import Any

from domain.entities.canonical import value_text
from domain.entities.handle import EntityHandle
from domain.errors import DomainError
from domain.model.actor import Actor
from domain.model.change import Change, Transition
from domain.model.cursor import CursorCodec
from domain.model.filters import Filter
from domain.model.freshness import PRESENT, Freshness
from domain.model.health import ReportedHealth, SystemHealth
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.paging import Order, Page, PageRequest
from domain.model.person import Person
from domain.model.relation import IncidentRelation
from domain.model.secret import Secret
from domain.model.selection import Root, Shape, Wanted
from domain.model.system import ALL_SYSTEMS, ActiveHealthOverride, CatalogFilter, System
from domain.model.token import ApiToken
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.projections import Projection
from domain.persistence.snapshots import ReplicaError, Snapshot
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.views import VIEWS
from domain.persistence.views.change import LOG_VIEWS, RECORDED
from domain.services.answers import Answering
from domain.services.timeline_reads import TimelineReads

logger = logging.getLogger(__name__)


class Projected:
    """Some roots that can be read again and again, on the driver."""

    def __init__(self, database: Database, projection: Projection) -> None:
        self._database = database
        self._projection = projection
        #: Reads what is wanted of each root.
        self.read = partial(database.project, projection)
        #: Reads it without waiting; None also where that cannot be.
        self.read_at_once = partial(database.project_at_once, projection)

    def reader(self, *, may_lag: bool) -> Callable[[Wanted], Coroutine[Any, Any, list[Any] | None]]:
        """Return what reads it where no position is named, on a replica if that may be and there is one."""
        return self._read_anywhere if may_lag and self._database.replicas is not None else self.read

    async def read_fresh(self, wanted: Wanted, freshness: Freshness) -> list[Any] | None:
        """Read what is wanted of each root, as recent as that; None where the executor has to read it."""
        if freshness.after is None:
            return await self.reader(may_lag=freshness.may_lag)(wanted)
        with self._database.snapshot(freshness):
            try:
                return await self._database.read(
                    lambda session: self._projection.read_in(session.connection, wanted),
                )
            except (ReplicaError, DomainError):
                return None

    async def _read_anywhere(self, wanted: Wanted) -> list[Any] | None:
        try:
            if self._database.replicas is not None:
                return await self._database.replicas.project(self._projection, wanted)
        except ReplicaError as error:
            logger.debug("reading anew, on the primary: %s", error)
        return await self.read(wanted)


class Reads:
    """Queries over incidents and systems, each limited to what the audience may see."""

    def __init__(
        self,
        *,
        database: Database,
        handle: EntityHandle[Incident],
        health: EntityHandle[SystemHealth],
        cursors: CursorCodec,
    ) -> None:
        #: Makes and reads the cursors of lists.
        self.cursors = cursors
        self._database = database
        self._handle = handle
        self._health = health
        #: The queries of all that happened to incidents.
        self.timelines = TimelineReads(database)

    @property
    def can_project(self) -> bool:
        """Return whether what was prepared by `projected` would be read now."""
        return self._database.can_project

    @property
    def has_replicas(self) -> bool:
        """Return whether there are replicas that answer queries."""
        return self._database.replicas is not None

    @staticmethod
    @cache
    def shapes() -> Mapping[str, Shape]:
        """Return all that selections can name, by view."""
        return {name: view.shape for name, view in VIEWS.items()}

    @staticmethod
    def recorded(view: str, columns: Sequence[str]) -> Callable[[Change], list[Any]] | None:
        """Return what makes a row of a view of the log from a change in memory; None for any other view."""
        if view not in LOG_VIEWS:
            return None
        values = [RECORDED[name] for name in columns]
        return lambda change: [value(change) for value in values]

    def projected(self, roots: Sequence[Root], audience: Audience) -> Projected:
        """Prepare the reading of these roots as that audience sees them, all of it on one snapshot.

        Raises:
            ValueError: a row would have more values than a statement can hold.
        """
        return Projected(self._database, self._database.projection(roots, audience))

    def answering(self, roots: Sequence[Root], audience: Audience) -> Callable[..., Answering]:
        """Prepare the reading of these roots as that audience sees them in the transactions of writes.

        The function that is returned takes what is wanted of each, as `Answering` has it.

        Raises:
            ValueError: a row would have more values than a statement can hold.
        """
        return partial(Answering, projection=self._database.projection(roots, audience))

    def snapshot(self, freshness: Freshness = PRESENT) -> AbstractContextManager[Snapshot]:
        """Have all reads in the block see one moment, whichever service does them."""
        return self._database.snapshot(freshness)

    async def incidents(self, ids: Sequence[str]) -> dict[str, Incident]:
        """Return the incidents of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.incidents.get_many(ids))

    async def incident_ids_by_number(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of the incidents with these numbers."""
        return await self._database.read(lambda session: session.incidents.ids_by_number(numbers))

    async def incident_page(self, tree: Filter, order: Order, page: PageRequest, audience: Audience) -> Page[Incident]:
        """Return one page of the incidents that match."""
        return await self._database.read(lambda session: session.incidents.page(tree, order, page, audience))

    async def incident_count(self, tree: Filter, audience: Audience) -> int:
        """Return the number of incidents that match."""
        return await self._database.read(lambda session: session.incidents.count(tree, audience))

    async def incident_pages_of_systems(
        self, system_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[Incident]]:
        """Return the page of each of these systems' incidents that match, by default newest first."""
        return await self._database.read(lambda session: session.incidents.pages_of_systems(system_ids, page, audience))

    async def incident_counts_of_systems(
        self, system_ids: Sequence[str], tree: Filter, audience: Audience
    ) -> dict[str, int]:
        """Return the number of incidents of each of these systems that match."""
        return await self._database.read(lambda session: session.incidents.count_per_system(system_ids, tree, audience))

    async def existing_incident_ids(self, ids: Sequence[str]) -> list[str]:
        """Return those of the ids that exist, once each, in the order given; for callers that store incident ids."""
        return await self._database.read(lambda session: session.incidents.existing_ids(ids))

    async def active_overrides(self, system_ids: Sequence[str]) -> dict[str, list[ActiveHealthOverride]]:
        """Return the health overrides of open incidents for these systems; systems without one are left out."""
        return await self._database.read(lambda session: session.incidents.active_overrides(system_ids))

    async def updates(self, ids: Sequence[str]) -> dict[str, IncidentUpdate]:
        """Return the timeline entries of these ids, regardless of visibility; unknown ones are left out."""
        return await self._database.read(lambda session: session.timeline.get_many(ids))

    async def update_pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[IncidentUpdate]]:
        """Return the page of each of these incidents' timelines, newest first."""
        return await self._database.read(lambda session: session.timeline.pages(incident_ids, page, audience))

    async def update_counts(self, incident_ids: Sequence[str], audience: Audience) -> dict[str, int]:
        """Return the number of timeline entries of each of these incidents."""
        return await self._database.read(lambda session: session.timeline.counts(incident_ids, audience))

    async def former_updates(self, ids: Sequence[str]) -> dict[str, IncidentUpdateVersion]:
        """Return the former versions of timeline entries by their ids, regardless of visibility."""
        return await self._database.read(lambda session: session.timeline.get_versions(ids))

    async def update_versions(self, update_ids: Sequence[str]) -> dict[str, list[IncidentUpdateVersion]]:
        """Return the former versions of these entries, oldest first."""
        return await self._database.read(lambda session: session.timeline.versions_of(update_ids))

    async def links(self, ids: Sequence[str]) -> dict[str, IncidentLink]:
        """Return the links of these ids, regardless of visibility; unknown ones are left out."""
        return await self._database.read(lambda session: session.links.get_many(ids))

    async def link_pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[IncidentLink]]:
        """Return the page of each of these incidents' links, oldest first."""
        return await self._database.read(lambda session: session.links.pages(incident_ids, page, audience))

    async def link_counts(self, incident_ids: Sequence[str], audience: Audience) -> dict[str, int]:
        """Return the number of links of each of these incidents."""
        return await self._database.read(lambda session: session.links.counts(incident_ids, audience))

    async def relations(self, ids: Sequence[str]) -> dict[str, IncidentRelation]:
        """Return the relations of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.relations.get_many(ids))

    async def relation_pages(self, incident_ids: Sequence[str], page: PageRequest) -> dict[str, Page[IncidentRelation]]:
        """Return the page of each of these incidents' relations, oldest first."""
        return await self._database.read(lambda session: session.relations.pages(incident_ids, page))

    async def relation_counts(self, incident_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of relations of each of these incidents."""
        return await self._database.read(lambda session: session.relations.counts(incident_ids))

    async def histories(self, incident_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Transition]]:
        """Return the page of each of these incidents' transitions, oldest first."""
        return await self._database.read(lambda session: session.transitions.histories(incident_ids, page))

    async def history_counts(self, incident_ids: Sequence[str]) -> dict[str, int]:
        """Return the number of transitions of each of these incidents."""
        return await self._database.read(lambda session: session.transitions.history_counts(incident_ids))

    async def incidents_in_state_since(self, keys: Sequence[tuple[str, str]]) -> list[datetime | None]:
        """Return for each pair of incident and reactive field since when it has had its present value."""

        async def read(session: ReadSession) -> list[datetime | None]:
            found = await self._handle.get_many(session, sorted({identifier for identifier, _ in keys}))
            present = {
                (identifier, field): (identifier, field, value_text(found[identifier].state[field]))
                for identifier, field in keys
                if identifier in found
            }
            since = await session.transitions.latest(self._handle.kind, list(present.values()))
            return [since.get(present[key]) if key in present else None for key in keys]

        return await self._database.read(read)

    async def systems(self, ids: Sequence[str]) -> dict[str, System]:
        """Return the systems of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.systems.get_many(ids))

    async def system_ids(self, references: Sequence[str]) -> dict[str, str]:
        """Return the ids behind these ids or keys; unknown ones are left out."""
        return await self._database.read(lambda session: session.systems.resolve(references))

    async def system_ids_ever(self, references: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the ids behind these ids or keys, including those of deleted systems that had a key."""
        return await self._database.read(lambda session: session.systems.resolve_ever(references))

    async def health_of(self, system_ids: Sequence[str]) -> dict[str, ReportedHealth]:
        """Return the reported health of each of these systems; healthy without a report, and for unknown systems."""
        found = await self._database.read(lambda session: session.health.reported(system_ids, kind=self._health.kind))
        return {system_id: found.get(system_id) or ReportedHealth(system_id=system_id) for system_id in system_ids}

    async def system_page(self, order: Order, page: PageRequest, wanted: CatalogFilter = ALL_SYSTEMS) -> Page[System]:
        """Return one page of the systems that match."""
        return await self._database.read(lambda session: session.systems.page(order, page, wanted))

    async def system_count(self, wanted: CatalogFilter = ALL_SYSTEMS) -> int:
        """Return the number of systems that match."""
        return await self._database.read(lambda session: session.systems.count(wanted))

    async def tokens(self, ids: Sequence[str]) -> dict[str, ApiToken]:
        """Return the API tokens of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.tokens.get_many(ids))

    async def token_page(self, page: PageRequest) -> Page[ApiToken]:
        """Return one page of all API tokens, newest first."""
        return await self._database.read(lambda session: session.tokens.page(page))

    async def people(self, text: str, page: PageRequest) -> Page[Person]:
        """Return one page of the people whose name has that text in it."""
        return await self._database.read(lambda session: session.people.page(text, page))

    async def people_count(self, text: str) -> int:
        """Return the number of people whose name has that text in it."""
        return await self._database.read(lambda session: session.people.count(text))

    async def person_of(self, actor: Actor) -> Person | None:
        """Return the person that an actor is, if they are known."""
        return await self._database.read(lambda session: session.people.of(actor))

    async def token_count(self) -> int:
        """Return the number of API tokens."""
        return await self._database.read(lambda session: session.tokens.count())

    async def secrets(self, ids: Sequence[str]) -> dict[str, Secret]:
        """Return the secrets of these ids, without their values; unknown ones are left out."""
        return await self._database.read(lambda session: session.secrets.get_many(ids))

    async def secret_page(self, page: PageRequest) -> Page[Secret]:
        """Return one page of all secrets, without their values, newest first."""
        return await self._database.read(lambda session: session.secrets.page(page))

    async def secret_count(self) -> int:
        """Return the number of secrets."""
        return await self._database.read(lambda session: session.secrets.count())

    async def transitions(self, change_ids: Sequence[str]) -> list[Transition]:
        """Return the transitions that belong to these changes of incidents, as far as the log is kept."""
        return await self._database.read(lambda session: session.transitions.of_changes(change_ids))

    async def changes(self, ids: Sequence[str]) -> dict[str, Change]:
        """Return the changes of these ids; pruned ones are left out."""
        return await self._database.read(lambda session: session.changes.get_many(ids))
