"""Keyset pagination: pages of one list, and of the same list of many parents in one statement."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import visitors

from domain.model.incident import Severity
from domain.model.moment import parse_iso
from domain.model.paging import Page, PageRequest
from domain.persistence.dialects import is_sqlite
from domain.persistence.orders import Directed, beyond, flat
from domain.persistence.types import SeverityRank, UtcDateTime

T = TypeVar("T")
Key = Sequence[sa.ColumnElement[Any]]


def paged(statement: sa.Select[Any], key: Key, page: PageRequest, *, descending: bool) -> sa.Select[Any]:
    """Return the statement ordered and cut at the page's positions, with one row more, which reveals a next page.

    It may be run again for other pages of the same form, with the values of those.
    """
    return paged_by(statement, [(column, descending) for column in key], page)


def paged_by(statement: sa.Select[Any], keys: Sequence[Directed], page: PageRequest) -> sa.Select[Any]:
    """Do as `paged`, for columns that have each a direction of its own."""
    values = _values_of(page, [column.type for column, _ in keys])
    for side, position, forward in (("after", page.after, True), ("before", page.before, False)):
        if position is not None:
            bounds = [
                sa.bindparam(f"page_{side}_{at}", values[f"page_{side}_{at}"], column.type)
                for at, (column, _) in enumerate(keys)
            ]
            statement = statement.where(beyond(keys, bounds, forward=forward))
    size = sa.bindparam("size", values["size"], sa.Integer())
    directed = [column.desc() if down is not page.backward else column.asc() for column, down in keys]
    return statement.order_by(*directed).limit(size)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for all pages of one form, with the types of their positions."""

    statement: sa.Select[Any]
    types: Sequence[sa.types.TypeEngine[Any]]


#: Statements of `per_parent`: to build one takes ten times as long as to run it.
_prepared: dict[Hashable, _Prepared] = {}
_MOST_PREPARED = 256


async def per_parent(
    connection: AsyncConnection,
    *,
    parents: tuple[sa.Table, Sequence[str]],
    child: sa.Table,
    children_of: Callable[[sa.ColumnElement[str], sa.FromClause], sa.Select[Any]],
    key: Sequence[str] = ("id",),
    page: PageRequest | None = None,
    form: Hashable = None,
) -> Sequence[tuple[str, sa.RowMapping]]:
    """Return each parent's page of children, in one statement that reads no more rows than it returns.

    `children_of(parent_id, alias)` selects the key, ids mostly, of one parent's page from the aliased child table. With
    a `form`, the name of all that its statement depends on besides the page, the statement is kept.
    """
    table, ids = parents
    sqlite = is_sqlite(connection)
    shape = page and (page.backward, page.after is None, page.before is None)
    name = None if form is None else (form, sqlite, shape)
    prepared = None if name is None else _prepared.get(name)
    if prepared is None:
        prepared = _prepare(_per_parent(table, child, children_of, key, sqlite=sqlite))
        if name is not None:
            if len(_prepared) >= _MOST_PREPARED:
                _prepared.clear()
            _prepared[name] = prepared
    values = {"ids": list(ids), **(_values_of(page, prepared.types) if page else {})}
    rows = (await connection.execute(prepared.statement, values)).mappings().all()
    return [(row["parent_id"], row) for row in rows]


def _prepare(statement: sa.Select[Any]) -> _Prepared:
    binds = {each.key: each for each in visitors.iterate(statement) if isinstance(each, sa.BindParameter)}
    places = [binds.get(f"page_after_{at}", binds.get(f"page_before_{at}")) for at in range(len(binds))]
    return _Prepared(statement, [place.type for place in places if place is not None])


def _per_parent(
    table: sa.Table,
    child: sa.Table,
    children_of: Callable[[sa.ColumnElement[str], sa.FromClause], sa.Select[Any]],
    key: Sequence[str],
    *,
    sqlite: bool,
) -> sa.Select[Any]:
    inner = children_of(table.c.id, child.alias("page"))
    columns = [child.c[name] for name in key]
    if sqlite:
        # SQLite has no LATERAL, but looks a correlated list of keys up through the primary key.
        one = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
        joined = table.join(child, one.in_(inner.correlate(table)))
    else:
        lateral = inner.lateral("picked")
        picked = sa.and_(*(column == lateral.c[column.name] for column in columns))
        joined = table.join(lateral, sa.true()).join(child, picked)
    wanted = table.c.id.in_(sa.bindparam("ids", expanding=True))
    return sa.select(table.c.id.label("parent_id"), *child.c).select_from(joined).where(wanted)


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


def _values_of(page: PageRequest, types: Sequence[sa.types.TypeEngine[Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {"size": page.size + 1}
    for side, position in (("after", page.after), ("before", page.before)):
        if position is not None:
            bounds = zip(types, flat(position), strict=True)
            values |= {f"page_{side}_{at}": _bound(kind, raw) for at, (kind, raw) in enumerate(bounds)}
    return values


def _bound(kind: sa.types.TypeEngine[Any], raw: Any) -> Any:
    if isinstance(kind, UtcDateTime):
        return parse_iso(raw)
    return Severity(raw) if isinstance(kind, SeverityRank) else raw
