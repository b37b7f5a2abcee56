"""Dwells: firings that count only if their state holds for a while."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.actor import Actor
from domain.model.automation import Dwell, Firing
from domain.model.moment import iso, parse_iso
from domain.persistence.automation_tables import automation_dwells
from domain.persistence.dialects import insert_or_ignore
from domain.persistence.prepared import Prepared

_ON = Prepared(
    lambda _: (
        sa.select(automation_dwells)
        .where(
            automation_dwells.c.kind == sa.bindparam("of_kind"),
            automation_dwells.c.entity_id == sa.bindparam("of_entity"),
        )
        .order_by(automation_dwells.c.id)
    )
)


class DwellRepository:
    """Dwells: at most one per trigger and context key."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def arm(self, dwell: Dwell) -> bool:
        """Write a dwell; return False where one is armed already, which keeps its deadline."""
        statement = insert_or_ignore(self._connection, automation_dwells, _dwell_row(dwell))
        return (await self._connection.execute(statement)).rowcount > 0

    async def get(self, dwell_id: str) -> Dwell | None:
        """Return the dwell of that id while it is armed, or None."""
        statement = sa.select(automation_dwells).where(automation_dwells.c.id == dwell_id)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _dwell(row)

    async def of_trigger(self, automation_id: str, trigger_id: str, context_key: str | None) -> Dwell | None:
        """Return the armed dwell of a trigger for a context key, or None."""
        columns = automation_dwells.c
        statement = sa.select(automation_dwells).where(
            columns.automation_id == automation_id,
            columns.trigger_id == trigger_id,
            columns.context_key == (context_key or ""),
        )
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else _dwell(row)

    async def on(self, kind: str, entity_id: str) -> list[Dwell]:
        """Return the dwells that a change of this entity may break."""
        found = await _ON.rows(self._connection, {"of_kind": kind, "of_entity": entity_id})
        return [_dwell(row) for row in found]

    async def entities(self) -> list[str]:
        """Return the ids of all entities that dwells depend on."""
        columns = automation_dwells.c
        return list(await self._connection.scalars(sa.select(columns.entity_id).where(columns.entity_id.is_not(None))))

    async def of_automation(self, automation_id: str) -> list[Dwell]:
        """Return the dwells of an automation."""
        columns = automation_dwells.c
        statement = sa.select(automation_dwells).where(columns.automation_id == automation_id)
        return [_dwell(row) for row in (await self._connection.execute(statement.order_by(columns.id))).mappings()]

    async def claim(self, dwell_id: str) -> bool:
        """Remove a dwell; return False where another process already did."""
        statement = sa.delete(automation_dwells).where(automation_dwells.c.id == dwell_id)
        return (await self._connection.execute(statement)).rowcount > 0


def _dwell_row(dwell: Dwell) -> dict[str, Any]:
    return {
        "id": dwell.id,
        "automation_id": dwell.automation_id,
        "trigger_id": dwell.trigger_id,
        "context_key": dwell.firing.context_key or "",
        "kind": dwell.firing.kind,
        "entity_id": dwell.firing.entity_id,
        "firing": firing_json(dwell.firing),
        "state": dwell.state,
        "armed_at": dwell.armed_at,
        "fire_at": dwell.fire_at,
    }


def _dwell(row: Mapping[Any, Any]) -> Dwell:
    return Dwell(
        id=row["id"],
        automation_id=row["automation_id"],
        trigger_id=row["trigger_id"],
        firing=firing_from_json(row["firing"]),
        state=row["state"],
        armed_at=row["armed_at"],
        fire_at=row["fire_at"],
    )


def firing_json(firing: Firing) -> dict[str, Any]:
    """Return a firing as JSON."""
    data = asdict(firing)
    return {**data, "actor": firing.actor.as_json(), "occurred_at": iso(firing.occurred_at)}


def firing_from_json(data: Mapping[str, Any]) -> Firing:
    """Return the firing that `firing_json` described."""
    return Firing(**{**data, "actor": Actor.from_json(data["actor"]), "occurred_at": parse_iso(data["occurred_at"])})
