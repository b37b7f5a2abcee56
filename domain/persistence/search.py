"""Text search: lower-cased words, all must match, the last one as a prefix, on either database alike."""

import re
import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.viewer import Audience, Visibility
from domain.persistence.dialects import upsert, word_condition
from domain.persistence.tables import incidents, search_entries

_WORD = re.compile(r"[^\W_]+")
_WORD_LENGTH = 64
#: Further words of a query narrow nothing any more, and each costs a look-up.
_QUERY_WORDS = 10


def words_of(text: str) -> list[str]:
    """The words of a text as both databases see them: letters and digits, folded, 64 characters each at most."""
    return [word[:_WORD_LENGTH] for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())]


def search_condition(connection: AsyncConnection, text: str, audience: Audience) -> sa.ColumnElement[bool]:
    """Incidents whose header or visible timeline holds every word; a query without a word matches nothing."""
    words = words_of(text)[:_QUERY_WORDS]
    if not words:
        return sa.false()
    found = []
    for index, word in enumerate(words):
        entries = sa.select(search_entries.c.incident_id).where(
            search_entries.c.visibility.in_(audience.visibilities),
            word_condition(connection, word, prefix=index == len(words) - 1),
        )
        found.append(incidents.c.id.in_(entries))
    return sa.and_(*found)


def search_body(text: str) -> str:
    """What is stored for a text: its words, once each, in order of appearance; never empty."""
    return " ".join(dict.fromkeys(words_of(text))) or "-"


class SearchRepository:
    """The searchable words of incidents and their timelines."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def put(self, *, entry_id: str, incident_id: str, visibility: Visibility, text: str) -> None:
        """Make this text findable under that entry, in place of what it said before."""
        values = {
            "entry_id": entry_id,
            "incident_id": incident_id,
            "visibility": visibility,
            "body": search_body(text),
        }
        await self._connection.execute(upsert(self._connection, search_entries, values, keys=["entry_id"]))

    async def insert_many(self, entries: Sequence[tuple[str, str, Visibility, str]]) -> None:
        """Make new texts findable: (entry, incident, visibility, text) each."""
        rows = [
            {"entry_id": entry_id, "incident_id": incident_id, "visibility": visibility, "body": search_body(text)}
            for entry_id, incident_id, visibility, text in entries
        ]
        await self._connection.execute(sa.insert(search_entries), rows)

    async def remove(self, entry_id: str) -> None:
        """Forget the text of that entry."""
        await self._connection.execute(sa.delete(search_entries).where(search_entries.c.entry_id == entry_id))
