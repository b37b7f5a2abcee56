"""Claims: the unique pairs of system and key by which concurrent deduplicated creates open one incident."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.persistence.dialects import insert_many_or_ignore, insert_or_ignore
from domain.persistence.tables import open_incident_claims as claims


class ClaimRepository:
    """Claims of incidents on systems and keys."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take(self, incident_id: str, system_id: str, dedupe_key: str) -> bool:
        """Claim a pair for an incident; return False where another one holds it. It waits for uncommitted rivals."""
        values = {"system_id": system_id, "dedupe_key": dedupe_key, "incident_id": incident_id}
        statement = insert_or_ignore(self._connection, claims, values).returning(claims.c.incident_id)
        return await self._connection.scalar(statement) is not None

    async def take_free(self, incident_id: str, system_ids: Sequence[str], dedupe_key: str) -> set[str]:
        """Claim all free pairs of these systems for an incident, and return the claimed systems.

        They are claimed in the order of the systems, against deadlocks.
        """
        return {system_id for system_id in sorted(system_ids) if await self.take(incident_id, system_id, dedupe_key)}

    async def release(self, incident_id: str, system_ids: Sequence[str] | None = None) -> None:
        """Release an incident's claims, or those on these systems."""
        statement = sa.delete(claims).where(claims.c.incident_id == incident_id)
        if system_ids is not None:
            statement = statement.where(claims.c.system_id.in_(system_ids))
        await self._connection.execute(statement)

    async def take_many(self, wanted: Sequence[tuple[str, str, str]]) -> None:
        """Claim all free ones of these triples of incident, system and key; for a writer without rivals."""
        if wanted:
            rows = [{"incident_id": each[0], "system_id": each[1], "dedupe_key": each[2]} for each in wanted]
            await self._connection.execute(insert_many_or_ignore(self._connection, claims), rows)
