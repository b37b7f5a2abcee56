"""Keyset pagination: pages of one list, and of the same list of many parents in one statement."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.incident import Severity
from domain.model.moment import parse_iso
from domain.model.paging import Page, PageRequest
from domain.persistence.dialects import is_sqlite
from domain.persistence.types import SeverityRank, UtcDateTime

T = TypeVar("T")
Key = Sequence[sa.ColumnElement[Any]]


def paged(statement: sa.Select[Any], key: Key, page: PageRequest, *, descending: bool) -> sa.Select[Any]:
    """Return the statement ordered and cut at the page's positions, with one row more, which reveals a next page."""
    for position, forward in ((page.after, True), (page.before, False)):
        if position is not None:
            statement = statement.where(_beyond(key, position, greater=forward is not descending))
    downward = descending is not page.backward
    return statement.order_by(*(column.desc() if downward else column.asc() for column in key)).limit(page.size + 1)


async def per_parent(
    connection: AsyncConnection,
    *,
    parents: tuple[sa.Table, Sequence[str]],
    child: sa.Table,
    children_of: Callable[[sa.ColumnElement[str], sa.FromClause], sa.Select[Any]],
    key: Sequence[str] = ("id",),
) -> Sequence[tuple[str, sa.RowMapping]]:
    """Return each parent's page of children, in one statement that reads no more rows than it returns.

    `children_of(parent_id, alias)` selects the key, ids mostly, of one parent's page from the aliased child table.
    """
    table, ids = parents
    alias = child.alias("page")
    inner = children_of(table.c.id, alias)
    columns = [child.c[name] for name in key]
    if is_sqlite(connection):
        # SQLite has no LATERAL, but looks a correlated list of keys up through the primary key.
        one = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
        joined = table.join(child, one.in_(inner.correlate(table)))
    else:
        lateral = inner.lateral("picked")
        picked = sa.and_(*(column == lateral.c[column.name] for column in columns))
        joined = table.join(lateral, sa.true()).join(child, picked)
    parent_id = table.c.id.label("parent_id")
    statement = sa.select(parent_id, *child.c).select_from(joined).where(table.c.id.in_(ids))
    rows = (await connection.execute(statement)).mappings().all()
    return [(row["parent_id"], row) for row in rows]


def pages_of(
    found: Iterable[tuple[str, T]],
    parents: Sequence[str],
    page: PageRequest,
    *,
    order: Callable[[T], Any],
    descending: bool,
) -> dict[str, Page[T]]:
    """Return the page of each parent, from the rows of `per_parent`."""
    lists: dict[str, list[T]] = {identifier: [] for identifier in parents}
    for parent, item in found:
        lists[parent].append(item)
    for items in lists.values():
        items.sort(key=order, reverse=descending is not page.backward)
    return {parent: page.cut(items) for parent, items in lists.items()}


async def count_per_parent(
    connection: AsyncConnection, parent: sa.Column[str], ids: Sequence[str], *conditions: sa.ColumnElement[bool]
) -> dict[str, int]:
    """Return the number of rows of each of these parents, by the column that refers to the parent."""
    statement = sa.select(parent, sa.func.count()).where(parent.in_(ids), *conditions).group_by(parent)
    counted = {identifier: count for identifier, count in await connection.execute(statement)}
    return {identifier: counted.get(identifier, 0) for identifier in ids}


def _beyond(key: Key, position: Sequence[Any], *, greater: bool) -> sa.ColumnElement[bool]:
    bounds = sa.tuple_(
        *(sa.literal(_bound(column, raw), column.type) for column, raw in zip(key, position, strict=True))
    )
    columns = sa.tuple_(*key)
    return columns > bounds if greater else columns < bounds


def _bound(column: sa.ColumnElement[Any], raw: Any) -> Any:
    if isinstance(column.type, UtcDateTime):
        return parse_iso(raw)
    return Severity(raw) if isinstance(column.type, SeverityRank) else raw
