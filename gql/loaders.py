"""Batched loading: whatever a list asks once per row costs one read for all rows."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from strawberry.dataloader import DataLoader

from domain.bootstrap import Domain
from domain.model.change import Transition
from domain.model.health import ReportedHealth
from domain.model.incident import Incident, IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.paging import Page, PageRequest
from domain.model.system import ActiveHealthOverride, System
from domain.model.viewer import Audience

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: One page of a list that belongs to a parent.
PageKey = tuple[str, PageRequest]


class Loaders:
    """One set per operation and, in a subscription, per event: nothing read before an event is shown after it."""

    def __init__(self, domain: Domain, audience: Audience) -> None:
        reads = domain.reads
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


def _by_id(read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> DataLoader[str, V | None]:
    async def load(ids: list[str]) -> list[V | None]:
        found = await read(ids)
        return [found.get(identifier) for identifier in ids]

    return DataLoader(load_fn=load)


def _by_page(
    read: Callable[[Sequence[str], PageRequest], Awaitable[Mapping[str, Page[V]]]],
) -> DataLoader[PageKey, Page[V]]:
    """Parents that ask for the same page share a read; aliases with other arguments get their own."""

    async def load(keys: list[PageKey]) -> list[Page[V]]:
        parents: dict[PageRequest, list[str]] = {}
        for parent, page in keys:
            parents.setdefault(page, []).append(parent)
        found = {page: await read(ids, page) for page, ids in parents.items()}
        return [found[page][parent] for parent, page in keys]

    return DataLoader(load_fn=load)
