"""The queries of timelines: pages of all that happened to incidents, in a number of statements that is fixed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.model.automation import RunStep
from domain.model.change import Change, Transition
from domain.model.paging import Page, PageRequest
from domain.model.timeline_item import CHANGES, Happening, TimelineItem, TimelineKind
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.timeline_items import Place
from domain.persistence.unit_of_work import ReadSession

Kinds = tuple[TimelineKind, ...]


class TimelineReads:
    """Queries over timelines, limited to what the audience may see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pages(
        self, incident_ids: Sequence[str], page: PageRequest, kinds: Kinds, audience: Audience
    ) -> dict[str, Page[TimelineItem]]:
        """Return the page of each of these incidents' items, oldest first; without kinds, of all."""

        async def read(session: ReadSession) -> dict[str, Page[TimelineItem]]:
            found = await session.timeline_items.pages(incident_ids, page, kinds, audience)
            there = await _happenings(session, {place for places in found.values() for place in places})
            return {
                incident: page.cut(
                    [
                        TimelineItem(id=identifier, at=_moment_of(there[identifier]), kind=kind, what=there[identifier])
                        for identifier, kind, _ in places
                    ]
                )
                for incident, places in found.items()
            }

        return await self._database.read(read)

    async def counts(self, incident_ids: Sequence[str], kinds: Kinds, audience: Audience) -> dict[str, int]:
        """Return the number of items of each of these incidents."""
        return await self._database.read(lambda session: session.timeline_items.counts(incident_ids, kinds, audience))


async def _happenings(session: ReadSession, places: Iterable[Place]) -> Mapping[str, Happening]:
    """Return what stands at these places by their ids, by one statement for each kind."""
    ids: dict[TimelineKind, list[str]] = {}
    numbers: dict[int, str] = {}
    for identifier, kind, number in places:
        ids.setdefault(kind, []).append(identifier)
        if number is not None:
            numbers[number] = identifier
    found: dict[str, Happening] = {}
    if TimelineKind.UPDATE in ids:
        found |= await session.timeline.get_many(ids[TimelineKind.UPDATE])
    if TimelineKind.LINK in ids:
        found |= await session.links.get_many(ids[TimelineKind.LINK])
    if TimelineKind.RELATION in ids:
        found |= await session.relations.get_many(ids[TimelineKind.RELATION])
    if numbers:
        found |= {numbers[step.id]: step for step in await session.transitions.get_many(list(numbers))}
    if TimelineKind.STEP in ids:
        parts = [identifier.partition(":") for identifier in ids[TimelineKind.STEP]]
        steps = await session.runs.get_steps([(run_id, path) for run_id, _, path in parts])
        found |= {f"{run_id}:{path}": step for (run_id, path), step in steps.items()}
    found |= await _changes(session, [identifier for kind in CHANGES for identifier in ids.get(kind, ())])
    return found


async def _changes(session: ReadSession, places: Sequence[str]) -> Mapping[str, Change]:
    """Return the changes at these places, each of which is the id of a change and the kind of item."""
    if not places:
        return {}
    of_places = {identifier: identifier.partition(":")[0] for identifier in places}
    found = await session.changes.get_many(list(of_places.values()))
    return {identifier: found[change_id] for identifier, change_id in of_places.items()}


def _moment_of(what: Happening) -> datetime:
    if isinstance(what, RunStep):
        return what.started_at
    return what.occurred_at if isinstance(what, Transition | Change) else what.created_at
