"""A view: a table's columns as selections name them, with the lists that belong to its rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.model.incident import Severity
from domain.model.positions import NEVER
from domain.model.selection import Field, Shape
from domain.model.viewer import Audience
from domain.persistence.dialects import literal
from domain.persistence.orders import order_column
from domain.persistence.types import SeverityRank, UtcDateTime

#: JSON of SQLite has numbers for truth, that of PostgreSQL has not.
FLAGS = {0: False, 1: True}
_SEVERITIES = {severity.rank: severity.name for severity in Severity}
#: A column under this name shows all digits of a moment, for what is reckoned from it.
EXACT = ":exact"


_ALL = frozenset(Audience)
#: A source of rows, the condition for those of a parent, and the columns of their order.
Joined = tuple[sa.FromClause, sa.ColumnElement[bool], Sequence[sa.ColumnElement[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """A list that belongs to each row of a view.

    `joined` gives what the list is read from, which rows of it belong to a parent, and the columns of its order, for an
    alias of the child's table. Where the child has a visibility, its audience sees no more of the list than it may.
    """

    view: str
    joined: Callable[[sa.FromClause, sa.FromClause], Joined]
    key: tuple[str, ...]
    descending: bool = False
    #: Of a list with an end: how many rows it has, and the order in which they are picked.
    most: int | None = None
    picked: Callable[[sa.FromClause], Sequence[sa.ColumnElement[Any]]] | None = None
    #: The audiences that see it; others see an empty list.
    audiences: frozenset[Audience] = _ALL
    #: The columns of a parent, besides its id, by which its rows are found.
    carried: tuple[str, ...] = ()
    #: Of a list that may be missing: the column of the parent that is null then.
    present: str | None = None
    #: The number of rows of a parent among many, where that is found for all of them at once.
    total: Callable[[sa.FromClause], sa.ColumnElement[int]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A table, the fields that can be selected of its rows, and the lists that belong to each of them."""

    name: str
    table: sa.FromClause
    #: Those that show something else than the column of their name.
    fields: Mapping[str, Field] = field(default_factory=dict)
    #: The condition for rows that are shown at all, to these audiences.
    kept: Callable[[sa.FromClause], sa.ColumnElement[bool]] | None = None
    audiences: frozenset[Audience] = _ALL
    parts: Mapping[str, Shape] = field(default_factory=dict)
    lists: Mapping[str, Lists] = field(default_factory=dict)
    #: Of pages: conditions for one of some texts that is in no column of the table, by their names.
    members: Mapping[str, Callable[[sa.FromClause, Sequence[Any]], sa.ColumnElement[bool]]] = field(
        default_factory=dict
    )
    #: Columns that are not those of its table.
    found: Mapping[str, "Found"] = field(default_factory=dict)
    #: Of a table that is a union: the columns of its order, which are always read, for the sake of SQLite's plans.
    in_parts: tuple[str, ...] = ()
    #: The column that its list is in the order of, where that is unique by itself.
    place: str | None = None
    #: The columns by which one row can be found.
    unique: tuple[str, ...] = ("id",)

    @property
    def shape(self) -> Shape:
        """The names that can be selected."""
        keys = {name: each.key for name, each in self.lists.items()}
        found = {name: Field((name,)) for name in self.found}
        return Shape(
            fields={**columns_of(self.table, self.table.c.keys()), **found, **self.fields},
            parts=self.parts,
            lists={name: each.view for name, each in self.lists.items()},
            keys=keys if self.place is None else {"": (self.place,), **keys},
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A column that is found for a row: by its id and other columns of it, and how."""

    columns: tuple[str, ...]
    find: Callable[[sa.FromClause], sa.ColumnElement[Any]]


def columns_of(table: sa.FromClause, names: Iterable[str]) -> dict[str, Field]:
    """Return the fields that show a column of the same name, by the kind of the column."""
    return {name: _shown(name, table.c[name]) for name in names}


def for_all(make: Callable[..., Any]) -> Callable[[Audience], Callable[..., Any]]:
    """Return the maker of a field that is the same for all audiences."""
    return lambda _: make


def text_in(column: str, name: str) -> Found:
    """Return the text under that name in a JSON column."""
    return Found((column,), lambda rows: rows.c[column][name].as_string())


def seconds_between(began: str | None, ended: str | None) -> float | None:
    """Return the seconds between two moments with all their digits; None where one is missing."""
    if began is None or ended is None:
        return None
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def is_json(view: View, rows: sa.FromClause, name: str) -> bool:
    """Return whether a column of the table holds JSON."""
    return name not in view.found and isinstance(rows.c[name.removesuffix(EXACT)].type, sa.JSON)


def expression(view: View, rows: sa.FromClause, name: str, *, sqlite: bool) -> sa.ColumnElement[Any]:
    """Return a column as JSON has it; moments are the texts that clients see."""
    exact = name.endswith(EXACT)
    plain = name.removesuffix(EXACT)
    column: sa.ColumnElement[Any] = view.found[plain].find(rows) if plain in view.found else rows.c[plain]
    if sqlite and isinstance(column.type, sa.JSON):
        return sa.func.json(column)
    if not isinstance(column.type, UtcDateTime):
        # Types of our own would make of the driver's value what JSON cannot say.
        return column
    if sqlite:
        text = sa.func.substr(column, _number(1), _number(26 if exact else 23))
        return text if exact else _with_zone(sa.func.replace(text, literal(" "), literal("T")))
    form = 'YYYY-MM-DD"T"HH24:MI:SS.US' if exact else 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    return sa.func.to_char(sa.func.timezone(literal("UTC"), column), literal(form))


def order_key(view: View, rows: sa.FromClause, name: str, *, sqlite: bool) -> sa.ColumnElement[Any]:
    """Return the column that rows are in the order of, as their cursors have it."""
    if isinstance(rows.c[name].type, SeverityRank):
        return severity_text(rows.c[name])
    if name == "status":
        return order_column(rows, name)
    if name == "resolved_at":
        return sa.func.coalesce(expression(view, rows, name, sqlite=sqlite), literal(NEVER))
    return expression(view, rows, name, sqlite=sqlite)


def severity_text(rank: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """Return the value of the severity of that rank."""
    return sa.case(*[(rank == _number(severity.rank), literal(severity.value)) for severity in Severity])


def _number(value: int) -> sa.ColumnElement[int]:
    return sa.literal_column(str(value), sa.Integer)


def _with_zone(text: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.type_coerce(text, sa.String).op("||")(literal("Z"))


def _shown(name: str, column: sa.ColumnElement[Any]) -> Field:
    if isinstance(column.type, SeverityRank):
        return Field((name,), _SEVERITIES)
    return Field((name,), FLAGS if isinstance(column.type, sa.Boolean) else None)
