"""Selections as SQL: one statement for all that an operation reads, which makes it one snapshot by itself.

Each root is one column of the single row, as JSON: lists of values in the order of the selection, lists within them for
what belongs to a row. The text is made once for each form of a selection, and runs on the driver.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
import sqlalchemy as sa

from domain.model.filters import EVERYTHING, Field, fields_of
from domain.model.incident import Severity
from domain.model.moment import parse_iso
from domain.model.paging import Order
from domain.model.selection import ORDER_KEY, AllOf, Listed, OneOf, Paged, Root, Selection, Wanted
from domain.model.viewer import Audience
from domain.persistence.conditions import incident_condition
from domain.persistence.drivers import Driver
from domain.persistence.forms import form_of, with_parameters
from domain.persistence.types import SeverityRank, UtcDateTime
from domain.persistence.views import VIEWS
from domain.persistence.views.view import EXACT, View, expression, order_key

#: PostgreSQL hands at most 100 arguments to a function, and each value of a row is one.
MOST_VALUES = 100
#: Forms of one selection that are kept: each page can go two ways, with two positions.
_MOST_FORMS = 8
#: Parameters of all forms that are kept, each of which takes half a kilobyte: those of a long filter are soon too many.
_MOST_PARAMETERS = 200
#: More JSON than this is left unread, because reading it and answering from it keeps the loop for long.
_MOST_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of one reading: what is wanted, and what the filter of each root compares with."""

    wanted: Wanted
    compared: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Statement:
    """A text for the driver, and how each of its parameters comes from the values of a reading."""

    text: str
    parameters: tuple[Callable[[_Values], Any], ...]
    #: Whether it is to be kept off the loop: to look up words takes SQLite long in few steps of its machine.
    is_long: bool


class Projection:
    """Some roots as one audience sees them, ready to be read again and again.

    Raises:
        ValueError: a row would have more values than a statement can hold.
    """

    def __init__(self, roots: Sequence[Root], audience: Audience, dialect: sa.Dialect) -> None:
        self._roots = tuple(roots)
        self._audience = audience
        self._dialect = dialect
        self._statements: dict[Hashable, Statement] = {}
        for root in self._roots:
            _check_width(root.selection)

    async def read(self, driver: Driver, wanted: Wanted) -> list[Any] | None:
        """Read what is wanted of each root; None where that is too much."""
        statement, parameters = self.statement(wanted)
        columns = await driver.fetch(statement.text, parameters, is_long=statement.is_long)
        if sum(len(column) for column in columns if isinstance(column, str)) > _MOST_CHARACTERS:
            return None
        return [orjson.loads(column) if isinstance(column, str) else column for column in columns]

    def statement(self, wanted: Wanted) -> tuple[Statement, list[Any]]:
        """Return the statement for the driver, and its parameters."""
        form, compared = self._form_of(wanted)
        statement = self._statements.get(form)
        if statement is None:
            kept = self._statements.values()
            if len(kept) >= _MOST_FORMS or sum(len(each.parameters) for each in kept) >= _MOST_PARAMETERS:
                self._statements.clear()
            statement = _Builder(self._audience, self._dialect).statement(self._roots, wanted)
            self._statements[form] = statement
        values = _Values(wanted, compared)
        return statement, [value(values) for value in statement.parameters]

    def _form_of(self, wanted: Wanted) -> tuple[Hashable, list[Sequence[Any]]]:
        """Return what the text depends on, and what each filter compares with."""
        forms: list[Hashable] = [(page.backward, page.after is None, page.before is None) for page in wanted.pages]
        compared: list[Sequence[Any]] = []
        for rows in wanted.rows:
            if isinstance(rows, OneOf):
                forms.append(rows.by)
                compared.append(())
                continue
            form, values = form_of(rows.tree, self._dialect)
            forms.append((rows.order, form))
            compared.append(values)
        return tuple(forms), compared


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
        self._values: dict[str, Callable[[_Values], Any]] = {}

    def statement(self, roots: Sequence[Root], wanted: Wanted) -> Statement:
        found = [self._root(place, root, wanted) for place, root in enumerate(roots)]
        compiled: Any = sa.select(*found).compile(dialect=self._dialect)
        names: Sequence[str] = compiled.positiontup or ()
        # SQLAlchemy has parameters of its own: SQLite's LIMIT comes with an OFFSET of 0.
        own = {name: _constant(value) for name, value in compiled.params.items() if name not in self._values}
        searched = any(isinstance(rows, AllOf) and Field.TEXT in fields_of(rows.tree) for rows in wanted.rows)
        parameters = tuple((self._values | own)[name] for name in names)
        return Statement(compiled.string, parameters, is_long=searched)

    def _root(self, place: int, root: Root, wanted: Wanted) -> sa.ColumnElement[Any]:
        view, rows = VIEWS[root.selection.view], wanted.rows[place]
        if isinstance(rows, OneOf):
            table = view.table.alias(f"root_{place}")
            kind = table.c[rows.by].type
            key = self._parameter(f"key_{place}", kind, lambda values: _value_of(values.wanted.rows[place]))
            one = sa.select(self._row(view, table, root.selection, wanted)).where(table.c[rows.by] == key)
            return one.scalar_subquery().label(f"found_{place}")
        assert root.page is not None
        # Not aliased: the condition of open incidents is about the table, and finds its index by its very words.
        query = sa.select().select_from(view.table)
        if rows.tree != EVERYTHING:
            query = query.where(self._condition(place, rows))
        places = [view.table.c[rows.order.field], view.table.c.id]
        columns = _picked(view.table, root.selection, rows.order.field)

        def read(page: Paged) -> sa.ScalarSelect[Any]:
            picked = query.add_columns(*columns)
            found = self._paged(picked, places, page, wanted, descending=rows.order.descending).subquery(
                f"root_{place}"
            )
            return self._gathered(found, self._row(view, found, root.selection, wanted, rows.order))

        return self._page(query, root.page, read).label(f"found_{place}")

    def _page(
        self, query: sa.Select[Any], page: Paged, read: Callable[[Paged], sa.ScalarSelect[Any]]
    ) -> sa.ColumnElement[Any]:
        """Return the rows of a page, the number of all that its query finds, or both."""
        if not page.counted:
            return read(page)
        total = query.add_columns(sa.func.count()).scalar_subquery()
        if not page.is_read:
            return total
        return self._array(self._nestable(read(page)), total)

    def _condition(self, place: int, rows: AllOf) -> sa.ColumnElement[bool]:
        numbers = count()

        def parameter(kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
            number = next(numbers)
            return self._parameter(f"compared_{place}_{number}", kind, lambda values: values.compared[place][number])

        tree = with_parameters(rows.tree, self._dialect, parameter)
        return incident_condition(self._dialect, tree, self._audience)

    def _row(
        self,
        view: View,
        table: sa.FromClause,
        selection: Selection,
        wanted: Wanted,
        order: Order | None = None,
    ) -> sa.ColumnElement[Any]:
        columns = [self._column(table, name, order) for name in selection.columns]
        lists = [self._nested(view, table, listed, wanted) for listed in selection.lists]
        return self._array(*columns, *lists)

    def _array(self, *values: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return (sa.func.json_array if self._sqlite else sa.func.json_build_array)(*values)

    def _nestable(self, rows: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # What comes out of a subquery of SQLite is text again, which would be quoted.
        return sa.func.json(rows) if self._sqlite else rows

    def _column(self, table: sa.FromClause, name: str, order: Order | None) -> sa.ColumnElement[Any]:
        if name != ORDER_KEY:
            return expression(table, name, sqlite=self._sqlite)
        assert order is not None
        return order_key(table, order.field, sqlite=self._sqlite)

    def _nested(self, view: View, parent: sa.FromClause, listed: Listed, wanted: Wanted) -> sa.ColumnElement[Any]:
        lists = view.lists[listed.name]
        child = VIEWS[lists.view]
        table = child.table.alias()
        joined, belongs, key = lists.joined(parent, table)
        query = sa.select().select_from(joined).where(belongs).correlate(parent)
        if "visibility" in table.c:
            seen: list[sa.ColumnElement[str]] = [
                sa.literal_column(f"'{visibility.value}'") for visibility in self._audience.visibilities
            ]
            query = query.where(table.c.visibility.in_(seen))

        def read(page: Paged | None) -> sa.ScalarSelect[Any]:
            picked = query.add_columns(*_picked(table, listed.selection))
            if page is None:
                picked = picked.order_by(*(_directed(column, down=lists.descending) for column in key))
            else:
                picked = self._paged(picked, key, page, wanted, descending=lists.descending)
            found = picked.subquery()
            return self._gathered(found, self._row(child, found, listed.selection, wanted))

        return self._nestable(read(None) if listed.page is None else self._page(query, listed.page, read))

    def _gathered(self, found: sa.Subquery, row: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
        """Gather rows in one list, in their order.

        JSON is made of them here and not where they are picked: a sort there would have it made of all that match.
        """
        if self._sqlite:
            return sa.select(sa.func.json_group_array(row)).select_from(found).scalar_subquery()
        empty: sa.ColumnElement[Any] = sa.literal_column("'[]'::json")
        return sa.select(sa.func.coalesce(sa.func.json_agg(row), empty)).select_from(found).scalar_subquery()

    def _paged(
        self,
        query: sa.Select[Any],
        key: Sequence[sa.ColumnElement[Any]],
        page: Paged,
        wanted: Wanted,
        *,
        descending: bool,
    ) -> sa.Select[Any]:
        """Do as `keyset.paged`, with parameters in the place of values; one row more only where it peeks."""
        place, extra = page.place, int(page.peeks)
        request = wanted.pages[place]
        columns = sa.tuple_(*key)
        if request.after is not None:
            after = self._position(f"after_{place}", key, lambda values: values.wanted.pages[place].after)
            query = query.where(columns < after if descending else columns > after)
        if request.before is not None:
            before = self._position(f"before_{place}", key, lambda values: values.wanted.pages[place].before)
            query = query.where(columns > before if descending else columns < before)
        down = descending is not request.backward
        size = self._parameter(f"size_{place}", sa.Integer(), lambda values: values.wanted.pages[place].size + extra)
        return query.order_by(*(_directed(column, down=down) for column in key)).limit(size)

    def _position(
        self, name: str, key: Sequence[sa.ColumnElement[Any]], find: Callable[[_Values], Any]
    ) -> sa.ColumnElement[Any]:
        return sa.tuple_(*(self._bound(f"{name}_{at}", column, find, at) for at, column in enumerate(key)))

    def _bound(
        self, name: str, column: sa.ColumnElement[Any], find: Callable[[_Values], Any], at: int
    ) -> sa.ColumnElement[Any]:
        if isinstance(column.type, UtcDateTime):
            return self._parameter(name, column.type, lambda values: parse_iso(find(values)[at]))
        if isinstance(column.type, SeverityRank):
            return self._parameter(name, column.type, lambda values: Severity(find(values)[at]))
        return self._parameter(name, column.type, lambda values: find(values)[at])

    def _parameter(self, name: str, kind: Any, find: Callable[[_Values], Any]) -> sa.BindParameter[Any]:
        to_driver = kind.dialect_impl(self._dialect).bind_processor(self._dialect)
        self._values[name] = find if to_driver is None else lambda values: to_driver(find(values))
        return sa.bindparam(name, type_=kind)


def _picked(table: sa.FromClause, selection: Selection, order: str = "") -> list[sa.ColumnElement[Any]]:
    """Return the columns that a selection is made of; lists belong to their row by its id."""
    names = [order if name == ORDER_KEY else name.removesuffix(EXACT) for name in selection.columns]
    return [table.c[name] for name in dict.fromkeys((*names, "id"))]


def _value_of(rows: OneOf | AllOf) -> Any:
    assert isinstance(rows, OneOf)
    return rows.value


def _constant(value: Any) -> Callable[[_Values], Any]:
    return lambda _: value


def _directed(column: sa.ColumnElement[Any], *, down: bool) -> sa.ColumnElement[Any]:
    return column.desc() if down else column.asc()
