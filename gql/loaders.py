"""Batched loading: a field of every row of a list costs one read for all rows."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from strawberry.dataloader import DataLoader
from typing_extensions import override

from domain.bootstrap import Domain
from domain.model.automation import Artifact, Automation, AutomationRun, AutomationVersion, RunStatus, RunStep
from domain.model.change import Change, Transition
from domain.model.filters import Filter
from domain.model.health import ReportedHealth
from domain.model.health_history import HealthPeriod
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceUpdate
from domain.model.paging import Among, Page, PageRequest
from domain.model.place import Place
from domain.model.relation import IncidentRelation
from domain.model.system import ActiveHealthOverride, System
from domain.model.timeline_item import TimelineItem, TimelineKind
from domain.model.viewer import Audience
from domain.services.health_history import Asked

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
A = TypeVar("A", bound=Hashable)

#: One page of a list that belongs to a parent.
PageKey = tuple[str, PageRequest]
Statuses = tuple[RunStatus, ...]
Kinds = tuple[TimelineKind, ...]
ItemsAsked = tuple[PageRequest, Kinds]
RunsAsked = tuple[PageRequest, Statuses]


class Loader(DataLoader[K, V]):
    """A data loader whose results outlive each field that waits for them."""

    @override
    def load(self, key: K) -> Awaitable[V]:
        # The executor cancels the neighbours of a field that failed, and with one of them a future that fields of other
        # objects wait for as well; the cancellation would then end the whole operation without an answer.
        loading: Any = super().load(key)
        # Once all who waited are cancelled, nobody is left to see it fail, and the loop would log that as a bug.
        loading.add_done_callback(_retrieve)
        return asyncio.shield(loading)


class Loaders:
    """The loaders of one operation or, in a subscription, of one event, which must not see values read before it."""

    def __init__(self, domain: Domain, audience: Audience) -> None:
        reads = domain.reads
        self._domain = domain
        self._audience = audience
        self._automations: AutomationLoaders | None = None
        self._past: dict[Place, PastLoaders] = {}
        self.incidents: Loader[str, Incident | None] = _by_id(reads.incidents)
        self.systems: Loader[str, System | None] = _by_id(reads.systems)
        #: The ids behind ids or keys.
        self.references: Loader[str, str | None] = _by_id(reads.system_ids)
        self.health: Loader[str, ReportedHealth | None] = _by_id(reads.health_of)
        self.overrides: Loader[str, list[ActiveHealthOverride] | None] = _by_id(reads.active_overrides)
        self.health_periods: Loader[tuple[str, Asked], list[HealthPeriod]] = _by_page(domain.health_history.of)
        self.versions: Loader[str, list[IncidentUpdateVersion] | None] = _by_id(reads.update_versions)
        self.update_counts: Loader[str, int | None] = _by_id(lambda ids: reads.update_counts(ids, audience))
        self.link_counts: Loader[str, int | None] = _by_id(lambda ids: reads.link_counts(ids, audience))
        self.relation_counts: Loader[str, int | None] = _by_id(reads.relation_counts)
        self.history_counts: Loader[str, int | None] = _by_id(reads.history_counts)
        self.incident_counts: Loader[tuple[str, Filter], int] = _by_page(
            lambda ids, tree: reads.incident_counts_of_systems(ids, tree, audience)
        )
        self.in_state_since: Loader[tuple[str, str], datetime | None] = Loader(load_fn=reads.incidents_in_state_since)
        self.updates: Loader[PageKey, Page[IncidentUpdate]] = _by_page(
            lambda ids, page: reads.update_pages(ids, page, audience)
        )
        self.links: Loader[PageKey, Page[IncidentLink]] = _by_page(
            lambda ids, page: reads.link_pages(ids, page, audience)
        )
        self.relations: Loader[PageKey, Page[IncidentRelation]] = _by_page(reads.relation_pages)
        self.timelines = TimelineLoaders(domain, audience)
        self.maintenance = MaintenanceLoaders(domain, audience)
        self.histories: Loader[PageKey, Page[Transition]] = _by_page(reads.histories)
        self.system_incidents: Loader[PageKey, Page[Incident]] = _by_page(
            lambda ids, page: reads.incident_pages_of_systems(ids, page, audience)
        )

    def at(self, place: Place | None) -> "Loaders | PastLoaders":
        """Return the loaders of what belongs to incidents as of a place in the past; these ones for the present."""
        if place is None:
            return self
        if place not in self._past:
            self._past[place] = PastLoaders(self._domain, self._audience, place)
        return self._past[place]

    @property
    def automations(self) -> "AutomationLoaders":
        """The loaders about automations, made on first use because most operations have none."""
        if self._automations is None:
            self._automations = AutomationLoaders(self._domain)
        return self._automations


class PastLoaders:
    """The loaders of what belonged to incidents at a place in the past."""

    def __init__(self, domain: Domain, audience: Audience, place: Place) -> None:
        replay = domain.replay
        self.updates: Loader[PageKey, Page[IncidentUpdate]] = _by_page(
            lambda ids, page: replay.update_pages(ids, page, audience, place)
        )
        self.update_counts: Loader[str, int | None] = _by_id(lambda ids: replay.update_counts(ids, audience, place))
        self.links: Loader[PageKey, Page[IncidentLink]] = _by_page(
            lambda ids, page: replay.link_pages(ids, page, audience, place)
        )
        self.link_counts: Loader[str, int | None] = _by_id(lambda ids: replay.link_counts(ids, audience, place))
        self.histories: Loader[PageKey, Page[Transition]] = _by_page(
            lambda ids, page: replay.histories(ids, page, place)
        )
        self.history_counts: Loader[str, int | None] = _by_id(lambda ids: replay.history_counts(ids, place))
        self.in_state_since: Loader[tuple[str, str], datetime | None] = Loader(
            load_fn=lambda keys: replay.in_state_since(keys, place)
        )


class TimelineLoaders:
    """The loaders of timelines of all kinds of items."""

    def __init__(self, domain: Domain, audience: Audience) -> None:
        reads = domain.reads.timelines
        self.pages: Loader[tuple[str, ItemsAsked], Page[TimelineItem]] = _by_page(
            lambda ids, asked: reads.pages(ids, *asked, audience)
        )
        self.counts: Loader[tuple[str, Kinds], int] = _by_page(lambda ids, kinds: reads.counts(ids, kinds, audience))


class MaintenanceLoaders:
    """The loaders of maintenance windows and of what belongs to them."""

    def __init__(self, domain: Domain, audience: Audience) -> None:
        reads = domain.maintenance.reads
        self.windows: Loader[str, Maintenance | None] = _by_id(lambda ids: reads.get_many(ids, audience))
        self.updates: Loader[str, list[MaintenanceUpdate] | None] = _by_id(lambda ids: reads.updates_of(ids, audience))
        self.instances: Loader[PageKey, Page[MaintenanceInstance]] = _by_page(
            lambda ids, page: reads.instance_pages(ids, page, audience)
        )
        self.instance_counts: Loader[tuple[str, Among], int] = _by_page(
            lambda ids, among: reads.instance_counts(ids, among, audience)
        )
        self.of_systems: Loader[str, list[MaintenanceInstance] | None] = _by_id(
            lambda ids: reads.of_systems(ids, audience)
        )
        #: The windows that take place on a system now.
        self.active_on: Loader[str, Sequence[str] | None] = _by_id(reads.active_on)


class AutomationLoaders:
    """The loaders about automations and runs, for callers that may read them."""

    def __init__(self, domain: Domain) -> None:
        reads = domain.automations.reads
        self.automations: Loader[str, Automation | None] = _by_id(reads.automations)
        self.versions: Loader[PageKey, Page[AutomationVersion]] = _by_page(reads.version_pages)
        self.version_counts: Loader[str, int | None] = _by_id(reads.version_counts)
        self.runs: Loader[str, AutomationRun | None] = _by_id(reads.runs)
        self.opening_runs: Loader[str, AutomationRun | None] = _by_id(reads.runs_that_opened)
        self.runs_of: Loader[tuple[str, RunsAsked], Page[AutomationRun]] = _by_page(
            lambda ids, asked: reads.run_pages(ids, *asked)
        )
        self.run_counts: Loader[tuple[str, Statuses], int] = _by_page(reads.run_counts)
        self.steps: Loader[PageKey, Page[RunStep]] = _by_page(reads.step_pages)
        self.step_counts: Loader[str, int | None] = _by_id(reads.step_counts)
        self.artifacts: Loader[PageKey, Page[Artifact]] = _by_page(reads.artifact_pages)
        self.artifact_counts: Loader[str, int | None] = _by_id(reads.artifact_counts)
        self.changes: Loader[PageKey, Page[Change]] = _by_page(reads.change_pages)
        self.change_counts: Loader[str, int | None] = _by_id(reads.change_counts)


def _retrieve(loading: asyncio.Future[Any]) -> None:
    if not loading.cancelled():
        loading.exception()


def _by_id(read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> Loader[str, V | None]:
    async def load(ids: list[str]) -> list[V | None]:
        found = await read(ids)
        return [found.get(identifier) for identifier in ids]

    return Loader(load_fn=load)


def _by_page(read: Callable[[Sequence[str], A], Awaitable[Mapping[str, V]]]) -> Loader[tuple[str, A], V]:
    """Return a loader that shares a read among all parents with the same page or arguments."""

    async def load(keys: list[tuple[str, A]]) -> list[V]:
        parents: dict[A, list[str]] = {}
        for parent, asked in keys:
            parents.setdefault(asked, []).append(parent)
        found = {asked: await read(ids, asked) for asked, ids in parents.items()}
        return [found[asked][parent] for parent, asked in keys]

    return Loader(load_fn=load)
