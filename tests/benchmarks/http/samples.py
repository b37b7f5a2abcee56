"""Variables taken from the data: ids, moments, cursors and words."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from tests.benchmarks.http.peers.rows import cursor_of

_INCIDENTS, _POSITIONS = 500, 20
_TEXTS = ("checkout certificate", "payments pool", "search ind", "requests time out", "consumer hung", "orders index")
_IDS = "SELECT id FROM incidents WHERE number IN ({})"
_SYSTEMS = "SELECT id FROM systems ORDER BY id"
_MIDDLE = """SELECT created_at, id FROM incidents WHERE status = 'resolved'
    ORDER BY created_at DESC, id DESC LIMIT {} OFFSET {}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples that requests are made of, the same and in the same order for every server."""

    incidents: Sequence[str]
    systems: Sequence[str]
    #: Places in the middle of the list of resolved incidents, newest first: moment and id.
    positions: Sequence[tuple[datetime, str]]
    #: The same places as a server spells them.
    cursors: Sequence[str] = ()

    def incident(self, index: int) -> str:
        """One of the incidents."""
        return self.incidents[index % len(self.incidents)]

    def two_systems(self, index: int) -> list[str]:
        """Two systems, in order."""
        known = len(self.systems)
        distance = 1 + index // known % (known - 1)
        return sorted((self.systems[index % known], self.systems[(index + distance) % known]))

    def cursor(self, index: int) -> str:
        """A place in the middle of the list."""
        return self.cursors[index % len(self.cursors)]

    def moment(self, index: int) -> str:
        """A moment in the middle of the past."""
        return spelled(self.positions[index % len(self.positions)][0])

    def text(self, index: int) -> str:
        """Words that some incidents have."""
        return _TEXTS[index % len(_TEXTS)]

    def with_cursors(self, cursors: Sequence[str]) -> "Samples":
        """The same, with a server's own cursors."""
        return replace(self, cursors=cursors)

    def peers_cursors(self) -> list[str]:
        """The places as the peers spell them."""
        return [cursor_of(spelled(moment), identifier) for moment, identifier in self.positions]


def spelled(moment: datetime) -> str:
    """The moment as the API spells it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def samples_of(url: str) -> Samples:
    """The samples of a database."""
    last = _rows(url, "SELECT max(number) FROM incidents")[0][0]
    pick = random.Random(1)
    numbers = sorted({pick.randint(1, last) for _ in range(_INCIDENTS)})
    incidents = [row[0] for row in _rows(url, _IDS.format(", ".join(map(str, numbers))))]
    pick.shuffle(incidents)
    resolved = _rows(url, "SELECT count(*) FROM incidents WHERE status = 'resolved'")[0][0]
    middle = _rows(url, _MIDDLE.format(_POSITIONS, resolved // 2))
    return Samples(
        incidents=incidents,
        systems=[row[0] for row in _rows(url, _SYSTEMS)],
        positions=[(_moment(created_at), identifier) for created_at, identifier in middle],
    )


def _moment(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value


def _rows(url: str, query: str) -> list[Any]:
    if url.startswith("sqlite"):
        database = sqlite3.connect(f"{Path(url.removeprefix('sqlite:///')).as_uri()}?mode=ro", uri=True)
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()
    return asyncio.run(_postgres_rows(url, query))


async def _postgres_rows(url: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()
