"""Incidents as they were at a place in the past."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic.alias_generators import to_camel

from domain.clock import Clock
from domain.entities.canonical import value_text
from domain.entities.incident import INCIDENT, project
from domain.errors import CursorExpiredError, InvalidInputError
from domain.model.change import Transition
from domain.model.cursor import CursorCodec
from domain.model.filters import UNRECORDED, Field, Filter, fields_of
from domain.model.incident import Incident, IncidentLink, IncidentUpdate
from domain.model.paging import Order, Page, PageRequest
from domain.model.place import Place
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

_TOO_OLD = "The log does not reach back to this moment any more."


class ReplayService:
    """Reads of incidents as of a place in the past, each limited to what the audience may see."""

    def __init__(self, *, database: Database, clock: Clock, cursors: CursorCodec) -> None:
        self._database = database
        self._clock = clock
        self._cursors = cursors

    async def place(self, at: datetime | None, at_cursor: str | None) -> Place | None:
        """Return the place of that moment or cursor; None for the present, where neither is given.

        Raises:
            InvalidInputError: both are given, or the moment has not come yet.
            InvalidCursorError: this database did not issue the cursor.
            CursorExpiredError: the log no longer reaches back so far, or lies behind the cursor since it was restored.
        """
        if at is not None and at_cursor is not None:
            raise InvalidInputError("Name the moment by `at` or by `atCursor`, not by both.", field=["at"])
        if at is not None:
            return await self._at(at)
        return None if at_cursor is None else await self._behind(at_cursor)

    async def incidents(self, ids: Sequence[str], place: Place) -> dict[str, Incident]:
        """Return the incidents of these ids; those that were not there are left out."""
        return await self._database.read(lambda session: session.replay.get_many(ids, place))

    async def incident_page(
        self, tree: Filter, order: Order, page: PageRequest, audience: Audience, place: Place
    ) -> Page[Incident]:
        """Return one page of the incidents that matched.

        Raises:
            InvalidInputError: the filter searches for words, which the log does not have of timelines.
        """
        _check_filter(tree)
        read = await self._database.read(lambda session: session.replay.page(tree, order, page, audience, place))
        return page.cut(read)

    async def incident_count(self, tree: Filter, audience: Audience, place: Place) -> int:
        """Return the number of incidents that matched."""
        _check_filter(tree)
        return await self._database.read(lambda session: session.replay.count(tree, audience, place))

    async def update_pages(
        self, ids: Sequence[str], page: PageRequest, audience: Audience, place: Place
    ) -> dict[str, Page[IncidentUpdate]]:
        """Return the page of each of these incidents' timelines, newest first."""
        return await self._database.read(lambda session: session.past_timeline.pages(ids, page, audience, place))

    async def update_counts(self, ids: Sequence[str], audience: Audience, place: Place) -> dict[str, int]:
        """Return the number of timeline entries of each of these incidents."""
        return await self._database.read(lambda session: session.past_timeline.counts(ids, audience, place))

    async def link_pages(
        self, ids: Sequence[str], page: PageRequest, audience: Audience, place: Place
    ) -> dict[str, Page[IncidentLink]]:
        """Return the page of each of these incidents' links, oldest first."""
        return await self._database.read(lambda session: session.links.pages(ids, page, audience, until=place.moment))

    async def link_counts(self, ids: Sequence[str], audience: Audience, place: Place) -> dict[str, int]:
        """Return the number of links of each of these incidents."""
        return await self._database.read(lambda session: session.links.counts(ids, audience, until=place.moment))

    async def histories(self, ids: Sequence[str], page: PageRequest, place: Place) -> dict[str, Page[Transition]]:
        """Return the page of each of these incidents' transitions, oldest first."""
        return await self._database.read(lambda session: session.transitions.histories(ids, page, until=place.moment))

    async def history_counts(self, ids: Sequence[str], place: Place) -> dict[str, int]:
        """Return the number of transitions of each of these incidents."""
        return await self._database.read(lambda session: session.transitions.history_counts(ids, until=place.moment))

    async def in_state_since(self, keys: Sequence[tuple[str, str]], place: Place) -> list[datetime | None]:
        """Return for each pair of incident and reactive field since when it had the value that it had then."""

        async def read(session: ReadSession) -> list[datetime | None]:
            found = await session.replay.get_many(sorted({identifier for identifier, _ in keys}), place)
            values = {
                (identifier, field): (identifier, field, value_text(project(found[identifier])[field]))
                for identifier, field in keys
                if identifier in found
            }
            since = await session.transitions.latest(INCIDENT.name, list(values.values()), until=place.moment)
            return [since.get(values[key]) if key in values else None for key in keys]

        return await self._database.read(read)

    async def _at(self, moment: datetime) -> Place:
        if moment > self._clock.now():
            raise InvalidInputError("This moment has not come yet.", field=["at"])
        kept = await self._database.read(lambda session: session.replay.kept(0))
        # When the last of those was made that are not kept is unknown, but it was before all others.
        if kept.floor and (kept.first_at is None or moment < kept.first_at):
            raise CursorExpiredError(_TOO_OLD, field=["at"])
        return Place(moment=moment)

    async def _behind(self, cursor: str) -> Place:
        seq = self._cursors.read_position(cursor, field="atCursor")
        kept = await self._database.read(lambda session: session.replay.kept(seq))
        if not kept.is_kept:
            raise CursorExpiredError(_TOO_OLD, field=["atCursor"])
        if kept.moment is not None:
            return Place(moment=kept.moment, seq=seq)
        # No change up to there is kept: it lies right before the first that is.
        first = kept.first_at or self._clock.now()
        return Place(moment=first - timedelta(milliseconds=1), seq=seq)


def _check_filter(tree: Filter) -> None:
    if Field.TEXT in fields_of(tree):
        raise InvalidInputError("Words can be searched for in the present alone.", field=["filter", "text"])
    unknown = sorted(fields_of(tree) & UNRECORDED)
    if unknown:
        name = to_camel(unknown[0])
        raise InvalidInputError(f"Incidents are found by `{name}` in the present alone.", field=["filter", name])
