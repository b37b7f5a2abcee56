"""The writer of statements for selections: SQL for one form of what is wanted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import sqlalchemy as sa

from domain.model.filters import EVERYTHING, Field, Filter, fields_of
from domain.model.incident import Severity
from domain.model.moment import parse_iso
from domain.model.paging import Order, PageRequest
from domain.model.selection import (
    ORDER_KEY,
    AllOf,
    Listed,
    NoneOf,
    OneOf,
    Paged,
    Root,
    Selection,
    Wanted,
)
from domain.model.viewer import Audience, Visibility
from domain.persistence.changes import is_kept, log_condition
from domain.persistence.conditions import as_recorded, incident_condition
from domain.persistence.dialects import literal
from domain.persistence.forms import looked_up, padded, with_parameters
from domain.persistence.orders import Directed, beyond, flat, order_keys
from domain.persistence.systems import catalog_conditions
from domain.persistence.timeline_items import countable
from domain.persistence.types import SeverityRank, UtcDateTime
from domain.persistence.views import VIEWS
from domain.persistence.views.view import EXACT, Lists, View, expression, is_json, order_key

#: SQLite hands at most 100 arguments to a function, and one of them is a format.
_MOST_ARGUMENTS = 100


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one reading: what is wanted, and what filters compare with: of each root, and then of each page."""

    wanted: Wanted
    compared: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Statement:
    """A text for the driver, and how each of its parameters comes from the values of a reading."""

    text: str
    parameters: tuple[Callable[[Values], Any], ...]
    #: Whether it is to be kept off the loop: to look up words takes SQLite long in few steps of its machine.
    is_long: bool


class StatementWriter:
    """The writer of one statement, which also gathers where its parameters come from."""

    def __init__(self, audience: Audience, dialect: sa.Dialect) -> None:
        self._audience = audience
        self._dialect = dialect
        self._sqlite = dialect.name == "sqlite"
        self._values: dict[str, Callable[[Values], Any]] = {}

    def statement(self, roots: Sequence[Root], wanted: Wanted) -> Statement:
        """Write the statement that reads these roots."""
        found = [self._root(place, root, wanted) for place, root in enumerate(roots)]
        compiled: Any = sa.select(*found).compile(dialect=self._dialect)
        names: Sequence[str] = compiled.positiontup or ()
        # SQLAlchemy has parameters of its own: SQLite's LIMIT comes with an OFFSET of 0, and paths into JSON are some.
        for name, value in compiled.params.items():
            if name not in self._values:
                self._parameter(name, compiled.binds[name].type, _constant(value))
        trees = [*(each.tree for each in wanted.rows if isinstance(each, AllOf)), *(page.tree for page in wanted.pages)]
        searched = any(Field.TEXT in fields_of(tree) for tree in trees)
        parameters = tuple(self._values[name] for name in names)
        return Statement(compiled.string, parameters, is_long=searched)

    def _root(self, place: int, root: Root, wanted: Wanted) -> sa.ColumnElement[Any]:
        rows = wanted.rows[place]
        if isinstance(rows, NoneOf):
            return sa.null().label(f"found_{place}")
        if isinstance(rows, AllOf):
            return self._pages(place, root, rows, wanted).label(f"found_{place}")
        view = VIEWS[root.selection.view]
        table = view.table.alias(f"root_{place}")
        row = self._row(view, table, root.selection, wanted, many=False)
        if isinstance(rows, OneOf):
            key = self._compared(place, 0, table.c[rows.by].type)
            found = sa.select(row).where(table.c[rows.by] == key, *self._visible(view, table))
            return found.scalar_subquery().label(f"found_{place}")
        keys = [self._compared(place, number, table.c.id.type) for number in range(len(padded(rows.ids)))]
        picked = sa.select(*_picked(view, table, root.selection)).where(
            table.c.id.in_(keys), *self._visible(view, table)
        )
        some = picked.subquery()
        return self._gathered(some, self._row(view, some, root.selection, wanted)).label(f"found_{place}")

    def _pages(self, place: int, root: Root, rows: AllOf, wanted: Wanted) -> sa.ColumnElement[Any]:
        view = VIEWS[root.selection.view]
        assert root.page is not None
        # Not aliased: the condition of open incidents is about the table, and finds its index by its very words.
        query = sa.select().select_from(view.table)
        tree = self._with_parameters(place, rows.tree, recorded=rows.logged is not None)
        query = query.where(*self._conditions(view, tree, rows), *self._among(view, view.table, root.page, wanted))
        places = (
            [(view.table.c[rows.order.field], rows.order.descending)]
            if view.place
            else order_keys(view.table, rows.order, rows.tree)
        )
        columns = _picked(view, view.table, root.selection, [name for name, _ in rows.order.keys])

        def read(page: Paged) -> sa.ScalarSelect[Any]:
            picked = query.add_columns(*columns)
            found = self._paged(picked, places, page, wanted).subquery(f"root_{place}")
            return self._listed(view, found, root.selection, wanted, rows.order)

        found = self._page(query, root.page, read)
        needed: list[sa.ColumnElement[bool]] = [key.is_not(None) for key in looked_up(tree)]
        if rows.logged is not None and wanted.pages[root.page.place].after is not None:
            # The gap would not show.
            after = self._position(f"after_{root.page.place}", places, self._after(root.page.place))
            needed.append(is_kept(after[0]))
        # Nothing at all, instead of a page that would have to be refused.
        return sa.case((sa.and_(*needed), self._nestable(found))) if needed else found

    def _page(
        self,
        query: sa.Select[Any],
        page: Paged,
        read: Callable[[Paged], sa.ScalarSelect[Any]],
        parts: sa.FromClause | None = None,
    ) -> sa.ColumnElement[Any]:
        """Return the rows of a page, the number of all that its query finds, or both; `parts` is a union in it."""
        if not page.counted:
            return read(page)
        if parts is None:
            total = query.add_columns(sa.func.count()).scalar_subquery()
        else:
            counted = countable(query.add_columns(parts.c.id), sqlite=self._sqlite).subquery()
            total = sa.select(sa.func.count()).select_from(counted).scalar_subquery()
        if not page.is_read:
            return total
        return self._array(self._nestable(read(page)), total)

    def _with_parameters(self, place: int, tree: Filter, *, recorded: bool = False) -> Filter:
        numbers = count()
        return with_parameters(
            as_recorded(tree) if recorded else tree,
            self._dialect,
            lambda kind: self._compared(place, next(numbers), kind),
            recorded=recorded,
        )

    def _conditions(self, view: View, tree: Filter, rows: AllOf) -> list[sa.ColumnElement[bool]]:
        if rows.logged is not None:
            return [log_condition(self._dialect, "incident", tree, rows.logged, self._audience)]
        seen = [*self._visible(view, view.table), *catalog_conditions(rows.catalog)]
        return seen if tree == EVERYTHING else [*seen, incident_condition(self._dialect, tree, self._audience)]

    def _among(self, view: View, table: sa.FromClause, page: Paged, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on the columns, or members, of whose values a page has some."""
        conditions: list[sa.ColumnElement[bool]] = []
        for at, (name, values) in enumerate(wanted.pages[page.place].among):
            member = view.members.get(name)
            kind = table.c[name].type if member is None else sa.String()
            known = [
                self._parameter(f"among_{page.place}_{at}_{number}", kind, _one_among(page.place, at, number))
                for number in range(len(padded(values)))
            ]
            if member is not None:
                conditions.append(member(table, known))
                continue
            column = table.c[name]
            conditions.append(column.in_(known) if len(known) > 1 else column == known[0])
        return conditions

    def _matching(self, table: sa.FromClause, page: Paged, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
        """Return the conditions by the filter of a page of incidents."""
        if wanted.pages[page.place].tree == EVERYTHING:
            return []
        tree = self._with_parameters(len(wanted.rows) + page.place, wanted.pages[page.place].tree)
        return [incident_condition(self._dialect, tree, self._audience, table)]

    def _compared(self, place: int, number: int, kind: sa.types.TypeEngine[Any]) -> sa.BindParameter[Any]:
        return self._parameter(f"compared_{place}_{number}", kind, lambda values: values.compared[place][number])

    def _visible(self, view: View, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for the rows that the audience sees."""
        conditions = [] if view.kept is None else [view.kept(table)]
        if self._audience not in view.audiences:
            conditions.append(sa.false())
        # Those who see everything need no condition.
        if "visibility" in table.c and set(self._audience.visibilities) != set(Visibility):
            seen: list[sa.ColumnElement[str]] = [literal(each.value) for each in self._audience.visibilities]
            conditions.append(table.c.visibility.in_(seen))
        return conditions

    def _row(
        self,
        view: View,
        table: sa.FromClause,
        selection: Selection,
        wanted: Wanted,
        order: Order | None = None,
        *,
        many: bool = True,
    ) -> sa.ColumnElement[Any]:
        columns = [self._column(view, table, name, order) for name in selection.columns]
        lists = [self._nested(view, table, listed, wanted, many=many) for listed in selection.lists]
        return self._array(*columns, *lists)

    def _listed(
        self, view: View, found: sa.Subquery, selection: Selection, wanted: Wanted, order: Order
    ) -> sa.ScalarSelect[Any]:
        """Return the rows of a root as one list."""
        stored = {name for name in selection.columns if name != ORDER_KEY and is_json(view, found, name)}
        width = len(selection.columns) + len(selection.lists)
        if not self._sqlite or not stored or width >= _MOST_ARGUMENTS:
            return self._gathered(found, self._row(view, found, selection, wanted, order))
        # What is stored as JSON is taken as it stands: SQLite would read each of these texts and write it anew.
        values: list[sa.ColumnElement[Any]] = [
            sa.func.coalesce(found.c[name], literal("null"))
            if name in stored
            else sa.func.json_quote(self._column(view, found, name, order))
            for name in selection.columns
        ]
        values += [self._nested(view, found, listed, wanted, many=True) for listed in selection.lists]
        row = sa.func.printf(literal(f"[{','.join(['%s'] * width)}]"), *values)
        rows = sa.func.printf(literal("[%s]"), sa.func.coalesce(sa.func.group_concat(row), literal("")))
        return sa.select(rows).select_from(found).scalar_subquery()

    def _array(self, *values: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return (sa.func.json_array if self._sqlite else sa.func.json_build_array)(*values)

    def _nestable(self, rows: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # What comes out of a subquery of SQLite is text again, which would be quoted.
        return sa.func.json(rows) if self._sqlite else rows

    def _column(self, view: View, table: sa.FromClause, name: str, order: Order | None) -> sa.ColumnElement[Any]:
        if name != ORDER_KEY:
            return expression(view, table, name, sqlite=self._sqlite)
        if order is None:
            # Of a list in its usual order, whose cursors do without.
            return sa.null()
        keys = [order_key(view, table, name, sqlite=self._sqlite) for name, _ in order.keys]
        return keys[0] if order.then is None else self._array(*keys)

    def _nested(
        self, view: View, parent: sa.FromClause, listed: Listed, wanted: Wanted, *, many: bool
    ) -> sa.ColumnElement[Any]:
        lists = view.lists[listed.name]
        if many and lists.total is not None and listed.page is not None and not listed.page.is_read:
            return lists.total(parent)
        child = VIEWS[lists.view]
        table = child.table.alias()
        joined, belongs, key = lists.joined(parent, table)
        query = sa.select().select_from(joined).where(belongs, *self._visible(child, table)).correlate(parent)
        if self._audience not in lists.audiences:
            query = query.where(sa.false())
        request = PageRequest() if listed.page is None else wanted.pages[listed.page.place]
        order = request.order
        if listed.page is not None:
            among = self._among(child, table, listed.page, wanted)
            query = query.where(*among, *self._matching(table, listed.page, wanted))

        def read(page: Paged | None) -> sa.ScalarSelect[Any]:
            names = [] if order is None else [name for name, _ in order.keys]
            # What ends a list is put in its order once it is picked.
            placed = lists.key if page is None and lists.picked is not None else ()
            picked = query.add_columns(*_picked(child, table, listed.selection, names, placed))
            if page is None:
                found = _whole(picked, lists, table, key)
            else:
                directed = [(column, lists.descending) for column in key]
                if order is not None:
                    directed = order_keys(table, order, request.tree)
                found = self._paged(picked, directed, page, wanted).subquery()
            return self._gathered(found, self._row(child, found, listed.selection, wanted, order))

        parts = table if child.in_parts else None
        found = self._nestable(read(None) if listed.page is None else self._page(query, listed.page, read, parts))
        return found if lists.present is None else sa.case((parent.c[lists.present].is_not(None), found))

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
        key: Sequence[Directed],
        page: Paged,
        wanted: Wanted,
    ) -> sa.Select[Any]:
        """Do as `keyset.paged`, with parameters in the place of values; one row more only where it peeks."""
        place, extra = page.place, int(page.peeks)
        request = wanted.pages[place]
        if request.after is not None:
            after = self._position(f"after_{place}", key, self._after(place))
            query = query.where(beyond(key, after, forward=True))
        if request.before is not None:
            before = self._position(f"before_{place}", key, lambda values: values.wanted.pages[place].before)
            query = query.where(beyond(key, before, forward=False))
        size = self._parameter(f"size_{place}", sa.Integer(), lambda values: values.wanted.pages[place].size + extra)
        return query.order_by(*(_directed(column, down=down is not request.backward) for column, down in key)).limit(
            size
        )

    @staticmethod
    def _after(place: int) -> Callable[[Values], Any]:
        return lambda values: values.wanted.pages[place].after

    def _position(
        self, name: str, key: Sequence[Directed], find: Callable[[Values], Any]
    ) -> list[sa.ColumnElement[Any]]:
        return [self._bound(f"{name}_{at}", column, find, at) for at, (column, _) in enumerate(key)]

    def _bound(
        self, name: str, column: sa.ColumnElement[Any], find: Callable[[Values], Any], at: int
    ) -> sa.ColumnElement[Any]:
        if isinstance(column.type, UtcDateTime):
            return self._parameter(name, column.type, lambda values: parse_iso(flat(find(values))[at]))
        if isinstance(column.type, SeverityRank):
            return self._parameter(name, column.type, lambda values: Severity(flat(find(values))[at]))
        return self._parameter(name, column.type, lambda values: flat(find(values))[at])

    def _parameter(self, name: str, kind: Any, find: Callable[[Values], Any]) -> sa.BindParameter[Any]:
        to_driver = kind.dialect_impl(self._dialect).bind_processor(self._dialect)
        self._values[name] = find if to_driver is None else lambda values: to_driver(find(values))
        return sa.bindparam(name, type_=kind)


def _picked(
    view: View, table: sa.FromClause, selection: Selection, order: Sequence[str] = (), placed: Sequence[str] = ()
) -> list[sa.ColumnElement[Any]]:
    """Return the columns that a selection is made of; what belongs to a row is found by its id."""
    chosen = [order if name == ORDER_KEY else [name.removesuffix(EXACT)] for name in selection.columns]
    names = [name for each in chosen for name in each]
    needed = [column for name in names for column in (view.found[name].columns if name in view.found else (name,))]
    lists = [view.lists[listed.name] for listed in selection.lists]
    needed += view.in_parts
    carried: list[str] = [name for each in lists for name in (*each.carried, each.present) if name is not None]
    # Rows that have no id have no lists either; some column has to be named even where they are only counted.
    return [table.c[name] for name in dict.fromkeys((*needed, "id", *placed, *carried)) if name in table.c] or [
        next(iter(table.c))
    ]


def _whole(
    picked: sa.Select[Any], lists: Lists, table: sa.FromClause, key: Sequence[sa.ColumnElement[Any]]
) -> sa.Subquery:
    """Return all rows of a list in their order, or those that it ends with."""
    if lists.picked is None:
        return picked.order_by(*(_directed(column, down=lists.descending) for column in key)).subquery()
    ends = picked.order_by(*lists.picked(table)).limit(sa.literal_column(str(lists.most))).subquery()
    ordered = [_directed(ends.c[name], down=lists.descending) for name in lists.key]
    return sa.select(*ends.c).order_by(*ordered).subquery()


def _one_among(place: int, at: int, number: int) -> Callable[[Values], Any]:
    return lambda values: padded(values.wanted.pages[place].among[at][1])[number]


def _constant(value: Any) -> Callable[[Values], Any]:
    return lambda _: value


def _directed(column: sa.ColumnElement[Any], *, down: bool) -> sa.ColumnElement[Any]:
    return column.desc() if down else column.asc()
