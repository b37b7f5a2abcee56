"""Orders of lists as columns: what has no value stands as if it had the least."""

from collections.abc import Hashable, Sequence
from typing import Any

import sqlalchemy as sa

from domain.model.filters import AllOf, Field, Filter, Operator, Term
from domain.model.incident import Status
from domain.model.moment import parse_iso
from domain.model.paging import Order
from domain.model.positions import NEVER
from domain.persistence.dialects import literal
from domain.persistence.types import UtcDateTime

#: A column, and whether it descends.
Directed = tuple[sa.ColumnElement[Any], bool]
_NULLABLE = frozenset({Field.RESOLVED_AT.value})


def order_keys(rows: sa.FromClause, order: Order, tree: Filter) -> list[Directed]:
    """Return the columns of an order, with their directions; the last one is the id.

    Where the filter leaves no row without a value, it is the column itself, which an index has.
    """
    keys = [
        (order_column(rows, name, is_full=name in _NULLABLE and _is_full(name, tree)), down)
        for name, down in order.keys
    ]
    return [*keys, (rows.c.id, order.keys[-1][1])]


def order_column(rows: sa.FromClause, name: str, *, is_full: bool = False) -> sa.ColumnElement[Any]:
    """Return the column that rows are in the order of."""
    return rows.c[name] if is_full else placed_by(name, rows.c[name])


def placed_by(name: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the column that rows are in the order of, from that with the values of a field."""
    if name == Field.STATUS:
        return sa.case(*[(column == literal(status.value), _number(rank)) for rank, status in enumerate(Status)])
    if name in _NULLABLE:
        return sa.func.coalesce(column, sa.literal(parse_iso(NEVER), UtcDateTime()), type_=UtcDateTime())
    return column


def form_of_order(order: Order, tree: Filter) -> Hashable:
    """Return what the columns of an order depend on."""
    return order, *[_is_full(name, tree) for name, _ in order.keys if name in _NULLABLE]


def beyond(
    keys: Sequence[Directed], bounds: Sequence[sa.ColumnElement[Any]], *, forward: bool
) -> sa.ColumnElement[bool]:
    """Return the condition for rows behind a position, or before it."""
    if len({down for _, down in keys}) == 1:
        columns = sa.tuple_(*(column for column, _ in keys))
        return columns > sa.tuple_(*bounds) if forward is not keys[0][1] else columns < sa.tuple_(*bounds)
    ways = []
    for at, ((column, down), bound) in enumerate(zip(keys, bounds, strict=True)):
        same = [keys[before][0] == bounds[before] for before in range(at)]
        ways.append(sa.and_(*same, column > bound if forward is not down else column < bound))
    return sa.or_(*ways)


def flat(position: Sequence[Any]) -> list[Any]:
    """Return the values of a position, of which those of several fields are a list."""
    first, *rest = position
    return [*first, *rest] if isinstance(first, list | tuple) else [first, *rest]


def _is_full(name: str, tree: Filter) -> bool:
    """Return whether every row that matches has a value of its own there."""
    if isinstance(tree, AllOf):
        return any(_is_full(name, part) for part in tree.parts)
    if not isinstance(tree, Term):
        return False
    if tree.field is Field.OPEN:
        return tree.value is False
    is_resolved = tree.field is Field.STATUS and tree.operator is Operator.IN and set(tree.value) == {Status.RESOLVED}
    return is_resolved or (tree.field is Field.STATUS and tree.value == Status.RESOLVED) or tree.field == name


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(value), sa.Integer)
