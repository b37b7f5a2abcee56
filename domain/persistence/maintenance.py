"""Maintenance windows with their systems, and the messages about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.maintenance import (
    REFILL,
    UPDATES_SHOWN,
    Maintenance,
    MaintenanceFilter,
    MaintenanceInstance,
    MaintenanceStatus,
    MaintenanceUpdate,
)
from domain.model.paging import Page, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.dialects import lock_rows
from domain.persistence.keyset import paged, per_parent
from domain.persistence.maintenance_instances import instance_of, is_active, of_systems
from domain.persistence.maintenance_tables import (
    maintenance_instances,
    maintenance_systems,
    maintenance_updates,
    maintenances,
)
from domain.persistence.rows import actor_columns, actor_of

_PLAIN = (
    "id",
    "title",
    "description",
    "time_zone",
    "starts_at",
    "ends_at",
    "recurrence",
    "planned_until",
    "revision",
    "version",
    "created_at",
    "updated_at",
    "cancelled_at",
)


class MaintenanceRepository:
    """Maintenance windows by id, newest first in lists."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, ids: Sequence[str]) -> None:
        """Lock these windows, and with them their instances, against other writers until the commit."""
        await lock_rows(self._connection, maintenances, ids)

    async def get_many(self, ids: Sequence[str]) -> dict[str, Maintenance]:
        """Return the windows of these ids; those that do not exist are left out."""
        statement = sa.select(maintenances).where(maintenances.c.id.in_(ids))
        return {each.id: each for each in await self._read(statement)}

    async def page(self, page: PageRequest, wanted: MaintenanceFilter, audience: Audience) -> Page[Maintenance]:
        """Return one page of the windows that match and that this audience may see, newest first."""
        statement = sa.select(maintenances).where(*_conditions(wanted, audience))
        return page.cut(await self._read(paged(statement, [maintenances.c.id], page, descending=True)))

    async def count(self, wanted: MaintenanceFilter, audience: Audience) -> int:
        """Return the number of windows that match and that this audience may see."""
        statement = sa.select(sa.func.count()).select_from(maintenances).where(*_conditions(wanted, audience))
        return int(await self._connection.scalar(statement) or 0)

    async def ids_of_system(self, system_id: str) -> list[str]:
        """Return the ids of all windows of a system."""
        column = maintenance_systems.c.maintenance_id
        statement = sa.select(column).where(maintenance_systems.c.system_id == system_id).order_by(column)
        return list(await self._connection.scalars(statement))

    async def due(self, now: datetime, *, limit: int) -> list[str]:
        """Return the ids of windows of which an instance begins or ends by now, or has to be stored further ahead."""
        instances = maintenance_instances.c
        due = [
            sa.select(instances.maintenance_id).where(instances.status == status, moment <= now).limit(limit)
            for status, moment in (
                (MaintenanceStatus.SCHEDULED, instances.starts_at),
                (MaintenanceStatus.ACTIVE, instances.ends_at),
            )
        ]
        short = sa.select(maintenances.c.id).where(maintenances.c.planned_until < now + REFILL).limit(limit)
        found: list[str] = []
        for statement in (*due, short):
            found += await self._connection.scalars(statement)
        return sorted(set(found))[:limit]

    async def next_due(self) -> datetime | None:
        """Return when the next instance begins or ends; None where there is none."""
        instances = maintenance_instances.c
        starts = sa.select(sa.func.min(instances.starts_at)).where(instances.status == MaintenanceStatus.SCHEDULED)
        ends = sa.select(sa.func.min(instances.ends_at)).where(instances.status == MaintenanceStatus.ACTIVE)
        moments = [await self._connection.scalar(statement) for statement in (starts, ends)]
        return min((moment for moment in moments if moment is not None), default=None)

    async def put(self, maintenance: Maintenance) -> None:
        """Write a new window, or a changed one but for its version, with its systems."""
        values = {**_values(maintenance), "updated_at": maintenance.updated_at}
        written = sa.update(maintenances).where(maintenances.c.id == maintenance.id).values(**values)
        if (await self._connection.execute(written)).rowcount == 0:
            fixed = {"id": maintenance.id, "version": maintenance.version, "created_at": maintenance.created_at}
            creator = actor_columns("created_by", maintenance.created_by)
            await self._connection.execute(sa.insert(maintenances).values(**values, **fixed, **creator))
        await self._put_systems(maintenance)

    async def stamp(self, maintenance: Maintenance) -> None:
        """Write the next version of a window, whose row is locked."""
        values = {"version": maintenance.version, "updated_at": maintenance.updated_at}
        statement = sa.update(maintenances).where(maintenances.c.id == maintenance.id).values(**values)
        await self._connection.execute(statement)

    async def add_update(self, update: MaintenanceUpdate) -> None:
        """Write a message about a window."""
        plain = ("id", "maintenance_id", "message", "visibility", "created_at")
        values = {name: getattr(update, name) for name in plain}
        await self._connection.execute(
            sa.insert(maintenance_updates).values(**values, **actor_columns("created_by", update.created_by))
        )

    async def show_updates(self, maintenance_id: str, visibility: Visibility) -> None:
        """Give the messages about a window its visibility."""
        named = maintenance_updates.c.maintenance_id == maintenance_id
        await self._connection.execute(sa.update(maintenance_updates).where(named).values(visibility=visibility))

    async def get_updates(self, ids: Sequence[str]) -> dict[str, MaintenanceUpdate]:
        """Return the messages of these ids, regardless of visibility; unknown ones are left out."""
        statement = sa.select(maintenance_updates).where(maintenance_updates.c.id.in_(ids))
        return {row["id"]: message_of(row) for row in (await self._connection.execute(statement)).mappings()}

    async def updates_of(self, ids: Sequence[str], audience: Audience) -> dict[str, list[MaintenanceUpdate]]:
        """Return the latest messages about each of these windows that this audience may see, newest first."""

        def latest(parent: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            seen = sa.and_(alias.c.maintenance_id == parent, alias.c.visibility.in_(audience.visibilities))
            return sa.select(alias.c.id).where(seen).order_by(alias.c.id.desc()).limit(UPDATES_SHOWN)

        found = await per_parent(
            self._connection, parents=(maintenances, ids), child=maintenance_updates, children_of=latest
        )
        lists: dict[str, list[MaintenanceUpdate]] = {identifier: [] for identifier in ids}
        for parent, row in sorted(found, key=lambda pair: pair[1]["id"], reverse=True):
            lists[parent].append(message_of(row))
        return lists

    async def _read(self, statement: sa.Select[Any]) -> list[Maintenance]:
        rows = (await self._connection.execute(statement)).mappings().all()
        ids = [row["id"] for row in rows]
        systems = await self._systems_of(ids)
        active = await self._active_of(ids)
        return [_maintenance(row, systems.get(row["id"], []), active.get(row["id"], [])) for row in rows]

    async def _systems_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        table = maintenance_systems.c
        statement = sa.select(table.maintenance_id, table.system_id).where(table.maintenance_id.in_(ids))
        return _grouped(await self._connection.execute(statement.order_by(table.system_id)))

    async def _active_of(self, ids: Sequence[str]) -> dict[str, list[MaintenanceInstance]]:
        table = maintenance_instances
        statement = sa.select(table).where(table.c.maintenance_id.in_(ids), is_active(table))
        rows = (await self._connection.execute(statement.order_by(table.c.original_start))).mappings()
        return _grouped((row["maintenance_id"], instance_of(row)) for row in rows)

    async def _put_systems(self, maintenance: Maintenance) -> None:
        table, wanted = maintenance_systems, set(maintenance.system_ids)
        present = set((await self._systems_of([maintenance.id])).get(maintenance.id, ()))
        if present - wanted:
            gone = sa.and_(table.c.maintenance_id == maintenance.id, table.c.system_id.in_(sorted(present - wanted)))
            await self._connection.execute(sa.delete(table).where(gone))
        if wanted - present:
            rows = [{"maintenance_id": maintenance.id, "system_id": each} for each in sorted(wanted - present)]
            await self._connection.execute(sa.insert(table), rows)


def _grouped(pairs: Iterable[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _conditions(wanted: MaintenanceFilter, audience: Audience) -> list[sa.ColumnElement[bool]]:
    chosen = [of_systems(maintenances, wanted.systems)] if wanted.systems else []
    if wanted.statuses:
        chosen.append(maintenances.c.status.in_([str(status) for status in wanted.statuses]))
    return [*chosen, maintenances.c.visibility.in_(audience.visibilities)]


def _values(maintenance: Maintenance) -> dict[str, Any]:
    fixed = {"id", "version", "created_at", "updated_at"}
    plain = {name: getattr(maintenance, name) for name in _PLAIN if name not in fixed}
    return {**plain, "visibility": maintenance.visibility, "status": maintenance.status}


def _maintenance(row: sa.RowMapping, systems: Sequence[str], active: Sequence[MaintenanceInstance]) -> Maintenance:
    return Maintenance(
        **{name: row[name] for name in _PLAIN},
        visibility=Visibility(row["visibility"]),
        status=MaintenanceStatus(row["status"]),
        system_ids=tuple(systems),
        active=tuple(active),
        created_by=actor_of("created_by", row),
    )


def message_of(row: sa.RowMapping) -> MaintenanceUpdate:
    """Return the message in a row."""
    return MaintenanceUpdate(
        id=row["id"],
        maintenance_id=row["maintenance_id"],
        message=row["message"],
        visibility=Visibility(row["visibility"]),
        created_at=row["created_at"],
        created_by=actor_of("created_by", row),
    )
