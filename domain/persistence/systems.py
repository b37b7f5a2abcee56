"""The catalog of systems."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import Health
from domain.model.paging import Order, Page, PageRequest
from domain.model.system import ALL_SYSTEMS, CatalogFilter, System
from domain.persistence.dialects import insert_or_ignore, keep_apart, keep_shared, literal, lock_rows
from domain.persistence.health_tables import derived_health, health_spans
from domain.persistence.keyset import paged
from domain.persistence.prepared import Prepared, among
from domain.persistence.search import has_words, searched_words
from domain.persistence.tables import former_systems, systems

#: The most former owners of a key that one query finds, the last ones first.
_MOST_FORMER = 1_000
_COLUMNS = ("id", "key", "name", "description", "created_at", "updated_at", "version")


def _named(*, sqlite: bool) -> sa.Select[Any]:
    same = (among(column, "wanted", sqlite=sqlite) for column in (systems.c.id, systems.c.key))
    return sa.select(systems.c.id, systems.c.key).where(sa.or_(*same))


def kept_systems(*, sqlite: bool) -> sa.Select[Any]:
    """Return the query for the systems that are `wanted` by id or key, which locks them against deletion."""
    return keep_shared(_named(sqlite=sqlite), sqlite=sqlite)


def searchable(references: Sequence[str]) -> set[str]:
    """Return those of the references that a query may look for: PostgreSQL refuses a NUL character."""
    return {reference for reference in references if "\0" not in reference}


#: Whether the database orders texts by code points, as Python does; collations of languages do not.
BY_CODE_POINTS = Prepared(lambda _: sa.select((literal("B") < literal("a")).label("is_so")))
_RESOLVE = Prepared(lambda sqlite: _named(sqlite=sqlite))
_KEEP = Prepared(lambda sqlite: kept_systems(sqlite=sqlite))


def catalog_conditions(wanted: CatalogFilter) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for the systems that match; each value is a parameter of its own."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.keys is not None:
        conditions.append(_one_of(systems.c.key, wanted.keys))
    if wanted.names is not None:
        conditions.append(_one_of(systems.c.name, wanted.names))
    if wanted.health is not None:
        kept = sa.select(derived_health.c.status).where(derived_health.c.system_id == systems.c.id)
        # One that nothing was ever said of has no row.
        health = sa.func.coalesce(kept.correlate(systems).scalar_subquery(), literal(Health.HEALTHY.value))
        conditions.append(_one_of(health, wanted.health))
    if wanted.text is not None:
        conditions.append(has_words(systems.c.words, wanted.text))
    return conditions


def _one_of(column: sa.ColumnElement[str], values: Iterable[str]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.false(), *(column == str(value) for value in sorted(values)))


class SystemRepository:
    """Systems by id or by the key that their owners chose."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, ids: Sequence[str]) -> None:
        """Lock these systems against other writers until the commit."""
        await lock_rows(self._connection, systems, ids)

    async def get_many(self, ids: Sequence[str]) -> dict[str, System]:
        """Return the systems of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(systems).where(systems.c.id.in_(ids)))).mappings()
        return {row["id"]: system_of(row) for row in rows}

    async def resolve(self, references: Sequence[str], *, keep: bool = False) -> dict[str, str]:
        """Return the ids behind these ids or keys, without unknown ones; `keep` locks the systems until the commit."""
        wanted = searchable(references)
        rows = await (_KEEP if keep else _RESOLVE).rows(self._connection, {"wanted": sorted(wanted)})
        return {name: row["id"] for row in rows for name in (row["id"], row["key"]) if name in wanted}

    async def resolve_ever(self, references: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Return the ids behind these ids or keys, without unknown ones; keys of deleted systems count."""
        found = {reference: [identifier] for reference, identifier in (await self.resolve(references)).items()}
        wanted = searchable(references)
        columns = former_systems.c
        statement = (
            sa.select(columns.id, columns.key).where(columns.key.in_(wanted)).order_by(columns.deleted_at.desc())
        )
        for row in await self._connection.execute(statement.limit(_MOST_FORMER)):
            found.setdefault(row.key, []).append(row.id)
        return found

    async def hold(self, reference: str) -> System | None:
        """Return the system of that id or key, locked against other reports and deletion until the commit."""
        if "\0" in reference:
            return None
        named = sa.or_(systems.c.id == reference, systems.c.key == reference)
        statement = keep_apart(self._connection, sa.select(systems).where(named))
        row = (await self._connection.execute(statement)).mappings().first()
        return system_of(row) if row is not None else None

    async def page(self, order: Order, page: PageRequest, wanted: CatalogFilter = ALL_SYSTEMS) -> Page[System]:
        """Return one page of the systems that match."""
        key = (systems.c[order.field], systems.c.id)
        statement = paged(sa.select(systems).where(*catalog_conditions(wanted)), key, page, descending=order.descending)
        rows = (await self._connection.execute(statement)).mappings()
        return page.cut([system_of(row) for row in rows])

    async def count(self, wanted: CatalogFilter = ALL_SYSTEMS) -> int:
        """Return the number of systems that match."""
        statement = sa.select(sa.func.count()).select_from(systems).where(*catalog_conditions(wanted))
        return int(await self._connection.scalar(statement) or 0)

    async def insert(self, system: System) -> bool:
        """Write a new system; return False where its key is taken."""
        values = {**_columns(system), "words": _words_of(system)}
        statement = insert_or_ignore(self._connection, systems, values).returning(systems.c.id)
        return await self._connection.scalar(statement) is not None

    async def save(self, system: System) -> None:
        """Write a changed system, but for its version; its key never changes."""
        values = {"name": system.name, "description": system.description, "words": _words_of(system)}
        await self._connection.execute(sa.update(systems).where(systems.c.id == system.id).values(**values))

    async def stamp(self, system: System) -> None:
        """Write a system's next version, provided that no other writer did.

        Raises:
            RuntimeError: another writer did, because it was not locked.
        """
        former = sa.and_(systems.c.id == system.id, systems.c.version == system.version - 1)
        values = {"version": system.version, "updated_at": system.updated_at}
        result = await self._connection.execute(sa.update(systems).where(former).values(**values))
        if result.rowcount != 1:
            raise RuntimeError(f"{system.id} was not locked: version {system.version - 1} is gone")

    async def delete(self, system_id: str, *, at: datetime) -> None:
        """Delete a system without incidents; the record of its key remains."""
        present = sa.select(systems.c.id, systems.c.key, sa.literal(at, former_systems.c.deleted_at.type))
        kept = sa.insert(former_systems).from_select(
            ["id", "key", "deleted_at"], present.where(systems.c.id == system_id)
        )
        await self._connection.execute(kept)
        for table in (health_spans, derived_health):
            await self._connection.execute(sa.delete(table).where(table.c.system_id == system_id))
        await self._connection.execute(sa.delete(systems).where(systems.c.id == system_id))

    async def forget_former(self, *, before: datetime) -> None:
        """Delete the keys of systems that were deleted before that moment."""
        await self._connection.execute(sa.delete(former_systems).where(former_systems.c.deleted_at < before))


def _words_of(system: System) -> str:
    return searched_words(system.key, system.name, system.description)


def _columns(system: System) -> dict[str, Any]:
    return {name: getattr(system, name) for name in _COLUMNS}


def system_of(row: sa.RowMapping) -> System:
    """Return the system that a row stands for."""
    return System(**{name: row[name] for name in _COLUMNS})
