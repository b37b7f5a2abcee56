"""The log for readers: pages of it, and following it from a position, as an audience may see it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from domain.entities.incident import INCIDENT
from domain.errors import CursorExpiredError
from domain.messaging.tail import LogTail
from domain.model.change import Change, ChangeAction
from domain.model.cursor import CursorCodec
from domain.model.filters import EVERYTHING, Filter, matches
from domain.model.paging import Page, PageRequest
from domain.model.viewer import Audience
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What somebody wants to hear of: a change matches when its state before or after it does.

    `fields` and `now` narrow what is followed, not pages of the log.
    """

    audience: Audience
    kind: str = INCIDENT.name
    tree: Filter = EVERYTHING
    actions: tuple[ChangeAction, ...] | None = None
    events_only: bool = False
    entity_id: str | None = None
    #: Only changes of these fields; all when nothing is said.
    fields: frozenset[str] | None = None
    #: What the entity has to be after the change: for each field, any of these values.
    now: tuple[tuple[str, frozenset[str]], ...] = ()

    def wants(self, change: Change) -> bool:
        """Whether this change is to be delivered; the same rule for stored and live ones."""
        if change.kind != self.kind or not change.concerns(self.audience) or not self._fits(change):
            return False
        if self.events_only and not change.events:
            return False
        if self.actions is not None and change.action not in self.actions:
            return False
        if self.entity_id is not None and change.entity_id != self.entity_id:
            return False
        return self.tree == EVERYTHING or any(
            matches(self.tree, state) for state in (change.before, change.after) if state is not None
        )

    def _fits(self, change: Change) -> bool:
        if self.fields is not None and self.fields.isdisjoint(change.changed_fields):
            return False
        after = change.after or {}
        return all(after.get(field) in values for field, values in self.now)


class EventService:
    """Reads the log by position."""

    def __init__(self, *, database: Database, tail: LogTail, cursors: CursorCodec) -> None:
        self._database = database
        self._tail = tail
        self._cursors = cursors

    @property
    def known(self) -> int:
        """The last position of the log that this process has read or written; it takes no look at the database."""
        return max(self._tail.last, self._database.written)

    @property
    def last_read(self) -> int:
        """The position of the last change that this process has read."""
        return self._tail.last

    def cursor_of(self, position: int) -> str:
        """Return the cursor of a position of the log."""
        return self._cursors.position(position)

    async def head(self) -> int:
        """The position of the log's last change."""
        return await self._database.read(lambda session: session.changes.head())

    async def start_of(self, after: str | None) -> int:
        """The position to follow from: the one of a cursor, or the present head.

        Raises:
            InvalidCursorError: the cursor is none of this database's.
            CursorExpiredError: changes behind it are no longer kept, or it lies ahead of a log that was restored.
        """
        if after is None:
            return await self.head()
        position = self._cursors.read_position(after)

        async def check(session: ReadSession) -> int:
            if not await session.changes.floor() <= position <= await session.changes.head():
                raise CursorExpiredError
            return position

        return await self._database.read(check)

    async def follow(self, watch: Watch, position: int) -> AsyncGenerator[Change, None]:
        """Every wanted change behind a position, each once and in order, without end.

        Raises:
            CursorExpiredError: the reader fell so far behind that changes are no longer kept.
        """
        async with aclosing(self._tail.follow(position)) as batches:
            async for batch in batches:
                for change in batch:
                    if watch.wants(change):
                        yield change

    async def stretch(self, watch: Watch, position: int, *, until: int) -> AsyncGenerator[Change, None]:
        """Every wanted change behind a position, up to another one, which has been written already.

        Raises:
            CursorExpiredError: changes behind the position are no longer kept.
        """
        while position < until:
            page = await self._tail.stored(position)
            for change in page:
                if change.seq <= until and watch.wants(change):
                    yield change
            if not page:
                return
            position = page[-1].seq

    async def latest(self, entity_id: str, audience: Audience, *, kind: str = INCIDENT.name) -> int:
        """The position of an entity's latest change that concerns this audience; 0 without one."""
        return await self._database.read(lambda session: session.changes.latest_seq(kind, entity_id, audience=audience))

    async def page(self, watch: Watch, page: PageRequest) -> Page[Change]:
        """One page of the wanted part of the log, oldest first."""
        return await self._database.read(
            lambda session: session.changes.page(
                watch.kind,
                watch.tree,
                page,
                audience=watch.audience,
                actions=watch.actions,
                events_only=watch.events_only,
                entity_id=watch.entity_id,
            )
        )

    async def count(self, watch: Watch) -> int:
        """How many changes the wanted part of the log holds."""
        return await self._database.read(
            lambda session: session.changes.count(
                watch.kind,
                watch.tree,
                audience=watch.audience,
                actions=watch.actions,
                events_only=watch.events_only,
                entity_id=watch.entity_id,
            )
        )

    async def raw(self, position: int, *, limit: int) -> Sequence[Change]:
        """The next stored changes of all kinds behind a position, for the operator."""
        return await self._database.read(lambda session: session.changes.after(position, limit=limit))

    async def follow_raw(self, position: int) -> AsyncGenerator[Change, None]:
        """Every change of all kinds behind a position, without end, for the operator."""
        async with aclosing(self._tail.follow(position)) as batches:
            async for batch in batches:
                for change in batch:
                    yield change
