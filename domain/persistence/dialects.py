"""All differences between SQLite and PostgreSQL in statements; those of connections are in `engines`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from domain.model.incident import Severity
from domain.model.series import TimeBucket
from domain.model.words import Word
from domain.persistence.prepared import Prepared, among
from domain.persistence.tables import search_entries
from domain.persistence.types import Json, SeverityRank, UtcDateTime

#: Serialises appenders to the log until they commit, so that numbers appear in commit order.
_LOG_LOCK = 0x1C1DE27
_LOCK = sa.func.pg_advisory_xact_lock(sa.literal_column(str(_LOG_LOCK), sa.BigInteger))
_LOCK_LOG = Prepared(lambda _: sa.select(_LOCK))
#: Serialises new relations of incidents.
_RELATIONS_LOCK = sa.literal_column(str(_LOG_LOCK + 1), sa.BigInteger)
#: SQLite's index of words, which is no table of the metadata.
_SEARCH_WORDS = sa.table("search_words", sa.column("rowid", sa.Integer))
_SEARCHED: sa.ColumnElement[str] = sa.literal_column("search_words", sa.String)


def literal(text: str) -> sa.ColumnElement[str]:
    """Return a text that stands in the statement itself, because it is the same for everybody."""
    return sa.literal_column(f"'{text}'", sa.String)


def is_sqlite(connection: AsyncConnection) -> bool:
    """Return whether the connection is to SQLite."""
    return connection.dialect.name == "sqlite"


def insert_or_ignore(connection: AsyncConnection, table: sa.Table, values: Mapping[str, Any]) -> Any:
    """Return an INSERT that does nothing where a unique value is taken; it waits for an uncommitted rival first."""
    insert = sqlite_dialect.insert if is_sqlite(connection) else postgresql.insert
    return insert(table).values(**values).on_conflict_do_nothing()


def insert_many_or_ignore(connection: AsyncConnection, table: sa.Table) -> Any:
    """Return an INSERT of many rows that skips those whose unique values are taken."""
    insert = sqlite_dialect.insert if is_sqlite(connection) else postgresql.insert
    return insert(table).on_conflict_do_nothing()


def upsert(connection: AsyncConnection, table: sa.Table, values: Mapping[str, Any], *, keys: Sequence[str]) -> Any:
    """Return an INSERT that overwrites an existing row with these keys."""
    insert = sqlite_dialect.insert if is_sqlite(connection) else postgresql.insert
    statement = insert(table).values(**values)
    kept = {name: statement.excluded[name] for name in values if name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=kept)


def insert_once(table: sa.Table, *, sqlite: bool, rows: sa.Select[Any], names: Sequence[str]) -> Any:
    """Return an INSERT of a query's rows that skips those whose unique values are taken.

    It waits for uncommitted rivals first, in the order of the rows.
    """
    return _insert(table, sqlite=sqlite).from_select(list(names), rows).on_conflict_do_nothing()


def upsert_of(table: sa.Table, keys: Sequence[str], columns: Sequence[str], *, sqlite: bool) -> Any:
    """Return an INSERT of these columns that overwrites an existing row with the same keys."""
    statement = _insert(table, sqlite=sqlite)
    kept = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=kept)


def locking_insert(table: sa.Table, keys: Sequence[str], *, sqlite: bool) -> Any:
    """Return an INSERT that leaves a row with these keys as it is, and locks it until the commit.

    DO NOTHING would not wait for a rival that deletes the row.
    """
    return _insert(table, sqlite=sqlite).on_conflict_do_update(
        index_elements=list(keys), set_={keys[0]: table.c[keys[0]]}
    )


def inserted_or_counted(table: sa.Table, keys: Sequence[str], *, count: str, latest: str, sqlite: bool) -> Any:
    """Return an INSERT of a row; where one has these keys, it is counted there, as of the new row's latest moment."""
    statement = _insert(table, sqlite=sqlite)
    counted = {count: table.c[count] + sa.literal_column("1", sa.Integer), latest: statement.excluded[latest]}
    return statement.on_conflict_do_update(index_elements=list(keys), set_=counted)


def count_up(connection: AsyncConnection, table: sa.Table, *, caller: str, hour: datetime, most: int) -> Any:
    """Return an INSERT with a caller's first request of an hour; in a row of theirs it is one more, up to `most`.

    Of each caller the latest hour alone is counted. It returns the count, or nothing.
    """
    statement = _insert(table, sqlite=is_sqlite(connection)).values(caller=caller, hour=hour, count=1)
    is_later, present = statement.excluded.hour > table.c.hour, table.c["count"]
    anew = {
        "hour": sa.case((is_later, statement.excluded.hour), else_=table.c.hour),
        "count": sa.case((is_later, 1), else_=present + 1),
    }
    free = sa.or_(is_later, present < most)
    return statement.on_conflict_do_update(index_elements=["caller"], set_=anew, where=free).returning(present)


@cache
def upsert_of_rows(table: sa.Table, keys: tuple[str, ...], *, sqlite_has_it: bool) -> Any:
    """Return an INSERT of whole rows that overwrites rows with the same keys; it is cached, as building it is slow."""
    return upsert_of(table, keys, [column.name for column in table.c], sqlite=sqlite_has_it)


def _insert(table: sa.Table, *, sqlite: bool) -> Any:
    return sqlite_dialect.insert(table) if sqlite else postgresql.insert(table)


async def lock_rows(
    connection: AsyncConnection, table: sa.Table, ids: Sequence[str], *, referable: bool = False
) -> None:
    """Lock these rows until the commit, in the order of ids; SQLite's single writer has them already.

    With `referable`, other transactions may still write rows that refer to them.
    """
    if not is_sqlite(connection):
        await _locking(table, referable=referable).rows(connection, {"ids": list(ids)})


@cache
def _locking(table: sa.Table, *, referable: bool) -> Prepared:
    def chosen(*, sqlite: bool) -> sa.Select[Any]:
        rows = sa.select(table.c.id).where(among(table.c.id, "ids", sqlite=sqlite))
        return rows.order_by(table.c.id).with_for_update(key_share=referable)

    return Prepared(lambda sqlite: chosen(sqlite=sqlite))


def keep_apart(connection: AsyncConnection, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return the query with row locks, until the commit, against deletion and against the same query elsewhere.

    Unlike `lock_rows` it lets other transactions refer to them meanwhile (PostgreSQL's FOR NO KEY UPDATE).
    """
    return statement if is_sqlite(connection) else statement.with_for_update(key_share=True)


async def lock_log(connection: AsyncConnection) -> None:
    """Lock the log against other appenders until the commit, so that numbers appear in commit order.

    PostgreSQL assigns numbers before the commit, so a later commit could overtake an earlier one.
    """
    if not is_sqlite(connection):
        await _LOCK_LOG.rows(connection, {})


async def lock_relations(connection: AsyncConnection, *, shared: bool) -> None:
    """Lock the relations of incidents until the commit, alone or together with others that share the lock."""
    if not is_sqlite(connection):
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        await connection.execute(sa.select(lock(_RELATIONS_LOCK)))


def append_one(table: sa.Table, columns: Sequence[str], *, sqlite: bool) -> Any:
    """Return an INSERT of one row of these columns that locks the log first, as `lock_log` does."""
    if sqlite:
        return sa.insert(table)
    # The number is drawn for a row that comes out of this query, and so after the lock.
    locked = sa.select(_LOCK.label("locked")).subquery("locked")
    values = [sa.bindparam(name, type_=table.c[name].type) for name in columns]
    return sa.insert(table).from_select(list(columns), sa.select(*values).select_from(locked))


def keep_shared(statement: sa.Select[Any], *, sqlite: bool) -> sa.Select[Any]:
    """Return the query with locks against deletion of its rows until the commit."""
    return statement if sqlite else statement.with_for_update(read=True, key_share=True)


def query_of_word(dialect: sa.Dialect, word: Word) -> str:
    """Return the search for all parts of this word, the last one as a prefix if so wanted, as the index takes it."""
    if dialect.name == "sqlite":
        return " AND ".join(f'"{part}"' for part in word.parts) + "*" * word.prefix
    return " & ".join(f"'{part}'" for part in word.parts) + ":*" * word.prefix


def word_condition(dialect: sa.Dialect, query: str | sa.BindParameter[str]) -> sa.ColumnElement[bool]:
    """Return a condition for search entries that a word's query finds."""
    if dialect.name == "sqlite":
        rows = sa.select(_SEARCH_WORDS.c.rowid).where(_SEARCHED.op("MATCH")(query))
        return search_entries.c.id.in_(rows)
    wanted = sa.cast(query if isinstance(query, sa.BindParameter) else sa.literal(query), postgresql.TSQUERY)
    return sa.literal_column("search_entries.words", postgresql.TSVECTOR).bool_op("@@")(wanted)


#: The texts of a moment up to the length of a bucket, in SQLite's characters and PostgreSQL's form.
_UP_TO = {
    TimeBucket.HOUR: (13, "YYYY-MM-DD HH24"),
    TimeBucket.DAY: (10, "YYYY-MM-DD"),
    TimeBucket.WEEK: (10, "YYYY-MM-DD"),
    TimeBucket.MONTH: (7, "YYYY-MM"),
}


def bucket_text(dialect: sa.Dialect, moment: sa.ColumnElement[Any], bucket: TimeBucket) -> sa.ColumnElement[str]:
    """Return the text that all moments of a bucket share: the beginning of theirs, or the date of the Monday."""
    length, form = _UP_TO[bucket]
    if dialect.name == "sqlite":
        text: sa.ColumnElement[str] = sa.func.substr(moment, sa.literal_column("1"), sa.literal_column(str(length)))
        if bucket is TimeBucket.WEEK:
            # Six days back and on to a Monday: that day itself, or the last one before it.
            return sa.func.date(text, literal("-6 days"), literal("weekday 1"))
        return sa.type_coerce(text, sa.String)
    local = sa.func.timezone(literal("UTC"), moment)
    if bucket is TimeBucket.WEEK:
        local = sa.func.date_trunc(literal("week"), local)
    return sa.func.to_char(local, literal(form))


def milliseconds_between(
    dialect: sa.Dialect, start: sa.ColumnElement[Any], end: sa.ColumnElement[Any]
) -> sa.ColumnElement[int]:
    """Return the whole milliseconds between two moments."""
    if dialect.name == "sqlite":
        return _milliseconds(end) - _milliseconds(start)
    seconds = sa.extract("epoch", end) - sa.extract("epoch", start)
    return sa.cast(seconds * sa.literal_column("1000", sa.Integer), sa.BigInteger)


def _milliseconds(moment: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    seconds = sa.cast(sa.func.strftime(literal("%s"), moment), sa.BigInteger)
    parts = sa.func.substr(moment, sa.literal_column("21"), sa.literal_column("3"))
    return seconds * sa.literal_column("1000", sa.Integer) + sa.cast(parts, sa.BigInteger)


def one_of_texts(dialect: sa.Dialect, column: sa.ColumnElement[str], texts: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return whether a column is one of these texts, however many they are: they are one parameter."""
    if dialect.name == "sqlite":
        return column.in_(sa.select(sa.func.json_each(sa.literal(list(texts), Json)).table_valued("value").c.value))
    return column == sa.any_(sa.literal(list(texts), postgresql.ARRAY(sa.Text)))


def recorded_value(dialect: sa.Dialect, element: Any, kind: sa.types.TypeEngine[Any]) -> sa.ColumnElement[Any]:
    """Return a value of a recorded state as a column of that kind has it."""
    text: sa.ColumnElement[str] = element.as_string()
    if isinstance(kind, SeverityRank):
        ranks = {severity.value: sa.literal_column(str(severity.rank), sa.Integer) for severity in Severity}
        return sa.type_coerce(sa.case(ranks, value=text), kind)
    if not isinstance(kind, UtcDateTime):
        number: sa.ColumnElement[int] = element.as_integer()
        return number if isinstance(kind, sa.Integer) else text
    if dialect.name == "sqlite":
        spaced = sa.func.replace(text, literal("T"), literal(" "))
        return sa.type_coerce(sa.func.replace(spaced, literal("Z"), literal("000")), kind)
    return sa.type_coerce(sa.cast(text, postgresql.TIMESTAMP(timezone=True)), kind)


class IsListed(FunctionElement[bool]):
    """The condition that a JSON list has a text: `IsListed(text, list)`."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(IsListed, "sqlite")
def _in_json_each(element: IsListed, compiler: SQLCompiler, **options: Any) -> str:
    text, listed = (compiler.process(each, **options) for each in element.clauses)
    return f"{text} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 - two columns


@compiles(IsListed, "postgresql")
def _in_json_array(element: IsListed, compiler: SQLCompiler, **options: Any) -> str:
    text, listed = (compiler.process(each, **options) for each in element.clauses)
    return f"{text} IN (SELECT jsonb_array_elements_text({listed}))"


def json_object_has(
    dialect: sa.Dialect, column: Any, key: str | sa.BindParameter[str], values: Sequence[Any]
) -> sa.ColumnElement[bool]:
    """Return whether the JSON object in that column has a key, with one of the values if there are any."""
    if dialect.name == "sqlite":
        entries = sa.func.json_each(column).table_valued("key", "value")
        held = sa.and_(entries.c.key == key, entries.c.value.in_(values) if values else sa.true())
        return sa.exists(sa.select(sa.literal(1)).select_from(entries).where(held))
    value: sa.ColumnElement[Any] = sa.cast(column, postgresql.JSONB).op("->>", return_type=sa.String())(
        sa.cast(key, sa.Text)
    )
    return sa.func.coalesce(value.in_(values), sa.false()) if values else value.is_not(None)


def json_list_has(
    dialect: sa.Dialect, column: Any, key: str | None = None, values: Sequence[Any] = ()
) -> sa.ColumnElement[bool]:
    """Return whether the JSON list in that column holds an object with one of the texts under a key, or anything.

    An absent list holds nothing.
    """
    if dialect.name == "sqlite":
        entries = sa.func.json_each(column).table_valued("value")
        held: sa.ColumnElement[Any] = sa.func.json_extract(entries.c.value, sa.literal_column(f"'$.{key}'"))
    else:
        whole = sa.cast(column, postgresql.JSONB)
        is_list = sa.func.jsonb_typeof(whole) == literal("array")
        listed = sa.case((is_list, whole), else_=sa.literal_column("'[]'::jsonb"))
        entries = sa.func.jsonb_array_elements(listed).table_valued(sa.column("value", postgresql.JSONB))
        held = entries.c.value.op("->>", return_type=sa.String())(sa.literal_column(f"'{key}'"))
    found = sa.select(sa.literal(1)).select_from(entries)
    return sa.exists(found if key is None else found.where(held.in_(values)))


def json_list_overlaps(
    dialect: sa.Dialect, column: Any, values: Sequence[str] | Sequence[sa.ColumnElement[str]]
) -> sa.ColumnElement[bool]:
    """Return whether the JSON list in that column holds any of the texts; an absent list holds none."""
    if dialect.name == "sqlite":
        entries = sa.func.json_each(column).table_valued("value")
        return sa.exists(sa.select(sa.literal(1)).select_from(entries).where(entries.c.value.in_(values)))
    # One parameter for all values, unless they are parameters or literals themselves.
    listed: Any = list(values)
    wanted = postgresql.array(listed) if listed and isinstance(listed[0], sa.ColumnElement) else listed
    held = sa.cast(column, postgresql.JSONB).bool_op("?|")(sa.cast(wanted, postgresql.ARRAY(sa.Text)))
    return sa.func.coalesce(held, sa.false())
