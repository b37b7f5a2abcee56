"""Statements that come again and again: made once, compiled once for each database, and in a write run on its driver.

From a statement to its driver, SQLAlchemy takes many times as long as SQLite does to run it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.persistence.types import Json

Values = Mapping[str, Any]
_Convert = Callable[[Any], Any]


class DirectConnection(AsyncConnection):
    """A connection for writes, whose transactions the driver begins, so that it can be asked directly within them."""

    #: The driver's own connection: asyncpg's, or one of `sqlite` that can be asked alike.
    driver: Any

    @classmethod
    async def open(cls, engine: AsyncEngine) -> Self:
        """Take a connection out of the engine's pool."""
        connection = cls(engine)
        await connection.start()
        connection.driver = (await connection.get_raw_connection()).driver_connection
        return connection


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement as one driver takes it."""

    text: str
    parameters: tuple[tuple[str, _Convert | None], ...]
    columns: tuple[tuple[str, _Convert | None], ...]
    #: The values that the statement itself gives to some of its parameters.
    fixed: Values

    def to_driver(self, values: Values) -> list[Any]:
        values = {**self.fixed, **values} if self.fixed else values
        return [values[name] if convert is None else convert(values[name]) for name, convert in self.parameters]

    def from_driver(self, row: Sequence[Any]) -> dict[str, Any]:
        return {
            name: value if convert is None else convert(value)
            for (name, convert), value in zip(self.columns, row, strict=True)
        }


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
        if not is_direct(connection):
            await connection.execute(self._statement(connection.dialect), list(rows))
            return
        text = self._text(connection.dialect)
        parameters = [text.to_driver(values) for values in rows]
        await driver_of(connection).executemany(text.text, parameters)

    async def rows(self, connection: AsyncConnection, values: Values) -> Sequence[Mapping[Any, Any]]:
        """Run the statement and return its rows by the names of their columns."""
        if not is_direct(connection):
            return (await connection.execute(self._statement(connection.dialect), values)).mappings().all()
        text = self._text(connection.dialect)
        found = await driver_of(connection).fetch(text.text, *text.to_driver(values))
        return [text.from_driver(row) for row in found]

    async def value(self, connection: AsyncConnection, values: Values) -> Any:
        """Run the statement and return the first value of its first row; None without rows."""
        found = await self.rows(connection, values)
        return next(iter(found[0].values())) if found else None

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
            parameters=tuple((name, _of(bind.type, dialect).bind_processor(dialect)) for name, bind in binds),
            columns=tuple(
                (column.key, _of(column.type, dialect).result_processor(dialect, None))
                for column in statement.exported_columns
            ),
            fixed={name: bind.value for name, bind in binds if not bind.required},
        )


def _of(kind: Any, dialect: sa.Dialect) -> Any:
    return kind.dialect_impl(dialect)


def is_direct(connection: AsyncConnection) -> bool:
    """Return whether the driver can be asked directly, within the transaction."""
    return isinstance(connection, DirectConnection)


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
    return sa.bindparam(name, type_=postgresql.ARRAY(sa.String))
