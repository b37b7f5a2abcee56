"""Statements that come again and again: made once, compiled once for each database, and in a write run on its driver.

From a statement to its driver, SQLAlchemy takes many times as long as SQLite does to run it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from domain.persistence.drivers import Driver
from domain.persistence.types import Json, json_text

Values = Mapping[str, Any]
#: The most rows of one kind that go together with a statement: its text depends on how many there are.
_FEW = 4
_VALUES = " VALUES "
_PLACE = re.compile(r"\$(\d+)")
#: The text of a statement, and the values of each of its runs, as one driver takes them.
Bound = tuple[str, list[list[Any]]]
_Convert = Callable[[Any], Any]
#: Names of values, each with its conversion if it needs one.
_Converts = Sequence[tuple[str, _Convert | None]]


class DirectConnection(AsyncConnection):
    """A connection for writes, whose transactions the driver begins, so that it can be asked directly within them."""

    #: The driver's own connection: asyncpg's, or one of `sqlite` that can be asked alike.
    driver: Any
    is_sqlite: bool
    #: New rows that go to PostgreSQL together with the next statement, because each message takes longer than the rows.
    _due: list[tuple[str, Sequence[list[Any]]]]

    @classmethod
    async def open(cls, engine: AsyncEngine) -> Self:
        """Take a connection out of the engine's pool."""
        connection = cls(engine)
        await connection.start()
        connection.driver = connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]
        connection.is_sqlite = connection.dialect.name == "sqlite"
        connection.insert_nothing()
        return connection

    def insert_nothing(self) -> None:
        """Forget the rows that are due."""
        self._due = []

    def insert_soon(self, text: str, rows: Sequence[list[Any]]) -> None:
        """Insert new rows at the latest with the next statement; nothing before that may depend on them."""
        if rows:
            self._due.append((text, rows))

    async def fetch(self, text: str, parameters: Sequence[Any], *, joins: bool = False) -> Sequence[Any]:
        """Run a statement and return its rows; one that inserts rows as well may join those that are due."""
        if self._due and not joins:
            await self._insert_due()
        if self._due:
            due, self._due = [*self._due, (text, [parameters])], []
            text = _together(tuple((each, len(rows)) for each, rows in due))
            parameters = [value for _, rows in due for row in rows for value in row]
        found: Sequence[Any] = await driver_of(self).fetch(text, *parameters)
        return found

    async def run_many(self, text: str, rows: Sequence[list[Any]]) -> None:
        """Run a statement once for each of these lists of parameters."""
        if self._due:
            await self._insert_due()
        await driver_of(self).executemany(text, rows)

    async def _insert_due(self) -> None:
        due, self._due = self._due, []
        text = _together(tuple((each, len(rows)) for each, rows in due))
        await driver_of(self).fetch(text, *[value for _, rows in due for row in rows for value in row])

    # What runs through SQLAlchemy comes after the rows that are due, too; `scalar` and `scalars` call `execute`.
    @override
    async def execute(self, *arguments: Any, **options: Any) -> Any:
        if self._due:
            await self._insert_due()
        return await super().execute(*arguments, **options)

    @override
    async def run_sync(self, *arguments: Any, **options: Any) -> Any:
        if self._due:
            await self._insert_due()
        return await super().run_sync(*arguments, **options)


@lru_cache(maxsize=200)
def _together(inserts: tuple[tuple[str, int], ...]) -> str:
    """Return one statement of PostgreSQL for INSERTs of so many rows each, of which the last one may return any."""
    parts, count = [], 0
    for text, rows in inserts:
        head, separator, values = text.partition(_VALUES)
        width = max(int(number) for number in _PLACE.findall(text))
        moved = [_PLACE.sub(partial(_moved, count + width * row), values) for row in range(rows)]
        # In statements of their own, rows would not be numbered in their order.
        parts.append(_PLACE.sub(partial(_moved, count), head) + separator + ", ".join(moved))
        count += width * rows
    due = ", ".join(f"due_{number} AS ({part})" for number, part in enumerate(parts[:-1]))
    return f"WITH {due} {parts[-1]}" if due else parts[-1]


def _moved(by: int, place: re.Match[str]) -> str:
    return f"${int(place[1]) + by}"


class _Text:
    """A statement as one driver takes it."""

    def __init__(self, text: str, parameters: _Converts, columns: _Converts, fixed: Values) -> None:
        self.text = text
        #: The values that the statement itself gives to some of its parameters.
        self._fixed = fixed
        names = [name for name, _ in parameters]
        # With one name alone, a getter would return no tuple.
        self._pick = itemgetter(*names) if len(names) > 1 else lambda values: [values[name] for name in names]
        self._to_driver = _converted(parameters)
        self._columns = [name for name, _ in columns]
        self._from_driver = _converted(columns)

    def to_driver(self, values: Values) -> list[Any]:
        picked = list(self._pick({**self._fixed, **values} if self._fixed else values))
        for place, convert in self._to_driver:
            picked[place] = convert(picked[place])
        return picked

    def from_driver(self, row: Sequence[Any]) -> dict[str, Any]:
        found = list(row)
        for place, convert in self._from_driver:
            found[place] = convert(found[place])
        return dict(zip(self._columns, found, strict=True))


def _converted(converts: _Converts) -> list[tuple[int, _Convert]]:
    return [(place, convert) for place, (_, convert) in enumerate(converts) if convert is not None]


class Prepared:
    """A statement with named parameters; `make` returns it for SQLite or for PostgreSQL.

    `columns` are those that an INSERT without values of its own gets.
    """

    def __init__(self, make: Callable[[bool], Any], columns: Sequence[str] | None = None) -> None:
        self._make = make
        self._columns = columns
        self._statements: dict[str, Any] = {}
        self._texts: dict[str, _Text] = {}

    async def run(self, connection: AsyncConnection, values: Values) -> None:
        """Run the statement, which returns nothing."""
        await self.run_many(connection, [values])

    async def run_many(self, connection: AsyncConnection, rows: Sequence[Values]) -> None:
        """Run the statement once for each of these values."""
        if not isinstance(connection, DirectConnection):
            await connection.execute(self._statement(connection.dialect), list(rows))
            return
        await run_bound(connection, self.bound(connection.dialect, rows))

    def bound(self, dialect: sa.Dialect, rows: Iterable[Values]) -> Bound:
        """Return the statement with these values, to be run once for each of them by `run_bound`."""
        text = self._text(dialect)
        return text.text, [text.to_driver(values) for values in rows]

    async def insert(self, connection: AsyncConnection, rows: Sequence[Values]) -> None:
        """Insert new rows by the statement; a few of them go to PostgreSQL together with the next statement."""
        if isinstance(connection, DirectConnection) and not connection.is_sqlite and len(rows) <= _FEW:
            text = self._text(connection.dialect)
            connection.insert_soon(text.text, [text.to_driver(values) for values in rows])
        elif rows:
            await self.run_many(connection, rows)

    async def rows(
        self, connection: AsyncConnection, values: Values, *, joins: bool = False
    ) -> Sequence[Mapping[Any, Any]]:
        """Run the statement and return its rows by the names of their columns.

        `joins` is for one that inserts new rows, and may do so together with `insert`.
        """
        if not isinstance(connection, DirectConnection):
            return (await connection.execute(self._statement(connection.dialect), values)).mappings().all()
        text = self._text(connection.dialect)
        found = await connection.fetch(text.text, text.to_driver(values), joins=joins)
        return [text.from_driver(row) for row in found]

    async def value(self, connection: AsyncConnection, values: Values, *, joins: bool = False) -> Any:
        """Run the statement and return the first value of its first row; None without rows."""
        found = await self.rows(connection, values, joins=joins)
        return next(iter(found[0].values())) if found else None

    async def glance(self, driver: Driver, dialect: sa.Dialect, values: Values) -> Any:
        """Run the statement, which has one row, on a driver outside of transactions, and return its first value."""
        text = self._text(dialect)
        row = await driver.fetch(text.text, text.to_driver(values))
        return next(iter(text.from_driver(row).values()))

    def _statement(self, dialect: sa.Dialect) -> Any:
        statement = self._statements.get(dialect.name)
        if statement is None:
            statement = self._statements[dialect.name] = self._make(dialect.name == "sqlite")
        return statement

    def _text(self, dialect: sa.Dialect) -> _Text:
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = self._compiled(dialect)
        return text

    def _compiled(self, dialect: sa.Dialect) -> _Text:
        statement = self._statement(dialect)
        compiled: Any = statement.compile(dialect=dialect, column_keys=self._columns)
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup]
        return _Text(
            text=compiled.string,
            parameters=[(name, _to_driver(bind.type, dialect)) for name, bind in binds],
            columns=[
                (column.key, _of(column.type, dialect).result_processor(dialect, None))
                for column in statement.exported_columns
            ],
            fixed={name: bind.value for name, bind in binds if not bind.required},
        )


async def run_bound(connection: AsyncConnection, bound: Bound) -> None:
    """Run a statement of a write that was bound before, perhaps in another process."""
    assert isinstance(connection, DirectConnection), "only in writes is the driver asked directly"
    text, rows = bound
    if rows:
        await connection.run_many(text, rows)


def _of(kind: Any, dialect: sa.Dialect) -> Any:
    return kind.dialect_impl(dialect)


def _to_driver(kind: Any, dialect: sa.Dialect) -> _Convert | None:
    # As the library's own does it, without its ways to tell JSON's null from SQL's.
    found: _Convert | None = json_text if isinstance(kind, sa.JSON) else _of(kind, dialect).bind_processor(dialect)
    return found


def driver_of(connection: AsyncConnection) -> Any:
    """Return the driver's own connection: asyncpg's, or one of `sqlite` that can be asked alike."""
    if isinstance(connection, DirectConnection):
        return connection.driver
    return connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]


def among(column: sa.ColumnElement[str], name: str, *, sqlite: bool) -> sa.ColumnElement[bool]:
    """Return whether a column is one of the texts in the parameter of that name, however many they are."""
    if not sqlite:
        return column == sa.any_(_texts(name))
    return column.in_(sa.select(each_of(name, sqlite=True)))


def each_of(name: str, *, sqlite: bool) -> sa.ColumnElement[str]:
    """Return a column with each of the texts in the parameter of that name."""
    if not sqlite:
        return sa.func.unnest(_texts(name)).column_valued()
    return sa.func.json_each(sa.bindparam(name, type_=Json)).table_valued("value").c.value


def _texts(name: str) -> sa.BindParameter[Any]:
    # text[], not varchar[]: the driver knows it without a query of the catalog on each connection.
    return sa.bindparam(name, type_=postgresql.ARRAY(sa.Text))
