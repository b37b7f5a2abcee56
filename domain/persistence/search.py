"""Text search: all words of a query must occur, the last one as a prefix, on either database alike."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.viewer import Audience, Visibility
from domain.model.words import query_of, words_of
from domain.persistence.dialects import query_of_word, upsert_of, word_condition
from domain.persistence.prepared import Bound, Prepared
from domain.persistence.tables import search_entries
from domain.persistence.types import Json

_COLUMNS = ("entry_id", "incident_id", "visibility", "body")
_PUT = Prepared(lambda sqlite: upsert_of(search_entries, ("entry_id",), _COLUMNS, sqlite=sqlite).inline(), _COLUMNS)
_INSERT = Prepared(lambda _: sa.insert(search_entries).inline(), _COLUMNS)
#: On SQLite: the entries of a list of lists, in one statement.
_INSERT_LIST = Prepared(lambda _: sa.insert(search_entries).from_select(_COLUMNS, _listed()).inline())
#: An entry of the index: its id, the incident, who may see it, and the text.
Entry = tuple[str, str, Visibility, str]


def queries_of(dialect: sa.Dialect, text: str) -> list[str]:
    """Return the search for each word of a text."""
    return [query_of_word(dialect, word) for word in query_of(text)]


def search_condition(
    dialect: sa.Dialect,
    queries: Sequence[str | sa.BindParameter[str]],
    audience: Audience,
    incident_id: sa.ColumnElement[str],
) -> sa.ColumnElement[bool]:
    """Return a condition for incidents whose header or visible timeline has every word; no words match nothing."""
    if not queries:
        return sa.false()
    seen: list[sa.ColumnElement[str]] = [
        sa.literal_column(f"'{visibility.value}'") for visibility in audience.visibilities
    ]
    found = []
    for query in queries:
        entries = sa.select(search_entries.c.incident_id).where(
            search_entries.c.visibility.in_(seen), word_condition(dialect, query)
        )
        found.append(incident_id.in_(entries))
    return sa.and_(*found)


def search_body(text: str) -> str:
    """Return the stored form of a text: its words, once each, in order of appearance; never empty."""
    return " ".join(dict.fromkeys(words_of(text))) or "-"


def searched_words(*texts: str | None) -> str:
    """Return the words of texts as a column of their own row has them: once each, a space before and behind each."""
    return f" {search_body(' '.join(filter(None, texts)))} "


def has_words(column: sa.ColumnElement[str], text: str) -> sa.ColumnElement[bool]:
    """Return a condition for rows whose words, as of `searched_words`, have all of a text; no words match nothing.

    It finds what the index of incidents would, by a walk of the rows: for tables that are short.
    """
    words = query_of(text)
    if not words:
        return sa.false()
    found: list[sa.ColumnElement[bool]] = []
    for word in words:
        *whole, last = word.parts
        parts = [*(f" {part} " for part in whole), f" {last}" if word.prefix else f" {last} "]
        found.extend(column.contains(part, autoescape=True) for part in parts)
    return sa.and_(*found)


class SearchRepository:
    """The searchable words of incidents and their timelines."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, *, entry_id: str, incident_id: str, visibility: Visibility, text: str) -> None:
        """Index this text under that entry, in place of its former text."""
        values = {
            "entry_id": entry_id,
            "incident_id": incident_id,
            "visibility": visibility,
            "body": search_body(text),
        }
        await _PUT.run(self._connection, values)

    async def insert_many(self, entries: Sequence[Entry]) -> None:
        """Index new texts."""
        rows = [
            {"entry_id": entry_id, "incident_id": incident_id, "visibility": visibility, "body": search_body(text)}
            for entry_id, incident_id, visibility, text in entries
        ]
        await _INSERT.insert(self._connection, rows)

    async def remove(self, entry_id: str) -> None:
        """Remove the text of that entry from the index."""
        await self._connection.execute(sa.delete(search_entries).where(search_entries.c.entry_id == entry_id))


def bound_texts(dialect: sa.Dialect, entries: Iterable[Entry]) -> Bound:
    """Return the statement that indexes the texts of a history."""
    rows = [(entry_id, incident_id, visibility, _body_of(text)) for entry_id, incident_id, visibility, text in entries]
    if dialect.name != "sqlite":
        return _INSERT.bound(dialect, (dict(zip(_COLUMNS, row, strict=True)) for row in rows))
    # At the start of each statement, SQLite writes the words of the one before as a part of the index of its own: one
    # statement to a text takes three times as long as one to all of them, and then the parts have to be merged.
    return _INSERT_LIST.bound(dialect, [{"entries": rows}] if rows else [])


@lru_cache(maxsize=1000)
def _body_of(text: str) -> str:
    """Return the stored form of a text of a history, which says much the same again and again."""
    return search_body(text)


def _listed() -> sa.Select[Any]:
    rows = sa.func.json_each(sa.bindparam("entries", type_=Json)).table_valued("value", "key")
    fields: list[sa.ColumnElement[Any]] = [
        sa.func.json_extract(rows.c.value, f"$[{place}]", type_=sa.Text) for place in range(len(_COLUMNS))
    ]
    return sa.select(*fields).select_from(rows).order_by(rows.c.key)
