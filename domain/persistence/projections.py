"""Selections as SQL: one statement for all that an operation reads, which makes it one snapshot by itself.

Each root is one column of the single row, as JSON: lists of values in the order of the selection, lists within them for
what belongs to a row. The text is made once for each form of a selection, and runs on the driver.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.filters import EVERYTHING
from domain.model.paging import PageRequest
from domain.model.selection import AllOf, NoneOf, OneOf, Root, Rows, Selection, SomeOf, Wanted
from domain.model.viewer import Audience
from domain.persistence.conditions import as_recorded
from domain.persistence.drivers import Driver
from domain.persistence.forms import form_of, padded
from domain.persistence.orders import form_of_order
from domain.persistence.prepared import driver_of
from domain.persistence.statements import Statement, StatementWriter, Values

#: PostgreSQL hands at most 100 arguments to a function, and each value of a row is one.
MOST_VALUES = 100
#: Forms of one selection that are kept: each page can go two ways, with two positions, and each id name another kind.
_MOST_FORMS = 16
#: Parameters of all forms that are kept, each of which takes half a kilobyte: those of a long filter are soon too many.
_MOST_PARAMETERS = 200
#: More JSON than this is left unread, because reading it and answering from it keeps the loop for long.
_MOST_CHARACTERS = 1_000_000


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
        #: What each root was asked for last, with its form and the values that it compares with.
        self._latest: list[tuple[Rows | None, Hashable, Sequence[Any]]] = [(None, None, ())] * len(self._roots)
        for root in self._roots:
            _check_width(root.selection)

    async def read(self, driver: Driver, wanted: Wanted) -> list[Any] | None:
        """Read what is wanted of each root; None where that is too much."""
        statement, parameters = self.statement(wanted)
        return self._loaded(await driver.fetch(statement.text, parameters, is_long=statement.is_long))

    def read_at_once(self, driver: Driver, wanted: Wanted) -> list[Any] | None:
        """Read what is short without waiting; None where it has to be waited for, or is too much."""
        statement, parameters = self.statement(wanted)
        row = None if statement.is_long else driver.fetch_at_once(statement.text, parameters)
        return None if row is None else self._loaded(row)

    async def read_in(self, connection: AsyncConnection, wanted: Wanted) -> list[Any] | None:
        """Read it in the transaction of a write, which sees what that has written; None where it is too much."""
        statement, parameters = self.statement(wanted)
        [columns] = await driver_of(connection).fetch(statement.text, *parameters)
        return self._loaded(tuple(columns))

    def _loaded(self, columns: Sequence[Any]) -> list[Any] | None:
        characters = 0
        for column, root in zip(columns, self._roots, strict=True):
            if isinstance(column, str):
                characters += len(column)
            elif column is None and root.page is not None:
                return None
        if characters > _MOST_CHARACTERS:
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
            statement = StatementWriter(self._audience, self._dialect).statement(self._roots, wanted)
            self._statements[form] = statement
        values = Values(wanted, compared)
        return statement, [value(values) for value in statement.parameters]

    def _form_of(self, wanted: Wanted) -> tuple[Hashable, list[Sequence[Any]]]:
        """Return what the text depends on, and what each filter compares with."""
        forms: list[Hashable] = []
        compared: list[Sequence[Any]] = []
        for place, rows in enumerate(wanted.rows):
            known, form, values = self._latest[place]
            # Rows in which no variable has a say are the same each time.
            if known is not rows:
                form, values = self._form_of_rows(rows)
                self._latest[place] = rows, form, values
            forms.append(form)
            compared.append(values)
        for page in wanted.pages:
            form, values = self._form_of_page(page)
            forms.append(form)
            compared.append(values)
        return tuple(forms), compared

    def _form_of_page(self, page: PageRequest) -> tuple[Hashable, Sequence[Any]]:
        among = tuple([(name, len(padded(values))) for name, values in page.among]) if page.among else None
        shape = page.backward, page.after is None, page.before is None, among
        if page.order is None and page.tree is EVERYTHING:
            return shape, ()
        form, values = form_of(page.tree, self._dialect)
        return (*shape, form, page.order and form_of_order(page.order, page.tree)), values

    def _form_of_rows(self, rows: Rows) -> tuple[Hashable, Sequence[Any]]:
        match rows:
            case OneOf(by=by, value=value):
                return by, (value,)
            case NoneOf():
                return None, ()
            case SomeOf(ids=ids):
                values = padded(ids)
                return len(values), values
            case AllOf(order=order, tree=tree, logged=logged, catalog=catalog):
                form, values = form_of(tree if logged is None else as_recorded(tree), self._dialect)
                # The values of a filter of systems stand in the statement: most are written in documents.
                return (form_of_order(order, tree), logged, catalog, form), values


def _check_width(selection: Selection) -> None:
    if len(selection.columns) + len(selection.lists) > MOST_VALUES:
        raise ValueError(f"a row may have {MOST_VALUES} values at most")
    for listed in selection.lists:
        _check_width(listed.selection)
