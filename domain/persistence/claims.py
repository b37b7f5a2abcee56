"""Claims: the unique pairs of system and key by which concurrent deduplicated creates open one incident."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_many_or_ignore, insert_once
from domain.persistence.prepared import Prepared, among, each_of
from domain.persistence.tables import open_incident_claims as claims


def _take(*, sqlite: bool) -> Any:
    wanted = each_of("claimed", sqlite=sqlite)
    given = (wanted, sa.bindparam("key", type_=sa.String), sa.bindparam("incident", type_=sa.String))
    # SQLite would take ON CONFLICT for a part of a join without the WHERE (its documentation of UPSERT, 3.2).
    rows: Any = sa.select(*given).where(sa.true()).order_by(wanted)
    names = ["system_id", "dedupe_key", "incident_id"]
    return insert_once(claims, sqlite=sqlite, rows=rows, names=names).returning(claims.c.system_id)


_TAKE = Prepared(lambda sqlite: _take(sqlite=sqlite))
_OWN = claims.c.incident_id == sa.bindparam("incident")
_RELEASE = Prepared(lambda _: sa.delete(claims).where(_OWN))
_RELEASE_SOME = Prepared(
    lambda sqlite: sa.delete(claims).where(_OWN, among(claims.c.system_id, "released", sqlite=sqlite))
)


class ClaimRepository:
    """Claims of incidents on systems and keys."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, incident_id: str, system_id: str, dedupe_key: str) -> bool:
        """Claim a pair for an incident; return False where another one holds it. It waits for uncommitted rivals."""
        return bool(await self.take_free(incident_id, [system_id], dedupe_key))

    async def take_free(self, incident_id: str, system_ids: Sequence[str], dedupe_key: str) -> set[str]:
        """Claim all free pairs of these systems for an incident, and return the claimed systems.

        They are claimed in the order of the systems, against deadlocks.
        """
        if not system_ids:
            return set()
        values = {"incident": incident_id, "claimed": sorted(system_ids), "key": dedupe_key}
        return {row["system_id"] for row in await _TAKE.rows(self._connection, values)}

    async def release(self, incident_id: str, system_ids: Sequence[str] | None = None) -> None:
        """Release an incident's claims, or those on these systems."""
        values: dict[str, Any] = {"incident": incident_id}
        if system_ids is None:
            await _RELEASE.rows(self._connection, values)
        else:
            await _RELEASE_SOME.rows(self._connection, {**values, "released": list(system_ids)})

    async def take_many(self, wanted: Sequence[tuple[str, str, str]]) -> None:
        """Claim all free ones of these triples of incident, system and key; for a writer without rivals."""
        if wanted:
            rows = [{"incident_id": each[0], "system_id": each[1], "dedupe_key": each[2]} for each in wanted]
            await self._connection.execute(insert_many_or_ignore(self._connection, claims), rows)
