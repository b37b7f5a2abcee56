"""Live lists: each step leads from the list that a subscriber has to the list as of a later place of the log."""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.entities.erasure import ERASURE
from domain.entities.system import SYSTEM
from domain.messaging.tail import LogTail
from domain.model.change import Change
from domain.model.cursor import CursorCodec
from domain.model.incident_listing import IncidentListing
from domain.model.listing import Edit, Listing, Window, all_put, edits_between
from domain.model.paging import Order
from domain.model.system import CatalogFilter
from domain.model.system_listing import SystemListing
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.systems import BY_CODE_POINTS
from domain.persistence.unit_of_work import ReadSession
from domain.services.events import SystemWatch, Watch, check_names, start_of
from domain.services.list_readers import IncidentReader, ListReader, SystemReader, Whole

T = TypeVar("T")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """The extent of what happened to a list since a place of the log, as far as reading it again needs to know."""

    #: How many items changed.
    count: int
    #: Those to be read besides the list.
    departed: Collection[str]


class LiveList(Generic[T]):
    """The state of one list, for all who follow it."""

    def __init__(self, service: "ListService", listing: Listing, reader: ListReader[T]) -> None:
        self._service = service
        self._listing = listing
        #: Reads the items; another one may take its place.
        self.reader = reader
        self._window = Window(position=0)
        #: The list as it was last read as a whole, with some entries more.
        self._whole: Whole[T] = Whole(window=self._window, items={})

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
        if any(change.kind == ERASURE.name for change in fresh):
            # Items that name the person may be others now without another version.
            await self.reread()
            return self.beginning()
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

    async def reread(self, missed: Sequence[Missed] = ()) -> ListStep[T] | None:
        """Read the whole list again; return what became of it since, None for nothing.

        So much is read besides that those who resume can get what they missed.
        """
        more = max((each.count for each in missed), default=0)
        departed = sorted({identifier for each in missed for identifier in each.departed})
        self._whole = await self.reader.whole(self._listing.size + more, departed)
        return self._step(self._whole.window.cut(self._listing.size), self._whole.items)

    async def missed(self, position: int) -> Missed | None:
        """Return what happened since a position; None where that is too much, or unknown."""
        return await self._service.missed(self._listing, position)

    def beginning(self) -> ListStep[T]:
        """Return the step to the list as it was just reread, for those who have nothing."""
        edits = all_put(self._window.entries)
        return self._made(edits, self._whole.items, starts_over=True)

    async def resumption(self, since: int) -> ListStep[T]:
        """Return the step to the list as it was just reread, for those who have it as of an earlier position.

        Where that cannot be known any more, it starts over.
        """
        changes = await self._service.changes_of(self._listing, since, until=self.position)
        whole, former = self._whole, None
        if changes is not None:
            former = whole.window.before(changes, self._listing, position=since, departed=whole.departed)
        if former is None:
            return self.beginning()
        return self._made(edits_between(former.entries, self._window.entries), whole.items, starts_over=False)

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
    """Live lists of any kind of item, from the log."""

    def __init__(self, *, database: Database, tail: LogTail, cursors: CursorCodec) -> None:
        self._database = database
        self._tail = tail
        self._cursors = cursors
        #: Whether the database orders texts by code points; None until it was asked.
        self._compares_names: bool | None = None

    def watch(self, listing: Listing, audience: Audience) -> Watch | SystemWatch:
        """Return the watch for all changes that may concern the list, those among them that the audience cannot see."""
        if isinstance(listing, IncidentListing):
            return Watch(
                audience=audience,
                tree=listing.recorded_tree,
                includes_hidden=True,
                follows_erasures=True,
                named=listing.named,
            )
        assert isinstance(listing, SystemListing)
        return SystemWatch(listing=listing)

    def reader(self, listing: Listing, audience: Audience) -> ListReader[Any]:
        """Return the reader of a list's items as objects."""
        if isinstance(listing, IncidentListing):
            return IncidentReader(self._database, listing, audience)
        assert isinstance(listing, SystemListing)
        return SystemReader(self._database, listing)

    async def of_systems(self, wanted: CatalogFilter, order: Order, *, size: int) -> SystemListing:
        """Return the request for a list of systems."""
        if self._compares_names is None:
            self._compares_names = bool(await self._database.glance(BY_CODE_POINTS))
        return SystemListing(wanted=wanted, order=order, size=size, compares_names=self._compares_names)

    def position_of(self, cursor: str) -> int:
        """Return the position of a cursor, whether changes behind it are kept or not.

        Raises:
            InvalidCursorError: this database did not issue the cursor.
        """
        return self._cursors.read_position(cursor)

    async def missed(self, listing: Listing, since: int) -> Missed | None:
        """Return what happened to a list since a position; None where that is too much, or unknown."""
        changes = await self.changes_of(listing, since)
        if changes is None:
            return None
        count = len({identifier for change in changes for identifier in listing.concerned(change)})
        return Missed(count=count, departed=listing.departed(changes)) if count <= _MOST_ITEMS else None

    async def changes_of(self, listing: Listing, since: int, *, until: int | None = None) -> list[Change] | None:
        """Return the changes that may concern a list between two positions; None where there are too many, or unknown.

        Without an end, up to the last one that is committed.
        """
        watch = self.watch(listing, Audience.MANAGER)
        by_people = isinstance(listing, IncidentListing) and listing.is_by_people
        kinds = tuple({*listing.logged, SYSTEM.name, ERASURE.name})
        if until is not None and until <= self._tail.last and not by_people:
            seen = self._tail.seen(since, kinds=kinds)
            if seen is not None:
                return _known(seen, watch, until=until)

        async def read(session: ReadSession) -> list[Change] | None:
            if not await session.changes.keeps(since):
                return None
            page = await session.changes.after(since, limit=_MOST_CHANGES + 1, kinds=kinds)
            if by_people and await session.erasures.has_pending():
                # What the list was before, by people who are forgotten now, is not known any more.
                return None
            return _known(page, watch, until=until)

        return await self._database.read(read)

    async def follow(
        self, listing: Listing, audience: Audience, after: str | None
    ) -> AsyncGenerator[ListStep[Any], None]:
        """Yield the list, or what became of it since a cursor, and then each step that changes make.

        Raises:
            InvalidCursorError: this database did not issue the cursor.
            CursorExpiredError: the reader fell so far behind that changes are no longer kept.
            UnavailableError: a key in the filter was given to a new system.
        """
        since = None if after is None else self.position_of(after)
        live: LiveList[Any] = LiveList(self, listing, self.reader(listing, audience))
        missed = None if since is None else await self.missed(listing, since)
        await live.reread([] if missed is None else [missed])
        yield live.beginning() if since is None or missed is None else await live.resumption(since)
        watch = self.watch(listing, audience)
        async with aclosing(self._tail.follow(start_of(watch.named, live.position))) as batches:
            async for batch in batches:
                check_names(watch.named, batch)
                step = await live.advance([change for change in batch if watch.wants(change)])
                if step is not None:
                    yield step


def _known(changes: Sequence[Change], watch: Watch | SystemWatch, *, until: int | None) -> list[Change] | None:
    """Return the changes that the watch wants; None where what the list was before them is not known any more."""
    if len(changes) > _MOST_CHANGES:
        return None
    wanted = [change for change in changes if (until is None or change.seq <= until) and watch.wants(change)]
    is_erased = any(change.kind == ERASURE.name for change in wanted)
    return None if is_erased or any(map(watch.named.is_given_by, changes)) else wanted
