"""Batched loading: a field of every row of a list costs one read for all rows."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from strawberry.dataloader import DataLoader

from domain.bootstrap import Domain
from domain.model.automation import Artifact, Automation, AutomationRun, AutomationVersion, RunStatus, RunStep
from domain.model.change import Change, Transition
from domain.model.health import ReportedHealth
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.paging import Page, PageRequest
from domain.model.system import ActiveHealthOverride, System
from domain.model.viewer import Audience

V = TypeVar("V")
A = TypeVar("A", bound=Hashable)

#: One page of a list that belongs to a parent.
PageKey = tuple[str, PageRequest]
Statuses = tuple[RunStatus, ...]
RunsAsked = tuple[PageRequest, Statuses]


class Loaders:
    """The loaders of one operation or, in a subscription, of one event, which must not see values read before it."""

    def __init__(self, domain: Domain, audience: Audience) -> None:
        reads = domain.reads
        self._domain = domain
        self._automations: AutomationLoaders | None = None
        self.incidents: DataLoader[str, Incident | None] = _by_id(reads.incidents)
        self.systems: DataLoader[str, System | None] = _by_id(reads.systems)
        self.health: DataLoader[str, ReportedHealth | None] = _by_id(reads.health_of)
        self.overrides: DataLoader[str, list[ActiveHealthOverride] | None] = _by_id(reads.active_overrides)
        self.versions: DataLoader[str, list[IncidentUpdateVersion] | None] = _by_id(reads.update_versions)
        self.update_counts: DataLoader[str, int | None] = _by_id(lambda ids: reads.update_counts(ids, audience))
        self.link_counts: DataLoader[str, int | None] = _by_id(lambda ids: reads.link_counts(ids, audience))
        self.history_counts: DataLoader[str, int | None] = _by_id(reads.history_counts)
        self.open_counts: DataLoader[str, int | None] = _by_id(
            lambda ids: reads.incident_counts_of_systems(ids, open_only=True)
        )
        self.incident_counts: DataLoader[str, int | None] = _by_id(
            lambda ids: reads.incident_counts_of_systems(ids, open_only=False)
        )
        self.in_state_since: DataLoader[tuple[str, str], datetime | None] = DataLoader(
            load_fn=reads.incidents_in_state_since
        )
        self.updates: DataLoader[PageKey, Page[IncidentUpdate]] = _by_page(
            lambda ids, page: reads.update_pages(ids, page, audience)
        )
        self.links: DataLoader[PageKey, Page[IncidentLink]] = _by_page(
            lambda ids, page: reads.link_pages(ids, page, audience)
        )
        self.histories: DataLoader[PageKey, Page[Transition]] = _by_page(reads.histories)
        self.system_incidents: DataLoader[PageKey, Page[Incident]] = _by_page(
            lambda ids, page: reads.incident_pages_of_systems(ids, page, open_only=False)
        )
        self.open_incidents: DataLoader[PageKey, Page[Incident]] = _by_page(
            lambda ids, page: reads.incident_pages_of_systems(ids, page, open_only=True)
        )

    @property
    def automations(self) -> "AutomationLoaders":
        """The loaders about automations, made on first use because most operations have none."""
        if self._automations is None:
            self._automations = AutomationLoaders(self._domain)
        return self._automations


class AutomationLoaders:
    """The loaders about automations and runs, for callers that may read them."""

    def __init__(self, domain: Domain) -> None:
        reads = domain.automations.reads
        self.automations: DataLoader[str, Automation | None] = _by_id(reads.automations)
        self.versions: DataLoader[PageKey, Page[AutomationVersion]] = _by_page(reads.version_pages)
        self.version_counts: DataLoader[str, int | None] = _by_id(reads.version_counts)
        self.runs: DataLoader[str, AutomationRun | None] = _by_id(reads.runs)
        self.opening_runs: DataLoader[str, AutomationRun | None] = _by_id(reads.runs_that_opened)
        self.runs_of: DataLoader[tuple[str, RunsAsked], Page[AutomationRun]] = _by_page(
            lambda ids, asked: reads.run_pages(ids, *asked)
        )
        self.run_counts: DataLoader[tuple[str, Statuses], int] = _by_page(reads.run_counts)
        self.steps: DataLoader[PageKey, Page[RunStep]] = _by_page(reads.step_pages)
        self.step_counts: DataLoader[str, int | None] = _by_id(reads.step_counts)
        self.artifacts: DataLoader[PageKey, Page[Artifact]] = _by_page(reads.artifact_pages)
        self.artifact_counts: DataLoader[str, int | None] = _by_id(reads.artifact_counts)
        self.changes: DataLoader[PageKey, Page[Change]] = _by_page(reads.change_pages)
        self.change_counts: DataLoader[str, int | None] = _by_id(reads.change_counts)


def _by_id(read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> DataLoader[str, V | None]:
    async def load(ids: list[str]) -> list[V | None]:
        found = await read(ids)
        return [found.get(identifier) for identifier in ids]

    return DataLoader(load_fn=load)


def _by_page(read: Callable[[Sequence[str], A], Awaitable[Mapping[str, V]]]) -> DataLoader[tuple[str, A], V]:
    """Return a loader that shares a read among all parents with the same page or arguments."""

    async def load(keys: list[tuple[str, A]]) -> list[V]:
        parents: dict[A, list[str]] = {}
        for parent, asked in keys:
            parents.setdefault(asked, []).append(parent)
        found = {asked: await read(ids, asked) for asked, ids in parents.items()}
        return [found[asked][parent] for parent, asked in keys]

    return DataLoader(load_fn=load)
