"""An audit of a whole database: contradictions between rows, history and log."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import sqlalchemy as sa

from domain.bootstrap import running_domain
from domain.entities.incident import INCIDENT
from domain.model.change import Change, ChangeAction
from domain.model.cursor import CursorCodec
from domain.model.timeline import settled
from domain.persistence.log_tables import entity_transitions
from domain.persistence.tables import incidents, systems
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.inside import inside

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The parts of a database that must agree with each other."""

    log: Sequence[Change]
    #: The version of each incident that exists.
    versions: dict[str, int]
    #: The reactive fields that the history says changed, by change.
    stepped: dict[str, list[str]]
    systems: set[str]
    #: The incidents whose status or times are not those of their timelines.
    unsettled: Sequence[str]
    cursors: CursorCodec

    @property
    def by_incident(self) -> dict[str, list[Change]]:
        """Group the changes by incident, in the order of the log."""
        found: dict[str, list[Change]] = defaultdict(list)
        for change in self.log:
            found[change.entity_id].append(change)
        return found


async def truth_of(database_url: str) -> Truth:
    """Read what is stored, while no client writes."""

    async def read(session: ReadSession) -> tuple[dict[str, int], dict[str, list[str]], set[str]]:
        rows = await session.connection.execute(sa.select(incidents.c.id, incidents.c.version))
        versions = {identifier: version for identifier, version in rows}
        stepped: dict[str, list[str]] = defaultdict(list)
        for change_id, field in await session.connection.execute(
            sa.select(entity_transitions.c.change_id, entity_transitions.c.field).where(
                entity_transitions.c.kind == INCIDENT.name
            )
        ):
            stepped[change_id].append(field)
        return versions, stepped, set(await session.connection.scalars(sa.select(systems.c.id)))

    async with running_domain(Settings(database_url=database_url), live=False) as domain:
        versions, stepped, present = await inside(domain).database.read(read)
        unsettled = await inside(domain).database.read(lambda session: _unsettled(session, sorted(versions)))
        log: list[Change] = []
        while page := await domain.events.raw(log[-1].seq if log else 0, limit=_PAGE):
            log += page
        incident_log = [change for change in log if change.kind == INCIDENT.name]
        return Truth(
            log=incident_log,
            versions=versions,
            stepped=stepped,
            systems=present,
            unsettled=unsettled,
            cursors=inside(domain).cursors,
        )


async def _unsettled(session: ReadSession, ids: Sequence[str]) -> list[str]:
    found = []
    for start in range(0, len(ids), _PAGE):
        for identifier, incident in (await session.incidents.get_many(ids[start : start + _PAGE])).items():
            marks = await session.timeline.marks(identifier)
            after, read = settled(incident, marks)
            if after != incident or any(mark not in marks for mark in read):
                found.append(identifier)
    return found


def contradictions(truth: Truth) -> list[str]:
    """Return all contradictions; a sound database has none."""
    untrue = [f"{incident} is not what its timeline says" for incident in truth.unsettled]
    return [*holes(truth), *doubled(truth), *_without_row(truth), *_without_history(truth), *untrue]


def holes(truth: Truth) -> list[str]:
    """Return the versions of incidents that no change led to, or that come out of order."""
    return [
        f"{incident} has the versions {[change.version for change in changes]}"
        for incident, changes in truth.by_incident.items()
        if sorted({change.version for change in changes}) != list(range(1, changes[-1].version + 1))
        or any(later.version < earlier.version for earlier, later in pairwise(changes))
    ]


def doubled(truth: Truth) -> list[str]:
    """Return the versions of incidents that more than one change led to."""
    counts = Counter((change.entity_id, change.version) for change in truth.log)
    return [
        f"{incident} has version {version} {count} times" for (incident, version), count in counts.items() if count > 1
    ]


def _without_row(truth: Truth) -> Iterator[str]:
    by_incident = truth.by_incident
    for incident, changes in by_incident.items():
        deleted = [change.action for change in changes].count(ChangeAction.DELETED)
        version = truth.versions.get(incident)
        last = changes[-1]
        if version is None and (deleted != 1 or last.action is not ChangeAction.DELETED):
            yield f"{incident} has neither a row nor a tombstone"
        if version is not None and (deleted or version != last.version):
            yield f"{incident} is at version {version}, its log at {last.version} with {deleted} tombstones"
    for incident in truth.versions.keys() - by_incident.keys():
        yield f"{incident} has a row and no change"


def _without_history(truth: Truth) -> Iterator[str]:
    for change in truth.log:
        expected = [] if change.action is ChangeAction.DELETED else list(change.changed_fields)
        if sorted(truth.stepped.get(change.id, [])) != expected:
            yield f"{change.id} changed {expected}, its history says {truth.stepped.get(change.id)}"
    for change_id in truth.stepped.keys() - {change.id for change in truth.log}:
        yield f"{change_id} is in the history and not in the log"
