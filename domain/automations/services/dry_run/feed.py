"""A feed of the past from the real database: the state at its beginning, then the changes, page by page."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from domain.entities.incident import INCIDENT
from domain.entities.kind import EntityKind, Past, Picture, Snapshot
from domain.entities.kinds import Kinds
from domain.model.change import Change, Transition
from domain.model.incident import Incident, Status
from domain.model.paging import Order, PageRequest
from domain.model.pictures import incident_of
from domain.model.system import System
from domain.model.token import ApiToken
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

T = TypeVar("T")
_PAGE = 500
#: The most of each kind that is taken over at the beginning: open incidents, systems, transitions.
MOST_STATE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The state at the beginning of the span."""

    systems: tuple[System, ...]
    incidents: tuple[Incident, ...]
    #: Entities of other kinds, each with its kind.
    others: tuple[tuple[EntityKind[Any], Snapshot[Any]], ...]
    transitions: tuple[Transition, ...]
    last_number: int
    token: ApiToken | None
    #: Whether some of the state was left out.
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """A page of changes, with the dedupe keys of the incidents that they open, by id: the log has none."""

    changes: list[Change]
    dedupe_keys: Mapping[str, str]


class Feed:
    """The past of one database, of the kinds that are routed.

    Called from another thread's loop, it reads in the loop that it was made in.
    """

    def __init__(self, database: Database, *, kinds: Kinds, since: datetime, before: datetime) -> None:
        self._database = database
        self._kinds = tuple(kind for kind in kinds if kind.is_routed)
        self._since = since
        self._before = before
        self._home = asyncio.get_running_loop()

    async def opening(self, *, window: timedelta, token_id: str | None) -> Opening:
        """Return the state at the beginning; transitions at least as far back as the window."""

        async def read(session: ReadSession) -> Opening:
            systems = await _systems(session)
            incidents = await _open_incidents(session, self._since)
            others: list[tuple[EntityKind[Any], Snapshot[Any]]] = []
            transitions: list[Transition] = []
            for kind in self._kinds:
                if kind.past is not None:
                    others += [(kind, each) for each in await _others(session, kind, kind.past, self._since)]
                    transitions += await _transitions(session, kind, self._since, window)
            token = None if token_id is None else (await session.tokens.get_many([token_id])).get(token_id)
            return Opening(
                systems=tuple(systems),
                incidents=tuple(incidents),
                others=tuple(others),
                transitions=tuple(transitions),
                last_number=await session.past.last_number(),
                token=token,
                truncated=max(len(systems), len(incidents), len(transitions)) >= MOST_STATE,
            )

        return await self._at_home(read)

    async def pages(self) -> AsyncIterator[FeedPage]:
        """Yield the changes of the span in the order in which they happened."""
        names, since, seq = [kind.name for kind in self._kinds], self._since, 0
        while True:
            page = await self._at_home(_page(names, since, seq, self._before))
            if page.changes:
                yield page
                since, seq = page.changes[-1].occurred_at, page.changes[-1].seq
            if len(page.changes) < _PAGE:
                return

    async def _at_home(self, read: Callable[[ReadSession], Awaitable[T]]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._database.read(read), self._home))


def _page(
    kinds: Sequence[str], since: datetime, seq: int, before: datetime
) -> Callable[[ReadSession], Awaitable[FeedPage]]:
    async def read(session: ReadSession) -> FeedPage:
        changes = await session.past.changes(kinds, since=since, after_seq=seq, before=before, limit=_PAGE)
        created = [change.entity_id for change in changes if change.kind == INCIDENT.name and change.prev is None]
        known = await session.incidents.get_many(created)
        return FeedPage(changes=changes, dedupe_keys={found.id: found.dedupe_key for found in known.values()})

    return read


async def _systems(session: ReadSession) -> list[System]:
    page = await session.systems.page(Order(field="name", descending=False), PageRequest(size=MOST_STATE))
    return list(page.items)


async def _open_incidents(session: ReadSession, since: datetime) -> list[Incident]:
    found: dict[str, Incident] = {}
    after = ""
    while len(found) < MOST_STATE:
        ids = await session.past.still_open(INCIDENT.name, since=since, after=after, limit=_PAGE)
        found |= await session.incidents.get_many(ids)
        if len(ids) < _PAGE:
            break
        after = ids[-1]
    after = ""
    while len(found) < MOST_STATE:
        firsts = await session.past.first_changes(
            INCIDENT.name, since=since, after=after, limit=_PAGE, unless_was=Status.RESOLVED
        )
        present = await session.incidents.get_many([change.entity_id for change in firsts])
        for change in firsts:
            key = present[change.entity_id].dedupe_key if change.entity_id in present else ""
            then = incident_of(change.entity_id, change.version - 1, INCIDENT.before_of(change), dedupe_key=key)
            found[change.entity_id] = then
        if len(firsts) < _PAGE:
            break
        after = firsts[-1].entity_id
    return sorted(found.values(), key=lambda each: each.id)


async def _others(session: ReadSession, kind: EntityKind[Any], past: Past[Any], since: datetime) -> list[Snapshot[Any]]:
    """Return the entities of a kind at that moment, without those deleted since."""
    ids = await past.ids(session, MOST_STATE)
    found: dict[str, Snapshot[Any]] = {}
    for start in range(0, len(ids), _PAGE):
        found |= await kind.read(session, ids[start : start + _PAGE])
    there, after = set(ids), ""
    while True:
        firsts = await session.past.first_changes(kind.name, since=since, after=after, limit=_PAGE)
        for change in firsts:
            found.pop(change.entity_id, None)
            if change.before is not None and change.entity_id in there:
                found[change.entity_id] = past.snapshot_of(
                    Picture(
                        entity_id=change.entity_id,
                        version=change.version - 1,
                        at=since,
                        whole=kind.before_of(change),
                    )
                )
        if len(firsts) < _PAGE:
            return list(found.values())
        after = firsts[-1].entity_id


async def _transitions(
    session: ReadSession, kind: EntityKind[Any], since: datetime, window: timedelta
) -> list[Transition]:
    reach = since - window
    last = await session.past.last_transitions(kind.name, before=reach, limit=MOST_STATE)
    return last + await session.past.transitions(kind.name, since=reach, before=since, limit=MOST_STATE)
