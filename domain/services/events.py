"""The event log as audiences may read it: pages of it, and subscriptions from a position."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from domain.entities.erasure import ERASURE, is_end
from domain.entities.incident import INCIDENT
from domain.entities.system import SYSTEM
from domain.errors import CursorExpiredError, UnavailableError
from domain.messaging.tail import LogTail
from domain.model.change import Change, ChangeAction
from domain.model.cursor import CursorCodec
from domain.model.filters import EVERYTHING, Filter, matches
from domain.model.health import HealthStep
from domain.model.naming import NO_SYSTEMS, NamedSystems
from domain.model.paging import Page, PageRequest
from domain.model.system_listing import SystemListing
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The selection of a subscriber: a change matches when its state before or after it does.

    `fields` and `now` apply to subscriptions, not to pages of the log.
    """

    audience: Audience
    kind: str = INCIDENT.name
    tree: Filter = EVERYTHING
    actions: tuple[ChangeAction, ...] | None = None
    #: Only changes that fired one of these events.
    events: tuple[str, ...] | None = None
    entity_id: str | None = None
    #: Only changes of these fields; all changes when None.
    fields: frozenset[str] | None = None
    #: Whether changes count, too, of which the audience may see nothing: they date the entity anew.
    includes_hidden: bool = False
    #: The values that the entity must have after the change: for each field, any of these.
    now: tuple[tuple[str, frozenset[str]], ...] = ()
    #: Whether erasures of people count, too: what matched by a person may no longer do so, and no change says that.
    follows_erasures: bool = False
    #: The systems that the tree names by key.
    named: NamedSystems = NO_SYSTEMS

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the changes that may be wanted."""
        return (self.kind, ERASURE.name) if self.follows_erasures else (self.kind,)

    def wants(self, change: Change) -> bool:
        """Return whether this change is to be delivered; the rule is the same for stored and live changes."""
        if change.kind != self.kind or not self._fits(change):
            return self._follows(change)
        if not self.includes_hidden and not change.concerns(self.audience):
            return False
        if self.events is not None and not any(event in self.events for event in change.events):
            return False
        if self.actions is not None and change.action not in self.actions:
            return False
        if self.entity_id is not None and change.entity_id != self.entity_id:
            return False
        return self.tree == EVERYTHING or any(
            matches(self.tree, state) for state in (change.before, change.after) if state is not None
        )

    def _follows(self, change: Change) -> bool:
        """Return whether a change is an erasure that counts; to one entity only its end does, when all is rewritten."""
        is_erasure = self.follows_erasures and change.kind == ERASURE.name
        return is_erasure and (self.entity_id is None or is_end(change))

    def _fits(self, change: Change) -> bool:
        if self.fields is not None and self.fields.isdisjoint(change.changed_fields):
            return False
        after = change.after or {}
        return all(after.get(field) in values for field, values in self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthWatch:
    """The selection of a subscriber to the health of some systems, or of all of them."""

    systems: frozenset[str] | None
    named: NamedSystems = NO_SYSTEMS

    def wants(self, change: Change) -> bool:
        """Return whether this change is to be delivered; the rule is the same for stored and live changes."""
        return bool(self.steps_of(change))

    def steps_of(self, change: Change) -> tuple[HealthStep, ...]:
        """Return what a change did to the health of these systems."""
        return tuple(step for step in change.health if self.systems is None or step.system_id in self.systems)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemWatch:
    """The selection of a subscriber to a live list of systems."""

    listing: SystemListing
    #: A filter of systems has keys as they are.
    named: NamedSystems = NO_SYSTEMS

    def wants(self, change: Change) -> bool:
        """Return whether this change is to be delivered; the rule is the same for stored and live changes."""
        return change.kind in self.listing.logged and bool(self.listing.concerned(change))


AnyWatch = Watch | HealthWatch | SystemWatch


def check_names(named: NamedSystems, changes: Sequence[Change]) -> None:
    """Check that keys still stand for the systems that were found.

    Raises:
        UnavailableError: one of them was given to a new system: who subscribes again gets that one.
    """
    if any(map(named.is_outdated_by, changes)):
        raise UnavailableError


def start_of(named: NamedSystems, position: int) -> int:
    """Return the position from which a follower has to check names: where they were found, or before."""
    return min(position, named.since) if named.found else position


class EventService:
    """Reads of the event log by position."""

    def __init__(self, *, database: Database, tail: LogTail, cursors: CursorCodec) -> None:
        self._database = database
        self._tail = tail
        self._cursors = cursors

    @property
    def known(self) -> int:
        """The last position of the log that this process has read or written, without a query."""
        return max(self._tail.last, self._database.written)

    @property
    def last_read(self) -> int:
        """The position of the last change that this process has read."""
        return self._tail.last

    def cursor_of(self, position: int) -> str:
        """Return the cursor of a position of the log."""
        return self._cursors.position(position)

    async def head(self) -> int:
        """Return the position of the log's last change."""
        return await self._database.read(lambda session: session.changes.head())

    async def start_of(self, after: str | None) -> int:
        """Return the position to resume from: the cursor's, or without one the log's head.

        Raises:
            InvalidCursorError: this database did not issue the cursor.
            CursorExpiredError: changes after it are no longer kept, or it lies ahead of a log that was restored.
        """
        if after is None:
            return await self.head()
        position = self._cursors.read_position(after)

        async def check(session: ReadSession) -> int:
            if not await session.changes.keeps(position):
                raise CursorExpiredError
            return position

        return await self._database.read(check)

    def check_found(self, named: NamedSystems) -> None:
        """Check that keys still stand for the systems that were found, by the changes read since.

        Raises:
            UnavailableError: one of them was given to a new system meanwhile, or that is not known any more.
        """
        if named.found:
            seen = self._tail.seen(named.since, kinds=(SYSTEM.name,))
            if seen is None:
                raise UnavailableError
            check_names(named, seen)

    async def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield every wanted change after a position, each once and in order, without end.

        Raises:
            CursorExpiredError: the reader fell so far behind that changes are no longer kept.
            UnavailableError: a key that the watch names was given to a new system.
        """
        async with aclosing(self._tail.follow(start_of(watch.named, position))) as batches:
            async for batch in batches:
                check_names(watch.named, batch)
                for change in batch:
                    if change.seq > position and watch.wants(change):
                        yield change

    async def replay(self, watch: AnyWatch, position: int, *, until: int) -> AsyncGenerator[Change, None]:
        """Yield every wanted change after a position, up to another one that is written already.

        Raises:
            CursorExpiredError: changes after the position are no longer kept.
            UnavailableError: a key that the watch names was given to a new system.
        """
        while position < until:
            page = await self._tail.stored(position)
            check_names(watch.named, page)
            for change in page:
                if change.seq <= until and watch.wants(change):
                    yield change
            if not page:
                return
            position = page[-1].seq

    async def latest(self, entity_id: str, audience: Audience, *, kind: str = INCIDENT.name) -> int:
        """Return the position of an entity's latest change that this audience may see; 0 without one."""
        return await self._database.read(lambda session: session.changes.latest_seq(kind, entity_id, audience=audience))

    async def was_erased_since(self, position: int) -> bool:
        """Return whether an erasure of a person began or ended behind a position."""
        return await self._database.read(lambda session: session.changes.last_of(ERASURE.name)) > position

    async def page(self, watch: Watch, page: PageRequest) -> Page[Change]:
        """Return one page of the wanted changes, oldest first."""
        return await self._database.read(
            lambda session: session.changes.page(
                watch.kind,
                watch.tree,
                page,
                audience=watch.audience,
                actions=watch.actions,
                events=watch.events,
                entity_id=watch.entity_id,
            )
        )

    async def count(self, watch: Watch) -> int:
        """Return the number of wanted changes in the log."""
        return await self._database.read(
            lambda session: session.changes.count(
                watch.kind,
                watch.tree,
                audience=watch.audience,
                actions=watch.actions,
                events=watch.events,
                entity_id=watch.entity_id,
            )
        )

    async def raw(self, position: int, *, limit: int) -> Sequence[Change]:
        """Return the next stored changes of all kinds after a position, unfiltered, for the operator."""
        return await self._database.read(lambda session: session.changes.after(position, limit=limit))

    async def follow_raw(self, position: int) -> AsyncGenerator[Change, None]:
        """Yield every change of all kinds after a position, unfiltered and without end, for the operator."""
        async with aclosing(self._tail.follow(position)) as batches:
            async for batch in batches:
                for change in batch:
                    yield change
