"""The reads of an inspection: whole tables in pages, and rows that contradict the schema or each other."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.automation_tables import automation_triggers
from domain.persistence.caller_tables import idempotency_keys
from domain.persistence.dialects import is_sqlite, literal
from domain.persistence.erasure_tables import erasures
from domain.persistence.log_tables import changes, entity_transitions, readers
from domain.persistence.tables import metadata, search_entries
from domain.persistence.visitor_tables import visitor_notices, visitor_subscriptions
from domain.persistence.webhook_tables import webhook_deliveries, webhooks

#: The most rows that are named for one rule of the schema; the first ones show what happened.
MOST_NAMED = 100
_PAGE = 500
#: Extended result codes have the primary one in their lowest byte.
_PRIMARY = 0xFF
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
#: Every column that holds a place in the log, with the columns that name its row.
_PLACES: Sequence[tuple[sa.Column[Any], Sequence[str]]] = (
    (readers.c.seq, ["name"]),
    (webhooks.c.after_seq, ["id"]),
    (webhooks.c.replay_until, ["id"]),
    (webhook_deliveries.c.seq, ["id"]),
    (visitor_subscriptions.c.after_seq, ["id"]),
    (visitor_notices.c.seq, ["change_id"]),
    (automation_triggers.c.since_seq, ["automation_id", "trigger_id"]),
    (erasures.c.since_seq, ["id"]),
    (idempotency_keys.c.seq, ["mutation", "key"]),
)

Row = sa.RowMapping


async def walk(
    connection: AsyncConnection, columns: Sequence[sa.Column[Any]], *, keys: Sequence[str], page: int = _PAGE
) -> AsyncIterator[Sequence[sa.RowMapping]]:
    """Yield all rows of a table in pages, in the order of unique columns that are among those read."""
    table = columns[0].table
    ordered = [table.c[name] for name in keys]
    statement = sa.select(*columns).order_by(*ordered).limit(page)
    last: sa.RowMapping | None = None
    while True:
        behind = statement if last is None else statement.where(_behind(ordered, last))
        rows = (await connection.execute(behind)).mappings().all()
        if not rows:
            return
        yield rows
        last = rows[-1]


async def walk_ids(connection: AsyncConnection, place: str) -> AsyncIterator[Sequence[str]]:
    """Yield the ids in a column such as `incidents.id` in pages."""
    table, _, column = place.partition(".")
    async for rows in walk(connection, [metadata.tables[table].c[column]], keys=[column]):
        yield [row[column] for row in rows]


async def log_bounds(connection: AsyncConnection) -> tuple[int, int, int]:
    """Return the number of changes in the log, and the first and the last place; zeros for an empty log."""
    places = sa.func.min(changes.c.seq), sa.func.max(changes.c.seq)
    count, first, last = (await connection.execute(sa.select(sa.func.count(), *places).select_from(changes))).one()
    return int(count), int(first or 0), int(last or 0)


async def log_holes(connection: AsyncConnection, *, apart: int) -> Sequence[tuple[int, int]]:
    """Return the first places on both sides of each hole in the log, but for those before a multiple of `apart`."""
    following = sa.func.lead(changes.c.seq).over(order_by=changes.c.seq).label("following")
    pairs = sa.select(changes.c.seq, following).subquery()
    is_hole = sa.and_(pairs.c.following != pairs.c.seq + 1, (pairs.c.following - 1) % apart != 0)
    found = sa.select(pairs.c.seq, pairs.c.following).where(is_hole).order_by(pairs.c.seq).limit(MOST_NAMED)
    return [(seq, later) for seq, later in await connection.execute(found)]


async def last_number(connection: AsyncConnection) -> int:
    """Return the last place that the database has given to a change; the next one gets a later one."""
    if is_sqlite(connection):
        found = await connection.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'changes'"))
        return int(found or 0)
    name = await connection.scalar(sa.select(sa.func.pg_get_serial_sequence("changes", "seq")))
    found = await connection.scalar(sa.text(f"SELECT last_value FROM {name}"))  # noqa: S608 - the database's own name
    return int(found or 0)


async def pictures_at(connection: AsyncConnection, seqs: Sequence[int]) -> dict[int, Any]:
    """Return the states after the changes at these places of the log."""
    found = await connection.execute(sa.select(changes.c.seq, changes.c.after).where(changes.c.seq.in_(seqs)))
    return {seq: after for seq, after in found}


async def last_transitions(connection: AsyncConnection, kind: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the value that each field of these entities took last, as their histories have it."""
    steps = entity_transitions.c
    of_kind = sa.and_(steps.kind == kind, steps.entity_id.in_(ids))
    last = sa.select(sa.func.max(steps.id)).where(of_kind).group_by(steps.entity_id, steps.field)
    statement = sa.select(steps.entity_id, steps.field, steps.to_value).where(steps.id.in_(last))
    values: dict[str, dict[str, str]] = {}
    for entity_id, field, value in await connection.execute(statement):
        values.setdefault(entity_id, {})[field] = value
    return values


async def changes_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, sa.RowMapping]:
    """Return of the changes with these ids what their transitions follow from."""
    columns = changes.c
    read = (columns.id, columns.kind, columns.entity_id, columns.prev, columns.next, columns.changed_fields)
    rows = (await connection.execute(sa.select(*read).where(columns.id.in_(ids)))).mappings()
    return {row["id"]: row for row in rows}


async def logged_ids(connection: AsyncConnection, kind: str, ids: Sequence[str]) -> set[str]:
    """Return those of the entities that the log has a change of."""
    found = sa.select(changes.c.entity_id).where(changes.c.kind == kind, changes.c.entity_id.in_(ids)).distinct()
    return set(await connection.scalars(found))


async def first_of_kind(connection: AsyncConnection, kind: str) -> Any:
    """Return when the log's first change of a kind was made; None without one."""
    first = sa.select(changes.c.occurred_at).where(changes.c.kind == kind).order_by(changes.c.seq).limit(1)
    return await connection.scalar(first)


async def orphans(connection: AsyncConnection) -> AsyncIterator[tuple[str, str, str]]:
    """Yield rows that refer to a row that is not there: the table, the row's key, and where it leads."""
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            child, parent = key.parent, key.column
            keys = list(table.primary_key)
            there = sa.exists().where(parent == child)
            lost = sa.select(*keys, child.label("leads_to")).where(child.is_not(None), ~there)
            for row in await connection.execute(lost.order_by(*keys).limit(MOST_NAMED)):
                yield table.name, " ".join(map(str, row[:-1])), f"{parent.table.name} {row[-1]}"


async def beyond(connection: AsyncConnection, head: int) -> AsyncIterator[tuple[str, str, int]]:
    """Yield places that lie beyond the log's head: the column, the row's key, and the place."""
    for column, names in _PLACES:
        named = [column.table.c[name] for name in names]
        for row in await connection.execute(sa.select(*named, column).where(column > head).limit(MOST_NAMED)):
            yield str(column), " ".join(map(str, row[:-1])), int(row[-1])


async def file_damage(connection: AsyncConnection) -> Sequence[str]:
    """Return what SQLite finds wrong with its own file; nothing on PostgreSQL."""
    if not is_sqlite(connection):
        return ()
    told = list(await connection.scalars(sa.text(f"PRAGMA integrity_check({MOST_NAMED})")))
    return [line for line in told if line != "ok"]


async def keys_of_others(connection: AsyncConnection) -> Sequence[tuple[str, str]]:
    """Return rows that SQLite finds to lead nowhere in tables that are not this program's own: those of the engine."""
    if not is_sqlite(connection):
        return ()
    rows = await connection.execute(sa.text("PRAGMA foreign_key_check"))
    found = [(str(row[0]), f"rowid {row[1]}") for row in rows if row[0] not in metadata.tables]
    return found[:MOST_NAMED]


async def unindexed(connection: AsyncConnection) -> Sequence[str]:
    """Return the entries of the search whose words are not in the index, and those of the index that are no entry's."""
    if is_sqlite(connection):
        # One row of this table of SQLite's own belongs to each text that is indexed.
        texts = sa.table("search_words_docsize", sa.column("id", sa.Integer))
        missing = sa.select(search_entries.c.entry_id).where(~sa.exists().where(texts.c.id == search_entries.c.id))
        extra = sa.select(literal("row ").concat(sa.cast(texts.c.id, sa.String))).where(
            ~sa.exists().where(search_entries.c.id == texts.c.id)
        )
        found = [
            *await connection.scalars(missing.limit(MOST_NAMED)),
            *await connection.scalars(extra.limit(MOST_NAMED)),
        ]
        return [str(each) for each in found]
    # PostgreSQL makes the words out of the text itself.
    return ()


async def missing_parts(connection: AsyncConnection) -> Sequence[str]:
    """Return the tables, columns and indexes of the schema that the database does not have."""
    return await connection.run_sync(lambda sync: list(_missing_parts(sa.inspect(sync))))


def _missing_parts(found: sa.Inspector) -> Iterator[str]:
    # Of all tables at once: PostgreSQL takes a statement for each otherwise.
    columns = {table: {each["name"] for each in of} for (_, table), of in found.get_multi_columns().items()}
    indexes = {table: {each["name"] for each in of} for (_, table), of in found.get_multi_indexes().items()}
    for table in metadata.sorted_tables:
        if table.name not in columns:
            yield f"table {table.name}"
            continue
        yield from (f"column {each}" for each in table.c if each.name not in columns[table.name])
        yield from (f"index {each.name}" for each in table.indexes if each.name not in indexes.get(table.name, set()))


def _behind(keys: Sequence[sa.Column[Any]], last: Row) -> sa.ColumnElement[bool]:
    values = [sa.literal(last[key.name], key.type) for key in keys]
    if len(keys) == 1:
        return keys[0] > values[0]
    return sa.tuple_(*keys) > sa.tuple_(*values)


def broken_file(error: BaseException | None) -> str | None:
    """Return what is wrong with a SQLite file that could not be read to its end; None for any other failure."""
    cause = getattr(error, "orig", error)
    code = getattr(cause, "sqlite_errorcode", None)
    return str(cause) if code is not None and code & _PRIMARY in _BROKEN else None
