"""The last report of each system's health."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.health import ReportedHealth, SystemHealth
from domain.model.incident import Health
from domain.persistence.dialects import keep_apart, upsert
from domain.persistence.log_tables import entity_transitions
from domain.persistence.tables import system_health, systems

_COLUMNS = ("system_id", "message", "observed_at", "reported_at", "version")


class HealthRepository:
    """The reported health: one row per system with a report."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, system_ids: Sequence[str]) -> None:
        """Lock the health of these systems against other writers until the commit, in the order of ids.

        The systems' rows are locked: before the first report there is no other row.
        """
        statement = sa.select(systems.c.id).where(systems.c.id.in_(system_ids)).order_by(systems.c.id)
        await self._connection.execute(keep_apart(self._connection, statement))

    async def get_many(self, system_ids: Sequence[str]) -> dict[str, SystemHealth]:
        """Return the health of these systems; those without a report are left out."""
        statement = (
            sa.select(system_health, systems.c.key, systems.c.name)
            .join(systems, systems.c.id == system_health.c.system_id)
            .where(system_health.c.system_id.in_(system_ids))
        )
        rows = (await self._connection.execute(statement)).mappings()
        return {row["system_id"]: _health(row) for row in rows}

    async def ids(self, limit: int) -> list[str]:
        """Return the systems with a report, up to a limit."""
        statement = sa.select(system_health.c.system_id).order_by(system_health.c.system_id).limit(limit)
        return list(await self._connection.scalars(statement))

    async def versions(self, system_ids: Sequence[str]) -> dict[str, int]:
        """Return the versions of the reported health of these systems; those without a report are left out."""
        columns = system_health.c
        statement = sa.select(columns.system_id, columns.version).where(columns.system_id.in_(system_ids))
        return {system_id: version for system_id, version in await self._connection.execute(statement)}

    async def reported(self, system_ids: Sequence[str], *, kind: str) -> dict[str, ReportedHealth]:
        """Return the reported health of these systems in one statement; those without a report are left out.

        `kind` is the name under which their transitions are recorded.
        """
        steps = entity_transitions.c
        since = (
            sa.select(sa.func.max(steps.occurred_at))
            .where(
                steps.kind == kind,
                steps.entity_id == system_health.c.system_id,
                steps.field == "status",
                steps.to_value == system_health.c.status,
            )
            .scalar_subquery()
        )
        statement = sa.select(system_health, since.label("since")).where(system_health.c.system_id.in_(system_ids))
        rows = (await self._connection.execute(statement)).mappings()
        return {
            row["system_id"]: ReportedHealth(
                system_id=row["system_id"],
                status=Health(row["status"]),
                since=row["since"],
                message=row["message"],
                observed_at=row["observed_at"],
                reported_at=row["reported_at"],
            )
            for row in rows
        }

    async def put(self, health: SystemHealth) -> None:
        """Write a report over the previous one, if there is one."""
        values = {"status": health.status, **{name: getattr(health, name) for name in _COLUMNS}}
        await self._connection.execute(upsert(self._connection, system_health, values, keys=["system_id"]))

    async def stamp(self, system_id: str, *, version: int) -> None:
        """Write a health's next version, provided that no other writer did."""
        statement = (
            sa.update(system_health)
            .where(system_health.c.system_id == system_id, system_health.c.version == version - 1)
            .values(version=version)
        )
        result = await self._connection.execute(statement)
        if result.rowcount != 1:
            raise RuntimeError(f"the health of {system_id} was not locked: version {version - 1} is gone")

    async def delete(self, system_id: str) -> None:
        """Delete the health of a system."""
        await self._connection.execute(sa.delete(system_health).where(system_health.c.system_id == system_id))


def _health(row: sa.RowMapping) -> SystemHealth:
    columns: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return SystemHealth(system_key=row["key"], system_name=row["name"], status=Health(row["status"]), **columns)
