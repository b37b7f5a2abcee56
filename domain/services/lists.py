"""Live lists: each step leads from the list that a subscriber has to the list as of a later place of the log."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.model.cursor import CursorCodec
from domain.model.incident import Incident
from domain.model.listing import Edit, Listing, Window, all_put, edits_between
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession
from domain.services.events import Watch

T = TypeVar("T")
S_co = TypeVar("S_co", covariant=True)
#: How many items may have changed since a cursor, and in how many changes: with more, a list starts over.
_MOST_ITEMS = 100
_MOST_CHANGES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStep(Generic[T]):
    """The edits that lead to a list as of a position, and the items that they put."""

    position: int
    starts_over: bool
    total: int
    edits: Sequence[Edit]
    items: Mapping[str, T]


class ListReader(Protocol[S_co]):
    """A reader of the items of one list, in whatever form they are shown."""

    async def whole(self, size: int) -> tuple[Window, Mapping[str, S_co]]:
        """Return the first items of the list, all of one moment."""

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[int, S_co]]:
        """Return these items as they are now, with their versions; missing ones are left out."""


class IncidentReader:
    """A reader of incidents as objects."""

    def __init__(self, database: Database, listing: Listing, audience: Audience) -> None:
        self._database = database
        self._listing = listing
        self._audience = audience

    async def whole(self, size: int) -> tuple[Window, Mapping[str, Incident]]:
        """Return the first incidents of the list, all of one moment."""
        listing = self._listing

        async def read(session: ReadSession) -> tuple[Window, Mapping[str, Incident]]:
            position = await session.changes.head()
            request = PageRequest(size=size)
            page = await session.incidents.page(listing.tree, listing.order, request, self._audience)
            total = len(page.items)
            if page.has_next:
                total = await session.incidents.count(listing.tree, self._audience)
            entries = tuple(listing.entry(each.id, each.version, facts_of(each)) for each in page.items)
            return Window(position=position, entries=entries, total=total), {each.id: each for each in page.items}

        return await self._database.read(read)

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[int, Incident]]:
        """Return these incidents as they are now."""
        found = await self._database.read(lambda session: session.incidents.get_many(ids))
        return {identifier: (incident.version, incident) for identifier, incident in found.items()}


def facts_of(incident: Incident) -> Mapping[str, Any]:
    """Return what recorded states say of an incident, as far as orders need it."""
    return {**incident.facts(), "status": incident.status, "severity": incident.severity}


class LiveList(Generic[T]):
    """The state of one list, for all who follow it."""

    def __init__(self, service: "ListService", listing: Listing, reader: ListReader[T]) -> None:
        self._service = service
        self._listing = listing
        #: Reads the items; another one may take its place.
        self.reader = reader
        self._window = self._whole = Window(position=0)
        self._items: Mapping[str, T] = {}

    @property
    def position(self) -> int:
        """The place in the log that the list is as of."""
        return self._window.position

    async def advance(self, changes: Sequence[Change]) -> ListStep[T] | None:
        """Take over all wanted changes up to the last of these; return what they do to the list, None for nothing.

        Items are read as they are now: one that has changed again meanwhile has another version, and then the list is
        read as a whole, as of one later moment.
        """
        fresh = [change for change in changes if change.seq > self.position]
        if not fresh:
            return None
        window: Window | None = self._window
        for change in fresh:
            window = window.after(change, self._listing) if window is not None else None
        if window is None:
            return await self.reread()
        edits = edits_between(self._window.entries, window.entries)
        versions = {entry.id: entry.version for entry in window.entries}
        wanted = [edit.id for edit in edits if edit.index is not None]
        found = await self.reader.some(wanted) if wanted else {}
        if any(identifier not in found or found[identifier][0] != versions[identifier] for identifier in wanted):
            return await self.reread()
        return self._step(window, {identifier: item for identifier, (_, item) in found.items()})

    async def reread(self, more: int = 0) -> ListStep[T] | None:
        """Read the whole list again, and `more` entries behind it; return what became of it since, None for nothing."""
        self._whole, items = await self.reader.whole(self._listing.size + more)
        self._items = items
        return self._step(self._whole.cut(self._listing.size), items)

    async def changed_since(self, position: int) -> int | None:
        """Return how many items changed since a position; None where that is too many, or unknown."""
        return await self._service.changed_since(self._listing, position)

    def beginning(self) -> ListStep[T]:
        """Return the step to the list as it was just reread, for those who have nothing."""
        edits = all_put(self._window.entries)
        return self._made(edits, self._items, starts_over=True)

    async def resumption(self, since: int) -> ListStep[T]:
        """Return the step to the list as it was just reread, for those who have it as of an earlier position.

        Where that cannot be known any more, it starts over.
        """
        changes = await self._service.changes_of(self._listing, since, until=self.position)
        former = None if changes is None else self._whole.before(changes, self._listing, position=since)
        if former is None:
            return self.beginning()
        return self._made(edits_between(former.entries, self._window.entries), self._items, starts_over=False)

    def _step(self, window: Window, items: Mapping[str, T]) -> ListStep[T] | None:
        former, self._window = self._window, window
        edits = edits_between(former.entries, window.entries)
        if not edits and former.total == window.total:
            return None
        return self._made(edits, items, starts_over=False)

    def _made(self, edits: Sequence[Edit], items: Mapping[str, T], *, starts_over: bool) -> ListStep[T]:
        window = self._window
        return ListStep(position=window.position, starts_over=starts_over, total=window.total, edits=edits, items=items)


class ListService:
    """Live lists of incidents, from the log."""

    def __init__(self, *, database: Database, tail: LogTail, cursors: CursorCodec) -> None:
        self._database = database
        self._tail = tail
        self._cursors = cursors

    def watch(self, listing: Listing, audience: Audience) -> Watch:
        """Return the watch for all changes that may concern the list, those among them that the audience cannot see."""
        return Watch(audience=audience, tree=listing.recorded_tree, includes_hidden=True)

    def reader(self, listing: Listing, audience: Audience) -> IncidentReader:
        """Return the reader of a list's incidents as objects."""
        return IncidentReader(self._database, listing, audience)

    def position_of(self, cursor: str) -> int:
        """Return the position of a cursor, whether changes behind it are kept or not.

        Raises:
            InvalidCursorError: this database did not issue the cursor.
        """
        return self._cursors.read_position(cursor)

    async def changed_since(self, listing: Listing, since: int) -> int | None:
        """Return how many items of a list changed since a position; None where that is too many, or unknown."""
        changes = await self.changes_of(listing, since)
        if changes is None:
            return None
        count = len({change.entity_id for change in changes})
        return count if count <= _MOST_ITEMS else None

    async def changes_of(self, listing: Listing, since: int, *, until: int | None = None) -> list[Change] | None:
        """Return the changes that may concern a list between two positions; None where there are too many, or unknown.

        Without an end, up to the last one that is committed.
        """
        watch = self.watch(listing, Audience.MANAGER)
        if until is not None and until <= self._tail.last:
            seen = self._tail.seen(since, kinds=[watch.kind])
            if seen is not None:
                found = [change for change in seen if change.seq <= until and watch.wants(change)]
                return found if len(seen) <= _MOST_CHANGES else None

        async def read(session: ReadSession) -> list[Change] | None:
            if not await session.changes.floor() <= since <= await session.changes.head():
                return None
            page = await session.changes.after(since, limit=_MOST_CHANGES + 1, kinds=[watch.kind])
            if len(page) > _MOST_CHANGES:
                return None
            return [change for change in page if (until is None or change.seq <= until) and watch.wants(change)]

        return await self._database.read(read)

    async def follow(
        self, listing: Listing, audience: Audience, after: str | None
    ) -> AsyncGenerator[ListStep[Incident], None]:
        """Yield the list, or what became of it since a cursor, and then each step that changes make.

        Raises:
            InvalidCursorError: this database did not issue the cursor.
            CursorExpiredError: the reader fell so far behind that changes are no longer kept.
        """
        since = None if after is None else self.position_of(after)
        live: LiveList[Incident] = LiveList(self, listing, self.reader(listing, audience))
        more = None if since is None else await self.changed_since(listing, since)
        await live.reread(more or 0)
        yield live.beginning() if since is None or more is None else await live.resumption(since)
        watch = self.watch(listing, audience)
        async with aclosing(self._tail.follow(live.position)) as batches:
            async for batch in batches:
                step = await live.advance([change for change in batch if watch.wants(change)])
                if step is not None:
                    yield step
