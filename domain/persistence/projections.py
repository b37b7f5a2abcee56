"""Selections as SQL: one statement for all that an operation reads, which makes it one snapshot by itself.

Each root is one column of the single row, as JSON: lists of values in the order of the selection, lists within them for
what belongs to a row. The text is made once for each form of a selection, and runs on the driver.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from domain.model.moment import parse_iso
from domain.model.paging import PageRequest
from domain.model.selection import AllOf, Listed, OneOf, Root, Selection, Wanted
from domain.model.viewer import Audience
from domain.persistence.conditions import IS_OPEN
from domain.persistence.types import UtcDateTime
from domain.persistence.views import VIEWS
from domain.persistence.views.view import View, expression

#: PostgreSQL hands at most 100 arguments to a function, and each value of a row is one.
MOST_VALUES = 100
#: Forms of one selection that are kept: each page can go two ways, with two positions.
_MOST_FORMS = 8
#: More JSON than this is left unread, because reading it and answering from it keeps the loop for long.
_MOST_CHARACTERS = 1_000_000
#: The form of what is wanted, without its values: what the text depends on.
_Form = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Statement:
    """A text for the driver, and how each of its parameters comes from what is wanted."""

    text: str
    parameters: tuple[Callable[[Wanted], Any], ...]


class Projection:
    """Some roots as one audience sees them, ready to be read again and again.

    Raises:
        ValueError: a row would have more values than a statement can hold.
    """

    def __init__(self, roots: Sequence[Root], audience: Audience, dialect: sa.Dialect) -> None:
        self._roots = tuple(roots)
        self._audience = audience
        self._dialect = dialect
        self._statements: dict[_Form, _Statement] = {}
        for root in self._roots:
            _check_width(root.selection)

    def statement(self, wanted: Wanted) -> tuple[str, list[Any]]:
        """Return the text for the driver, and its parameters."""
        form = _form_of(wanted)
        statement = self._statements.get(form)
        if statement is None:
            if len(self._statements) >= _MOST_FORMS:
                self._statements.clear()
            statement = _Builder(self._audience, self._dialect).statement(self._roots, wanted)
            self._statements[form] = statement
        return statement.text, [value(wanted) for value in statement.parameters]

    @staticmethod
    def rows(columns: Sequence[str | None]) -> list[Any] | None:
        """Read the one row that the statement returns: what each root found; None where that is too much."""
        if sum(len(column) for column in columns if column is not None) > _MOST_CHARACTERS:
            return None
        return [None if column is None else orjson.loads(column) for column in columns]


def _form_of(wanted: Wanted) -> _Form:
    rows = [rows.by if isinstance(rows, OneOf) else (rows.order.name, rows.open_only) for rows in wanted.rows]
    pages = [(page.backward, page.after is None, page.before is None) for page in wanted.pages]
    return (*rows, *pages)


def _check_width(selection: Selection) -> None:
    if len(selection.columns) + len(selection.lists) > MOST_VALUES:
        raise ValueError(f"a row may have {MOST_VALUES} values at most")
    for listed in selection.lists:
        _check_width(listed.selection)


class _Builder:
    """The writer of one statement, which also gathers where its parameters come from."""

    def __init__(self, audience: Audience, dialect: sa.Dialect) -> None:
        self._audience = audience
        self._dialect = dialect
        self._sqlite = dialect.name == "sqlite"
        self._values: dict[str, Callable[[Wanted], Any]] = {}

    def statement(self, roots: Sequence[Root], wanted: Wanted) -> _Statement:
        found = [self._root(place, root, wanted) for place, root in enumerate(roots)]
        compiled: Any = sa.select(*found).compile(dialect=self._dialect)
        names: Sequence[str] = compiled.positiontup or ()
        # SQLAlchemy has parameters of its own: SQLite's LIMIT comes with an OFFSET of 0.
        own = {name: _constant(value) for name, value in compiled.params.items() if name not in self._values}
        return _Statement(compiled.string, tuple((self._values | own)[name] for name in names))

    def _root(self, place: int, root: Root, wanted: Wanted) -> sa.ColumnElement[Any]:
        view, rows = VIEWS[root.selection.view], wanted.rows[place]
        # Not aliased: the condition of open incidents is about the table, and finds its index by its very words.
        table = view.table if root.page is not None else view.table.alias(f"root_{place}")
        values = self._row(view, table, root.selection, wanted)
        if isinstance(rows, OneOf):
            key = self._parameter(f"key_{place}", table.c[rows.by].type, lambda wanted: _value_of(wanted.rows[place]))
            one = sa.select(values).where(table.c[rows.by] == key)
            return one.scalar_subquery().label(f"found_{place}")
        assert root.page is not None
        query = sa.select(values.label("entry")).select_from(table)
        if rows.open_only:
            query = query.where(IS_OPEN)
        key_columns = [table.c[rows.order.field], table.c.id]
        query = self._paged(query, key_columns, (root.page, wanted.pages[root.page]), descending=rows.order.descending)
        return self._gathered(query).label(f"found_{place}")

    def _row(self, view: View, table: sa.FromClause, selection: Selection, wanted: Wanted) -> sa.ColumnElement[Any]:
        columns = [expression(table, name, sqlite=self._sqlite) for name in selection.columns]
        lists = [self._nested(view, table, listed, wanted) for listed in selection.lists]
        return (sa.func.json_array if self._sqlite else sa.func.json_build_array)(*columns, *lists)

    def _nested(self, view: View, parent: sa.FromClause, listed: Listed, wanted: Wanted) -> sa.ColumnElement[Any]:
        lists = view.lists[listed.name]
        child = VIEWS[lists.view]
        table = child.table.alias()
        joined, belongs, key = lists.joined(parent, table)
        query = sa.select(self._row(child, table, listed.selection, wanted).label("entry")).select_from(joined)
        query = query.where(belongs).correlate(parent)
        if "visibility" in table.c:
            seen: list[sa.ColumnElement[str]] = [
                sa.literal_column(f"'{visibility.value}'") for visibility in self._audience.visibilities
            ]
            query = query.where(table.c.visibility.in_(seen))
        if listed.page is None:
            return self._gathered(query.order_by(*(_directed(column, down=lists.descending) for column in key)))
        page = listed.page, wanted.pages[listed.page]
        return self._gathered(self._paged(query, key, page, descending=lists.descending))

    def _gathered(self, query: sa.Select[Any]) -> sa.ColumnElement[Any]:
        """Gather the rows of a query in one list, in their order."""
        rows = query.subquery()
        if self._sqlite:
            gathered = sa.select(sa.func.json_group_array(sa.func.json(rows.c.entry)))
            # What comes out of a subquery is text again, which would be quoted.
            return sa.func.json(gathered.scalar_subquery())
        empty: sa.ColumnElement[Any] = sa.literal_column("'[]'::json")
        return sa.select(sa.func.coalesce(sa.func.json_agg(rows.c.entry), empty)).scalar_subquery()

    def _paged(
        self,
        query: sa.Select[Any],
        key: Sequence[sa.ColumnElement[Any]],
        page: tuple[int, PageRequest],
        *,
        descending: bool,
    ) -> sa.Select[Any]:
        """Do as `keyset.paged`, with parameters in the place of values."""
        place, request = page
        columns = sa.tuple_(*key)
        if request.after is not None:
            after = self._position(f"after_{place}", key, lambda wanted: wanted.pages[place].after)
            query = query.where(columns < after if descending else columns > after)
        if request.before is not None:
            before = self._position(f"before_{place}", key, lambda wanted: wanted.pages[place].before)
            query = query.where(columns > before if descending else columns < before)
        down = descending is not request.backward
        size = self._parameter(f"size_{place}", sa.Integer(), lambda wanted: wanted.pages[place].size + 1)
        return query.order_by(*(_directed(column, down=down) for column in key)).limit(size)

    def _position(
        self, name: str, key: Sequence[sa.ColumnElement[Any]], find: Callable[[Wanted], Any]
    ) -> sa.ColumnElement[Any]:
        return sa.tuple_(*(self._bound(f"{name}_{at}", column, find, at) for at, column in enumerate(key)))

    def _bound(
        self, name: str, column: sa.ColumnElement[Any], find: Callable[[Wanted], Any], at: int
    ) -> sa.ColumnElement[Any]:
        if not isinstance(column.type, UtcDateTime):
            return self._parameter(name, column.type, lambda wanted: find(wanted)[at])
        return self._parameter(name, column.type, lambda wanted: parse_iso(find(wanted)[at]))

    def _parameter(self, name: str, kind: Any, find: Callable[[Wanted], Any]) -> sa.BindParameter[Any]:
        to_driver = kind.dialect_impl(self._dialect).bind_processor(self._dialect)
        self._values[name] = find if to_driver is None else lambda wanted: to_driver(find(wanted))
        return sa.bindparam(name, type_=kind)


def _value_of(rows: OneOf | AllOf) -> Any:
    assert isinstance(rows, OneOf)
    return rows.value


def _constant(value: Any) -> Callable[[Wanted], Any]:
    return lambda _: value


def _directed(column: sa.ColumnElement[Any], *, down: bool) -> sa.ColumnElement[Any]:
    return column.desc() if down else column.asc()
