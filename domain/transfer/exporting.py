"""Exports: the whole history of a database, of one moment, a page at a time."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.maintenance import MAINTENANCE
from domain.errors import NotFoundError
from domain.model.histories import (
    History,
    IncidentHistory,
    MaintenanceHistory,
    PersonHistory,
    RelationHistory,
    SystemHealthHistory,
)
from domain.model.incident import reference_of
from domain.model.system import System
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession
from domain.transfer.documents import document_of, end, head, kind_of, line_of

#: How many objects are in memory at once.
_PAGE = 200
#: Of windows: each may have some hundred instances.
_WINDOWS = 20
Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of incidents that are written, and of all."""

    done: int
    total: int


class ExportService:
    """The exports of a database; each reads one moment, however long it takes."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def lines(self, write: Write, *, progress: Callable[[Progress], None] | None = None) -> None:
        """Write the history as lines of JSON: systems, people, health, incidents and their relations.

        Two databases with the same history make the same bytes.
        """

        async def work(session: ReadSession) -> None:
            counts: dict[str, int] = {}
            total = (await session.exports.counts())["incident"]
            write(line_of(head(revision=await session.exports.revision())))
            async with aclosing(_all(session)) as found:
                async for history in found:
                    kind = kind_of(history)
                    counts[kind] = counts.get(kind, 0) + 1
                    write(line_of(document_of(history)))
                    if progress is not None and kind == "incident":
                        progress(Progress(counts[kind], total))
            write(line_of(end(counts)))

        await self._database.read(work)

    async def incidents(self, take: Callable[[IncidentHistory, Mapping[str, str]], object]) -> None:
        """Call a function with each incident, oldest first, and with the names of systems by their ids."""

        async def work(session: ReadSession) -> None:
            names: dict[str, str] = {}
            async with aclosing(_systems(session)) as systems:
                async for system in systems:
                    names[system.id] = system.name
            async with aclosing(_incidents(session)) as found:
                async for history in found:
                    take(history, names)

        await self._database.read(work)

    async def incident(self, number: int) -> tuple[IncidentHistory, Mapping[str, str]]:
        """Return one incident with its history, and the names of its systems by their ids.

        Raises:
            NotFoundError: there is none of this number.
        """

        async def work(session: ReadSession) -> tuple[IncidentHistory, Mapping[str, str]]:
            found = await session.incidents.ids_by_number([number])
            if not found:
                raise NotFoundError("Incident", reference_of(number), field=["incident"])
            history = (await _histories(session, found))[0]
            systems = await session.systems.get_many(history.incident.system_ids)
            return history, {identifier: system.name for identifier, system in systems.items()}

        return await self._database.read(work)


async def _all(session: ReadSession) -> AsyncGenerator[History, None]:
    parts = (
        _systems(session),
        _people(session),
        _health(session),
        _incidents(session),
        _relations(session),
        _maintenance(session),
    )
    for part in parts:
        async with aclosing(part) as found:
            async for history in found:
                yield history


async def _systems(session: ReadSession) -> AsyncGenerator[System, None]:
    after = ""
    while page := await session.exports.systems(after=after, limit=_PAGE):
        for system in page:
            yield system
        after = page[-1].id


async def _people(session: ReadSession) -> AsyncGenerator[PersonHistory, None]:
    after = ""
    while page := await session.exports.people(after=after, limit=_PAGE):
        for known in page:
            yield known
        after = page[-1].person.id


async def _relations(session: ReadSession) -> AsyncGenerator[RelationHistory, None]:
    after = ""
    while page := await session.exports.relations(after=after, limit=_PAGE):
        for relation in page:
            yield relation
        after = page[-1].one.id


async def _maintenance(session: ReadSession) -> AsyncGenerator[MaintenanceHistory, None]:
    after = ""
    while page := await session.exports.maintenance_ids(after=after, limit=_WINDOWS):
        windows = await session.maintenance.get_many(page)
        instances, updates = await session.exports.instances(page), await session.exports.messages(page)
        transitions = await session.exports.transitions(MAINTENANCE.name, page)
        for identifier in page:
            yield MaintenanceHistory(
                window=windows[identifier],
                instances=instances.get(identifier, ()),
                updates=updates.get(identifier, ()),
                transitions=transitions.get(identifier, ()),
            )
        after = page[-1]


async def _health(session: ReadSession) -> AsyncGenerator[SystemHealthHistory, None]:
    async with aclosing(_systems(session)) as systems:
        async for system in systems:
            found = await session.health.get_many([system.id])
            if found:
                yield SystemHealthHistory(
                    health=found[system.id],
                    transitions=(await session.exports.transitions(HEALTH.name, [system.id])).get(system.id, ()),
                    spans=await session.exports.spans_of_reports(system.id),
                )


async def _incidents(session: ReadSession) -> AsyncGenerator[IncidentHistory, None]:
    after = 0
    while page := await session.exports.incident_ids(after=after, limit=_PAGE):
        for history in await _histories(session, page):
            yield history
        after = max(page)


async def _histories(session: ReadSession, page: Mapping[int, str]) -> list[IncidentHistory]:
    ids = list(page.values())
    incidents = await session.incidents.get_many(ids)
    updates, links = await session.exports.updates(ids), await session.exports.links(ids)
    versions = await session.exports.versions(ids)
    transitions = await session.exports.transitions(INCIDENT.name, ids)
    spans = await session.exports.spans_of_incidents(ids)
    return [
        IncidentHistory(
            incident=incidents[identifier],
            updates=updates.get(identifier, ()),
            versions=[each for update in updates.get(identifier, ()) for each in versions.get(update.id, ())],
            links=links.get(identifier, ()),
            transitions=transitions.get(identifier, ()),
            spans=spans.get(identifier, ()),
        )
        for identifier in ids
    ]
