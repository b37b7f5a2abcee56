"""Incidents as they were, by replay of the log: backwards, from the state before the first change since.

What has not changed since is as it is now, so that a look at yesterday reads the changes of a day, and not those of the
years before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.change import TouchKind
from domain.model.filters import EVERYTHING, Filter
from domain.model.incident import Incident
from domain.model.paging import Order, PageRequest
from domain.model.pictures import incident_of
from domain.model.place import Place
from domain.model.viewer import Audience
from domain.persistence.changes import LOG_FLOOR, is_kept
from domain.persistence.conditions import as_recorded, incident_condition, recorded_condition
from domain.persistence.dialects import recorded_value
from domain.persistence.incidents import IncidentRepository
from domain.persistence.keyset import paged_by
from domain.persistence.log_tables import changes
from domain.persistence.orders import Directed, order_keys, placed_by
from domain.persistence.tables import incidents, server_state

_KIND = "incident"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The part of the log that is kept, and the moment of the last change up to a position, if any is kept."""

    floor: int
    #: Whether all changes behind that position are.
    is_kept: bool
    first_at: datetime | None
    moment: datetime | None


class ReplayRepository:
    """Incidents as of a place in the past."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def kept(self, seq: int) -> Kept:
        """Return which part of the log is kept, and what stands at that position."""
        columns = changes.c
        floor = sa.select(server_state.c.value).where(server_state.c.name == LOG_FLOOR)
        first = sa.select(columns.occurred_at).order_by(columns.seq).limit(1)
        moment = sa.select(columns.occurred_at).where(columns.seq <= seq).order_by(columns.seq.desc()).limit(1)
        found = sa.select(
            floor.scalar_subquery().label("floor"),
            first.scalar_subquery().label("first_at"),
            moment.scalar_subquery().label("moment"),
            is_kept(sa.literal(seq, columns.seq.type)).label("is_kept"),
        )
        row = (await self._connection.execute(found)).mappings().one()
        floor_seq = int(row["floor"] or 0)
        return Kept(floor=floor_seq, is_kept=bool(row["is_kept"]), first_at=row["first_at"], moment=row["moment"])

    async def get_many(self, ids: Sequence[str], place: Place) -> dict[str, Incident]:
        """Return the incidents of these ids as they were, in two statements; those that were not there are left out."""
        first = _first_changes(place, changes.c.entity_id.in_(ids))
        return await self._found(ids, first)

    async def page(
        self, tree: Filter, order: Order, page: PageRequest, audience: Audience, place: Place
    ) -> list[Incident]:
        """Return the incidents on one page of those that matched, in the direction of reading, in three statements."""
        unchanged, changed = self._matching(tree, order, audience, place)
        parts = []
        for statement, keys in (unchanged, changed):
            parts.append(sa.select(paged_by(statement, keys, page).subquery()))
        both = sa.union_all(*parts).subquery("matching")
        named = [both.c[f"place_{at}"] for at in range(len(order.keys))]
        directed = [(column, down) for column, (_, down) in zip([*named, both.c.id], unchanged[1], strict=True)]
        statement = paged_by(sa.select(both.c.id, both.c.seq), directed, page)
        rows = (await self._connection.execute(statement)).all()
        ids = [row.id for row in rows]
        columns = (changes.c.entity_id, changes.c.version, changes.c.before)
        seqs = [row.seq for row in rows if row.seq is not None]
        found = await self._found(ids, sa.select(*columns).where(changes.c.seq.in_(seqs)))
        return [found[identifier] for identifier in ids if identifier in found]

    async def count(self, tree: Filter, audience: Audience, place: Place) -> int:
        """Return the number of incidents that matched."""
        parts = self._matching(tree, Order(field="number"), audience, place)
        counts = [sa.select(sa.func.count()).select_from(part.subquery()).scalar_subquery() for part, _ in parts]
        return int(await self._connection.scalar(sa.select(counts[0] + counts[1])) or 0)

    async def parts_added_since(self, ids: Sequence[str], place: Place) -> set[str]:
        """Return the ids of the timeline entries and links that these incidents did not have yet."""
        statement = sa.select(changes.c.touched).where(
            _since(place), changes.c.kind == _KIND, changes.c.entity_id.in_(ids)
        )
        touched: Iterable[Any] = await self._connection.scalars(statement)
        return {part["id"] for parts in touched for part in parts if part["kind"] == TouchKind.ADDED}

    def _matching(
        self, tree: Filter, order: Order, audience: Audience, place: Place
    ) -> list[tuple[sa.Select[Any], list[Directed]]]:
        """Return the queries for matching incidents that have not changed since, and that have, each with its key."""
        dialect = self._connection.dialect
        changed_since = sa.select(changes.c.entity_id).where(_since(place))
        present = order_keys(incidents, order, EVERYTHING)
        unchanged = sa.select(incidents.c.id, *_named(present), sa.null().cast(sa.BigInteger).label("seq")).where(
            incident_condition(dialect, tree, audience), incidents.c.id.not_in(changed_since)
        )
        first = _first_changes(place).subquery("first")
        former: list[Directed] = [
            (placed_by(name, recorded_value(dialect, first.c.before[name], incidents.c[name].type)), down)
            for name, down in order.keys
        ]
        former.append((first.c.entity_id, former[-1][1]))
        changed = sa.select(first.c.entity_id.label("id"), *_named(former), first.c.seq).where(
            recorded_condition(dialect, as_recorded(tree), first.c.before)
        )
        return [(unchanged, present), (changed, former)]

    async def _found(self, ids: Sequence[str], first: sa.Select[Any]) -> dict[str, Incident]:
        if not ids:
            return {}
        changed = {row["entity_id"]: row for row in (await self._connection.execute(first)).mappings()}
        present = await IncidentRepository(self._connection).get_many(ids)
        found = {}
        for identifier in ids:
            now, row = present.get(identifier), changed.get(identifier)
            if row is None:
                if now is not None:
                    found[identifier] = now
            elif row["before"] is not None:
                # The key never changes, and the log does not have it.
                key = now.dedupe_key if now else ""
                found[identifier] = incident_of(identifier, row["version"] - 1, row["before"], dedupe_key=key)
        return found


def _named(keys: Sequence[Directed]) -> list[sa.Label[Any]]:
    """Return the columns of an order but for the id, under the names that both queries have them by."""
    return [column.label(f"place_{at}") for at, (column, _) in enumerate(keys[:-1])]


def _since(place: Place) -> sa.ColumnElement[bool]:
    later = changes.c.occurred_at > place.moment if place.seq is None else changes.c.seq > place.seq
    # Not by the index of entities, which SQLite would walk as a whole because it has them in the order of groups.
    return sa.and_(changes.c.kind.concat(sa.literal_column("''")) == _KIND, later)


def _first_changes(place: Place, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query for the first change since of each incident; the state before it is the one at that place."""
    wanted = [changes.c.kind == _KIND, *conditions] if conditions else []
    firsts = (
        sa.select(changes.c.entity_id, sa.func.min(changes.c.version).label("version"))
        .where(_since(place), *wanted)
        .group_by(changes.c.entity_id)
        .subquery("firsts")
    )
    is_first = sa.and_(
        changes.c.kind == _KIND, changes.c.entity_id == firsts.c.entity_id, changes.c.version == firsts.c.version
    )
    columns = (changes.c.entity_id, changes.c.version, changes.c.seq, changes.c.before)
    return sa.select(*columns).select_from(changes.join(firsts, is_first))
