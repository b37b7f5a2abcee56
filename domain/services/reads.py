"""What can be asked; every method is one short read, batched where a list would ask it once per row."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.entities.diff import value_text
from domain.entities.handle import EntityHandle
from domain.model.change import Change, Transition
from domain.model.cursor import CursorCodec
from domain.model.filters import Filter
from domain.model.health import ReportedHealth, SystemHealth
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.paging import Order, Page, PageRequest
from domain.model.secret import Secret
from domain.model.system import ActiveHealthOverride, System
from domain.model.token import ApiToken
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession


class Reads:
    """Queries over incidents and systems, each as its audience may see it."""

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

    async def incidents(self, ids: Sequence[str]) -> dict[str, Incident]:
        """The incidents of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.incidents.get_many(ids))

    async def incident_ids_by_number(self, numbers: Sequence[int]) -> dict[int, str]:
        """The ids of the incidents with these numbers."""
        return await self._database.read(lambda session: session.incidents.ids_by_number(numbers))

    async def incident_page(self, tree: Filter, order: Order, page: PageRequest, audience: Audience) -> Page[Incident]:
        """One page of the incidents that match."""
        return await self._database.read(lambda session: session.incidents.page(tree, order, page, audience))

    async def incident_count(self, tree: Filter, audience: Audience) -> int:
        """How many incidents match."""
        return await self._database.read(lambda session: session.incidents.count(tree, audience))

    async def incident_pages_of_systems(
        self, system_ids: Sequence[str], page: PageRequest, *, open_only: bool
    ) -> dict[str, Page[Incident]]:
        """The page of each of these systems' incidents, newest first."""
        return await self._database.read(
            lambda session: session.incidents.pages_of_systems(system_ids, page, open_only=open_only)
        )

    async def incident_counts_of_systems(self, system_ids: Sequence[str], *, open_only: bool) -> dict[str, int]:
        """How many incidents each of these systems has."""
        return await self._database.read(
            lambda session: session.incidents.count_per_system(system_ids, open_only=open_only)
        )

    async def existing_incident_ids(self, ids: Sequence[str]) -> list[str]:
        """Return those of the ids that exist, once each, in the order given; for callers that keep ids of incidents."""
        return await self._database.read(lambda session: session.incidents.existing_ids(ids))

    async def active_overrides(self, system_ids: Sequence[str]) -> dict[str, list[ActiveHealthOverride]]:
        """What open incidents say of these systems' health; systems without such a word are left out."""
        return await self._database.read(lambda session: session.incidents.active_overrides(system_ids))

    async def is_suppressed(self, system_id: str) -> bool:
        """Tell whether an open incident on that system silences its notifications; whoever sends them asks first."""
        return await self._database.read(lambda session: session.incidents.is_suppressed(system_id))

    async def updates(self, ids: Sequence[str]) -> dict[str, IncidentUpdate]:
        """The timeline entries of these ids, whatever their visibility; unknown ones are left out."""
        return await self._database.read(lambda session: session.timeline.get_many(ids))

    async def update_pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[IncidentUpdate]]:
        """The page of each of these incidents' timelines, newest first."""
        return await self._database.read(lambda session: session.timeline.pages(incident_ids, page, audience))

    async def update_counts(self, incident_ids: Sequence[str], audience: Audience) -> dict[str, int]:
        """How many timeline entries each of these incidents has."""
        return await self._database.read(lambda session: session.timeline.counts(incident_ids, audience))

    async def former_updates(self, ids: Sequence[str]) -> dict[str, IncidentUpdateVersion]:
        """The former texts of timeline entries that have these ids, whatever their visibility."""
        return await self._database.read(lambda session: session.timeline.get_versions(ids))

    async def update_versions(self, update_ids: Sequence[str]) -> dict[str, list[IncidentUpdateVersion]]:
        """What these entries said before their edits, oldest first."""
        return await self._database.read(lambda session: session.timeline.versions_of(update_ids))

    async def links(self, ids: Sequence[str]) -> dict[str, IncidentLink]:
        """The links of these ids, whatever their visibility; unknown ones are left out."""
        return await self._database.read(lambda session: session.links.get_many(ids))

    async def link_pages(
        self, incident_ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[IncidentLink]]:
        """The page of each of these incidents' links, oldest first."""
        return await self._database.read(lambda session: session.links.pages(incident_ids, page, audience))

    async def link_counts(self, incident_ids: Sequence[str], audience: Audience) -> dict[str, int]:
        """How many links each of these incidents has."""
        return await self._database.read(lambda session: session.links.counts(incident_ids, audience))

    async def histories(self, incident_ids: Sequence[str], page: PageRequest) -> dict[str, Page[Transition]]:
        """The page of each of these incidents' transitions, oldest first."""
        return await self._database.read(lambda session: session.changes.histories(incident_ids, page))

    async def history_counts(self, incident_ids: Sequence[str]) -> dict[str, int]:
        """How many transitions each of these incidents went through."""
        return await self._database.read(lambda session: session.changes.history_counts(incident_ids))

    async def incidents_in_state_since(self, keys: Sequence[tuple[str, str]]) -> list[datetime | None]:
        """For each pair of incident and reactive field, since when the field has had its present value."""

        async def read(session: ReadSession) -> list[datetime | None]:
            found = await self._handle.get_many(session, sorted({identifier for identifier, _ in keys}))
            present = {
                (identifier, field): (identifier, field, value_text(found[identifier].state[field]))
                for identifier, field in keys
                if identifier in found
            }
            since = await session.changes.latest_transitions(self._handle.kind, list(present.values()))
            return [since.get(present[key]) if key in present else None for key in keys]

        return await self._database.read(read)

    async def systems(self, ids: Sequence[str]) -> dict[str, System]:
        """The systems of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.systems.get_many(ids))

    async def system_ids(self, references: Sequence[str]) -> dict[str, str]:
        """The ids behind these ids or keys; unknown ones are left out."""
        return await self._database.read(lambda session: session.systems.resolve(references))

    async def system_ids_ever(self, references: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The ids behind these ids or keys, those of deleted systems that had a key included."""
        return await self._database.read(lambda session: session.systems.resolve_ever(references))

    async def health_of(self, system_ids: Sequence[str]) -> dict[str, ReportedHealth]:
        """How each of these systems fares by its reports; healthy where there is none, or no such system."""
        found = await self._database.read(lambda session: session.health.reported(system_ids, kind=self._health.kind))
        return {system_id: found.get(system_id) or ReportedHealth(system_id=system_id) for system_id in system_ids}

    async def system_page(self, order: Order, page: PageRequest) -> Page[System]:
        """One page of the catalog."""
        return await self._database.read(lambda session: session.systems.page(order, page))

    async def system_count(self) -> int:
        """How many systems there are."""
        return await self._database.read(lambda session: session.systems.count())

    async def tokens(self, ids: Sequence[str]) -> dict[str, ApiToken]:
        """The API tokens of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.tokens.get_many(ids))

    async def token_page(self, page: PageRequest) -> Page[ApiToken]:
        """One page of all API tokens, newest first."""
        return await self._database.read(lambda session: session.tokens.page(page))

    async def token_count(self) -> int:
        """How many API tokens there are."""
        return await self._database.read(lambda session: session.tokens.count())

    async def secrets(self, ids: Sequence[str]) -> dict[str, Secret]:
        """The secrets of these ids, without their values; unknown ones are left out."""
        return await self._database.read(lambda session: session.secrets.get_many(ids))

    async def secret_page(self, page: PageRequest) -> Page[Secret]:
        """One page of all secrets, without their values, newest first."""
        return await self._database.read(lambda session: session.secrets.page(page))

    async def secret_count(self) -> int:
        """How many secrets there are."""
        return await self._database.read(lambda session: session.secrets.count())

    async def transitions(self, change_ids: Sequence[str]) -> list[Transition]:
        """The transitions that were part of these changes of incidents, as far as the log is kept."""
        return await self._database.read(lambda session: session.changes.transitions_of(change_ids))

    async def changes(self, ids: Sequence[str]) -> dict[str, Change]:
        """The changes of these ids; those that are not kept are left out."""
        return await self._database.read(lambda session: session.changes.get_many(ids))
