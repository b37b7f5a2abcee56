"""The beginnings of incidents: locks of their systems, claims on them and a number, taken before they are written."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.claims import ClaimRepository
from domain.persistence.dialects import is_sqlite
from domain.persistence.incidents import IncidentRepository
from domain.persistence.prepared import Prepared
from domain.persistence.systems import SystemRepository, kept_systems, searchable
from domain.persistence.tables import counters
from domain.persistence.tables import open_incident_claims as claims


def _opening() -> Any:
    """Return PostgreSQL's statement for all three; each needs the one before, so that locks have one order."""
    kept = kept_systems(sqlite=False).cte("kept")
    given = (sa.bindparam("key", type_=sa.String), sa.bindparam("incident", type_=sa.String))
    insert: Any = postgresql.insert(claims)
    insert = insert.from_select(
        ["system_id", "dedupe_key", "incident_id"], sa.select(kept.c.id, *given).order_by(kept.c.id)
    )
    taken = insert.on_conflict_do_nothing().returning(claims.c.system_id).cte("taken")
    claimed = sa.select(sa.func.count()).select_from(taken).scalar_subquery()
    counted = (
        sa.update(counters)
        .where(counters.c.name == "incident", claimed >= sa.literal_column("0"))
        .values(value=counters.c.value + sa.literal_column("1"))
        .returning(counters.c.value)
        .cte("counted")
    )
    return sa.select(kept.c.id, kept.c.key, sa.select(counted.c.value).scalar_subquery().label("number"))


_OPEN = Prepared(lambda _: _opening())


class OpeningRepository:
    """The beginnings of new incidents."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open(
        self, incident_id: str, references: Sequence[str], dedupe_key: str
    ) -> tuple[dict[str, str], int | None]:
        """Return the ids behind these ids or keys of systems, without unknown ones, and an unused number.

        The systems are locked until the commit, and what is free of them is claimed. There is no number where no system
        is known.
        """
        if is_sqlite(self._connection):
            found = await SystemRepository(self._connection).resolve(references, keep=True)
            await ClaimRepository(self._connection).take_free(incident_id, list({*found.values()}), dedupe_key)
            return found, await IncidentRepository(self._connection).next_number()
        wanted = searchable(references)
        values = {"wanted": sorted(wanted), "key": dedupe_key, "incident": incident_id}
        rows = await _OPEN.rows(self._connection, values)
        found = {name: row["id"] for row in rows for name in (row["id"], row["key"]) if name in wanted}
        return found, rows[0]["number"] if rows else None
