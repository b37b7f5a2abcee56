"""Explanations: the chain of causes up to its root, and everything that followed from it, as a graph."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from domain.entities import incident
from domain.entities.run import RUN
from domain.errors import InvalidInputError, NotFoundError
from domain.model.automation import AutomationRun
from domain.model.change import Change
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

#: A graph has so many nodes at most.
MOST_NODES = 500
#: Of an incident, so many of its newest changes are explained.
_OF_INCIDENT = 100


class EdgeKind(StrEnum):
    """The kind of an edge."""

    FIRED = "fired"
    WROTE = "wrote"
    CAUSED = "caused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An edge between two nodes, by their ids."""

    link: EdgeKind
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A graph of changes and of runs, with the firings that led to none; it has no cycle."""

    #: The ids of the nodes to explain.
    start: tuple[str, ...]
    #: In the order of the log.
    changes: tuple[Change, ...]
    #: In the order in which they fired.
    runs: tuple[AutomationRun, ...]
    edges: tuple[Edge, ...]
    #: Whether there is more than fits.
    truncated: bool


@dataclass(slots=True)
class _Graph:
    limit: int
    changes: dict[str, Change] = field(default_factory=dict)
    runs: dict[str, AutomationRun] = field(default_factory=dict)
    truncated: bool = False

    @property
    def room(self) -> int:
        return self.limit - len(self.changes) - len(self.runs)

    def add(self, changes: Iterable[Change], runs: Iterable[AutomationRun]) -> tuple[list[Change], list[AutomationRun]]:
        """Add the new nodes that fit, and return them."""
        fresh_changes = [change for change in changes if change.kind != RUN.name and change.id not in self.changes]
        fresh_runs = [run for run in runs if run.id not in self.runs]
        self.truncated = self.truncated or len(fresh_changes) + len(fresh_runs) > self.room
        fresh_changes = fresh_changes[: self.room]
        self.changes |= {change.id: change for change in fresh_changes}
        fresh_runs = fresh_runs[: self.room]
        self.runs |= {run.id: run for run in fresh_runs}
        return fresh_changes, fresh_runs


class Explanations:
    """A reader of causes in the log; each step costs two statements, however many nodes it finds."""

    def __init__(self, database: Database, *, most_nodes: int = MOST_NODES) -> None:
        self._database = database
        self._most_nodes = most_nodes

    async def explain(
        self, *, change_id: str | None = None, run_id: str | None = None, incident_id: str | None = None
    ) -> Explanation:
        """Explain what led to a change, to a run or to an incident's state, and what followed.

        Raises:
            InvalidInputError: not exactly one thing is named.
            NotFoundError: it is not there, or the log does not reach back to it.
        """
        named = [name for name in (change_id, run_id, incident_id) if name is not None]
        if len(named) != 1:
            raise InvalidInputError("Name a change, a run or an incident.", field=["changeId"])

        async def read(session: ReadSession) -> Explanation:
            if change_id is not None:
                changes, runs = await _of_change(session, change_id)
            elif run_id is not None:
                changes, runs = [], await _of_run(session, run_id)
            else:
                changes, runs = await _of_incident(session, named[0]), []
            return await self._explained(session, changes, runs)

        return await self._database.read(read)

    async def _explained(self, session: ReadSession, changes: list[Change], runs: list[AutomationRun]) -> Explanation:
        graph = _Graph(self._most_nodes)
        started = graph.add(changes, runs)
        for step in (_led_to, _followed):
            reached = started
            while graph.room > 0 and any(reached):
                # Some of those found may be known already; one more than fits shows that there is more.
                reached = graph.add(*await step(session, *reached, graph.limit + 1))
        return Explanation(
            start=(*(change.id for change in changes), *(run.id for run in runs)),
            changes=tuple(sorted(graph.changes.values(), key=lambda change: change.seq)),
            runs=tuple(sorted(graph.runs.values(), key=lambda run: run.id)),
            edges=tuple(_edges(graph)),
            truncated=graph.truncated or (graph.room == 0 and any(reached)),
        )


async def _of_change(session: ReadSession, change_id: str) -> tuple[list[Change], list[AutomationRun]]:
    change = (await session.changes.get_many([change_id])).get(change_id)
    if change is None:
        raise NotFoundError("Change", change_id, field=["changeId"])
    # The changes of a run are no nodes: an explanation of one is that of the run.
    return ([], await _of_run(session, change.entity_id)) if change.kind == RUN.name else ([change], [])


async def _of_run(session: ReadSession, run_id: str) -> list[AutomationRun]:
    run = (await session.runs.get_many([run_id])).get(run_id)
    if run is None:
        raise NotFoundError("Run", run_id, field=["runId"])
    return [run]


async def _of_incident(session: ReadSession, incident_id: str) -> list[Change]:
    changes = await session.changes.latest_of(incident.INCIDENT.name, incident_id, limit=_OF_INCIDENT)
    if not changes:
        raise NotFoundError("Incident", incident_id, field=["incidentId"])
    return changes


async def _led_to(
    session: ReadSession, changes: list[Change], runs: list[AutomationRun], _limit: int
) -> tuple[Iterable[Change], Iterable[AutomationRun]]:
    wanted = _ids(change.cause.change_id for change in changes) | _ids(run.firing.change_id for run in runs)
    writers = _ids(change.cause.run_id for change in changes)
    found = await session.changes.get_many(sorted(wanted))
    return found.values(), (await session.runs.get_many(sorted(writers))).values()


async def _followed(
    session: ReadSession, changes: list[Change], runs: list[AutomationRun], limit: int
) -> tuple[Iterable[Change], Iterable[AutomationRun]]:
    written = await session.changes.written_by([run.id for run in runs], besides=RUN.name, limit=limit)
    return written, await session.runs.of_changes([change.id for change in changes], limit=limit)


def _edges(graph: _Graph) -> Iterable[Edge]:
    for run in graph.runs.values():
        if run.firing.change_id in graph.changes:
            yield Edge(link=EdgeKind.FIRED, source=run.firing.change_id, target=run.id)
    for change in graph.changes.values():
        if change.cause.run_id in graph.runs:
            yield Edge(link=EdgeKind.WROTE, source=change.cause.run_id, target=change.id)
        if change.cause.change_id in graph.changes:
            yield Edge(link=EdgeKind.CAUSED, source=change.cause.change_id, target=change.id)


def _ids(names: Iterable[str | None]) -> set[str]:
    return {name for name in names if name is not None}
