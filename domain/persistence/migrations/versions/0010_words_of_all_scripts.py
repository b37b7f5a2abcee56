"""Search finds words without accents, words in scripts without spaces, and emoji: all words are rewritten."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

# It uses the present code's words: a change of how words are made needs another migration like this one.
from domain.persistence.search import search_body

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Texts in memory at once, of up to 25,000 characters each.
_BATCH = 500
_BEFORE = (
    "DROP TRIGGER search_entries_insert",
    "DROP TRIGGER search_entries_delete",
    "DROP TRIGGER search_entries_update",
    "DROP TABLE search_words",
    # Words come split already. This tokenizer splits at spaces, and leaves whatever is not ASCII as it is; the former
    # one knew the letters of an old Unicode, and took marks and emoji for spaces.
    "CREATE VIRTUAL TABLE search_words USING fts5("
    "body, content='search_entries', content_rowid='id', tokenize='ascii')",
)
_AFTER = (
    "CREATE TRIGGER search_entries_insert AFTER INSERT ON search_entries BEGIN "
    "INSERT INTO search_words(rowid, body) VALUES (new.id, new.body); END",
    "CREATE TRIGGER search_entries_delete AFTER DELETE ON search_entries BEGIN "
    "INSERT INTO search_words(search_words, rowid, body) VALUES ('delete', old.id, old.body); END",
    "CREATE TRIGGER search_entries_update AFTER UPDATE OF body ON search_entries BEGIN "
    "INSERT INTO search_words(search_words, rowid, body) VALUES ('delete', old.id, old.body); "
    "INSERT INTO search_words(rowid, body) VALUES (new.id, new.body); END",
)
_INDEX = "INSERT INTO search_words(rowid, body) SELECT id, body FROM search_entries WHERE id > :above AND id <= :last"
# An entry is that of an incident's header or that of an update, and has the id of either.
_TEXTS = """
    SELECT entry.id, header.number, header.title, header.description, timeline.message
    FROM search_entries AS entry
    LEFT JOIN incidents AS header ON header.id = entry.entry_id
    LEFT JOIN incident_updates AS timeline ON timeline.id = entry.entry_id
    WHERE entry.id > :above ORDER BY entry.id LIMIT :batch
"""
#: So that no process that still runs writes another text between reading it and writing its words.
_LOCKED = " FOR UPDATE OF entry"


def upgrade() -> None:
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    for statement in _BEFORE if sqlite else ():
        op.execute(statement)
    texts = sa.text(_TEXTS if sqlite else _TEXTS + _LOCKED)
    above = 0
    while rows := connection.execute(texts, {"above": above, "batch": _BATCH}).all():
        bodies = [{"entry": row.id, "body": search_body(_text(row))} for row in rows]
        connection.execute(sa.text("UPDATE search_entries SET body = :body WHERE id = :entry"), bodies)
        if sqlite:
            connection.execute(sa.text(_INDEX), {"above": above, "last": rows[-1].id})
        above = rows[-1].id
    # PostgreSQL plans by its statistics of the words: without them, a search before its own ANALYZE takes seconds.
    for statement in _AFTER if sqlite else ("ANALYZE search_entries",):
        op.execute(statement)


def _text(row: sa.Row[Sequence[object]]) -> str:
    if row.number is None:
        return str(row.message or "")
    return f"INC-{row.number} {row.title} {row.description or ''}"
