"""An audit of a database after automations ran: what is missing, doubled or unfinished."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from domain.automations.routing.router import GROUP
from domain.bootstrap import running_domain
from domain.entities import health, incident
from domain.entities.run import RUN
from domain.model.automation import ACTIVE
from domain.model.change import ChangeAction, TouchKind
from domain.model.moment import parse_iso
from domain.persistence.automation_tables import automation_dwells, automation_runs
from domain.persistence.log_tables import changes, entity_transitions
from domain.persistence.tables import incident_updates
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.inside import inside

_HEALTHY = "healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The promises of the automations under audit."""

    degraded: timedelta
    healthy: timedelta
    #: The comment that another automation adds once to each incident.
    noted: str


@dataclass(slots=True, kw_only=True)
class Episode:
    """A period in which a system was not healthy, as recorded."""

    system: str
    change: str
    #: When its reporter saw it begin, and when that was recorded.
    began: datetime
    recorded_at: datetime
    #: The same of its end.
    seen_ended: datetime | None = None
    ended: datetime | None = None
    #: Its end's place in the log.
    ended_seq: int | None = None

    def due(self, rules: Rules) -> datetime:
        """Return the earliest time at which it may have an incident."""
        return max(self.recorded_at, self.began + rules.degraded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, or a firing that led to none."""

    id: str
    automation: str
    change: str | None
    status: str
    reason: str | None
    at: datetime
    #: The place in the log where it began; None for a firing that led to none.
    seq: int | None


@dataclass(slots=True, kw_only=True)
class Opened:
    """An incident, and the run that opened it, if any did."""

    id: str
    run: str | None
    at: datetime
    resolved: list[datetime] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """All records of what happened."""

    episodes: Sequence[Episode]
    runs: Sequence[Run]
    incidents: Sequence[Opened]
    #: Ids of dwells that are armed.
    armed: Sequence[str]
    #: The runs' entries in the engine: status by run.
    workflows: dict[str, str]
    #: How often a step of a run was finished.
    finished: Counter[tuple[str, str]]
    notes: Counter[str]
    rules: Rules
    #: Systems whose episodes never began before the run of the one before was over.
    apart: frozenset[str]

    @property
    def long(self) -> list[Episode]:
        """The episodes that must have an incident."""
        return [
            one for one in self.episodes if one.seen_ended is None or one.seen_ended - one.began >= self.rules.degraded
        ]

    @property
    def statuses(self) -> Counter[str]:
        """The number of runs by status."""
        return Counter(run.status for run in self.runs)

    def run_of(self, episode: Episode) -> list[Run]:
        """Return the runs that an episode started."""
        return [run for run in self.runs if run.change == episode.change and run.status != "skipped"]

    def incidents_of(self, episode: Episode) -> list[Opened]:
        """Return the incidents that an episode led to."""
        runs = {run.id for run in self.run_of(episode)}
        return [one for one in self.incidents if one.run in runs]

    def is_early(self, episode: Episode) -> bool:
        """Return whether a run began before it was due, or after the record of an end that made it undue.

        An end that is recorded late is unknown until then. It is dated by the start of its transaction, which may lie
        before the run's although it was committed after it.
        """
        short = episode.ended is not None and episode.ended - episode.began < self.rules.degraded
        return any(
            run.at < episode.due(self.rules) or (short and (episode.ended_seq or 0) < (run.seq or 0))
            for run in self.run_of(episode)
        )

    def is_merged(self, episode: Episode) -> bool:
        """Return whether the incident of the episode before was still open, and so stands for both."""
        return episode.system not in self.apart and any(
            run.change == episode.change and run.reason == "already_running" for run in self.runs
        )


async def recorded(database_url: str, rules: Rules, *, apart: frozenset[str] = frozenset()) -> Recorded:
    """Read what is stored, while no client writes."""

    async def read(session: ReadSession) -> Recorded:
        return Recorded(
            episodes=await _episodes(session),
            runs=await _runs(session),
            incidents=await _incidents(session),
            armed=list(await session.connection.scalars(sa.select(automation_dwells.c.id))),
            workflows=await _workflows(session),
            finished=await _finished(session),
            notes=await _notes(session, rules.noted),
            rules=rules,
            apart=apart,
        )

    async with running_domain(Settings(database_url=database_url), live=False) as domain:
        return await inside(domain).database.read(read)


async def unfinished(session: ReadSession, *, system_id: str | None = None) -> int:
    """Count unrouted firings, armed dwells and active runs, of one system or of all."""
    active = sa.select(sa.func.count()).select_from(automation_runs).where(automation_runs.c.status.in_(ACTIVE))
    armed = sa.select(sa.func.count()).select_from(automation_dwells)
    if system_id is not None:
        active = active.where(automation_runs.c.context_key == system_id)
        armed = armed.where(automation_dwells.c.context_key == system_id)
    left = int(await session.connection.scalar(active) or 0) + int(await session.connection.scalar(armed) or 0)
    position = await session.readers.position(GROUP) or 0
    for kind, event in ((health.HEALTH.name, health.DEGRADED), (incident.INCIDENT.name, incident.CREATED)):
        # Only what concerns an automation: readers pass by all else without writing that down at once.
        statement = sa.select(changes.c.events).where(changes.c.kind == kind, changes.c.seq > position)
        if system_id is not None:
            statement = statement.where(changes.c.entity_id == system_id)
        left += sum(event in events for events in await session.connection.scalars(statement))
    return left


FINDINGS = (
    "doubled incidents",
    "missing incidents",
    "early incidents",
    "unresolved",
    "doubled resolves",
    "failed runs",
    "orphan runs",
    "lost wake-ups",
    "dwells left",
    "steps done twice",
    "notes wrong",
    "broken workflows",
)


def findings(truth: Recorded) -> dict[str, list[str]]:
    """Return all violations by name."""
    found: dict[str, list[str]] = {name: [] for name in FINDINGS}
    for name, what in (*_of_episodes(truth), *_of_incidents(truth), *_of_runs(truth)):
        found[name].append(what)
    found["dwells left"] += truth.armed
    found["steps done twice"] += [f"{run} {path}" for (run, path), count in truth.finished.items() if count > 1]
    return found


def fire_seconds(truth: Recorded) -> list[float]:
    """Return the sorted delays of the runs that open incidents, from when they were due."""
    return sorted(
        (run.at - episode.due(truth.rules)).total_seconds() for episode in truth.long for run in truth.run_of(episode)
    )


def create_seconds(truth: Recorded) -> list[float]:
    """Return the sorted delays of opened incidents, from when they were due."""
    late = []
    for episode in truth.long:
        late += [(one.at - episode.due(truth.rules)).total_seconds() for one in truth.incidents_of(episode)[:1]]
    return sorted(late)


def resolve_seconds(truth: Recorded) -> list[float]:
    """Return the sorted delays of resolved incidents, from when they were due."""
    late = []
    for episode in truth.long:
        for one in truth.incidents_of(episode)[:1]:
            if episode.ended is not None and one.resolved:
                due = max(episode.ended + truth.rules.healthy, one.at)
                late.append((one.resolved[0] - due).total_seconds())
    return sorted(late)


def _of_episodes(truth: Recorded) -> Iterator[tuple[str, str]]:
    long = {episode.change for episode in truth.long}
    for episode in truth.episodes:
        opened = truth.incidents_of(episode)
        what = f"{episode.system} from {episode.began:%H:%M:%S.%f} to {episode.ended}"
        if len(opened) > 1:
            yield "doubled incidents", what
        if opened and truth.is_early(episode):
            yield "early incidents", what
        if episode.change in long and not opened and not truth.is_merged(episode):
            reasons = [run.reason for run in truth.runs if run.change == episode.change]
            yield "missing incidents", f"{what}: {reasons}"


def _of_incidents(truth: Recorded) -> Iterator[tuple[str, str]]:
    for one in truth.incidents:
        if not one.resolved:
            yield "unresolved", one.id
        if len(one.resolved) > 1:
            yield "doubled resolves", one.id
        if truth.notes[one.id] != 1:
            yield "notes wrong", f"{one.id} has {truth.notes[one.id]}"


def _of_runs(truth: Recorded) -> Iterator[tuple[str, str]]:
    for run in truth.runs:
        engine = truth.workflows.get(run.id)
        what = f"{run.id} is {run.status}, in the engine {engine}"
        if run.status in {"failed", "cancelled"}:
            yield "failed runs", what
        if run.status in ACTIVE and engine not in {"PENDING", "ENQUEUED"}:
            yield "orphan runs", what
        elif run.status in ACTIVE:
            # At the end all systems are healthy for long enough.
            yield "lost wake-ups", what
    for run_id, status in truth.workflows.items():
        if status not in {"PENDING", "ENQUEUED", "SUCCESS"}:
            yield "broken workflows", f"{run_id} is {status}"


async def _episodes(session: ReadSession) -> list[Episode]:
    steps = entity_transitions.c
    statement = (
        sa.select(entity_transitions, changes.c.seq)
        .join(changes, changes.c.id == steps.change_id)
        .where(steps.kind == health.HEALTH.name, steps.field == "status")
    )
    open_: dict[str, Episode] = {}
    found = []
    seen = await _seen(session)
    for row in await session.connection.execute(statement.order_by(steps.id)):
        present = open_.get(row.entity_id)
        if row.to_value != _HEALTHY and present is None:
            began = seen[row.change_id]
            open_[row.entity_id] = Episode(
                system=row.entity_id, change=row.change_id, began=began, recorded_at=row.occurred_at
            )
            found.append(open_[row.entity_id])
        elif row.to_value == _HEALTHY and present is not None:
            present.seen_ended, present.ended = seen[row.change_id], row.occurred_at
            present.ended_seq = row.seq
            del open_[row.entity_id]
    return found


async def _seen(session: ReadSession) -> dict[str, datetime]:
    """Return when the reporter observed each change of health, by the change's id."""
    columns = changes.c
    statement = sa.select(columns.id, columns.after).where(
        columns.kind == health.HEALTH.name, columns.after.is_not(None)
    )
    rows = await session.connection.execute(statement)
    return {row.id: parse_iso(row.after["observed_at"]) for row in rows if row.after}


async def _runs(session: ReadSession) -> list[Run]:
    columns = automation_runs.c
    began = sa.select(sa.func.min(changes.c.seq)).where(changes.c.kind == RUN.name, changes.c.entity_id == columns.id)
    statement = sa.select(automation_runs, began.scalar_subquery().label("seq")).order_by(columns.id)
    rows = await session.connection.execute(statement)
    return [
        Run(
            id=row.id,
            automation=row.automation_id,
            change=row.change_id,
            status=row.status,
            reason=row.reason,
            at=row.created_at,
            seq=row.seq,
        )
        for row in rows
    ]


async def _incidents(session: ReadSession) -> list[Opened]:
    columns = changes.c
    statement = sa.select(columns.entity_id, columns.action, columns.run_id, columns.occurred_at)
    statement = statement.where(columns.kind == incident.INCIDENT.name).order_by(columns.seq)
    found: dict[str, Opened] = {}
    for row in await session.connection.execute(statement):
        if row.action == ChangeAction.CREATED:
            found[row.entity_id] = Opened(id=row.entity_id, run=row.run_id, at=row.occurred_at)
        elif row.action == ChangeAction.RESOLVED:
            found[row.entity_id].resolved.append(row.occurred_at)
    return list(found.values())


async def _workflows(session: ReadSession) -> dict[str, str]:
    table = "workflow_status" if session.connection.dialect.name == "sqlite" else "dbos.workflow_status"
    rows = await session.connection.execute(sa.text(f"SELECT workflow_uuid, status FROM {table}"))
    return {str(row[0]).partition(":")[2]: str(row[1]) for row in rows}


async def _finished(session: ReadSession) -> Counter[tuple[str, str]]:
    columns = changes.c
    statement = sa.select(columns.entity_id, columns.touched).where(columns.kind == RUN.name)
    counts: Counter[tuple[str, str]] = Counter()
    for run_id, touched in await session.connection.execute(statement):
        counts.update((run_id, part["id"]) for part in touched if part["kind"] == TouchKind.ADDED)
    return counts


async def _notes(session: ReadSession, text: str) -> Counter[str]:
    columns = incident_updates.c
    statement = sa.select(columns.incident_id).where(columns.message == text)
    counts: dict[str, int] = defaultdict(int)
    for identifier in await session.connection.scalars(statement):
        counts[identifier] += 1
    return Counter(counts)
