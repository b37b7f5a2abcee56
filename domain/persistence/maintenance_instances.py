"""The instances of maintenance windows; their windows are locked whenever they are written."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.maintenance import INSTANCES_SHOWN, MaintenanceInstance, MaintenanceStatus
from domain.model.paging import Among, Page, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.dialects import insert_many_or_ignore, literal
from domain.persistence.keyset import count_per_parent, paged, pages_of, per_parent
from domain.persistence.maintenance_tables import maintenance_instances as instances
from domain.persistence.maintenance_tables import maintenance_systems, maintenances
from domain.persistence.tables import systems

_COLUMNS = tuple(column.name for column in instances.c)
_CANCELLED = instances.c.status == literal(MaintenanceStatus.CANCELLED.value)
_SCHEDULED = instances.c.status == literal(MaintenanceStatus.SCHEDULED.value)


def is_active(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition for instances that take place now; written as their index has it."""
    return rows.c.status == literal(MaintenanceStatus.ACTIVE.value)


def is_open(rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the condition for instances that take place now or later."""
    return rows.c.status.in_([literal(each.value) for each in (MaintenanceStatus.ACTIVE, MaintenanceStatus.SCHEDULED)])


def of_systems(windows: sa.FromClause, named: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Return the condition for windows that have one of these systems, by id or key."""
    member, system = maintenance_systems.alias(), systems.alias()
    found = sa.select(system.c.id).where(sa.or_(system.c.id.in_(named), system.c.key.in_(named)))
    return windows.c.id.in_(sa.select(member.c.maintenance_id).where(member.c.system_id.in_(found)))


class MaintenanceInstanceRepository:
    """Instances of maintenance windows, in the order in which they begin."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, MaintenanceInstance]:
        """Return the instances of these ids, regardless of visibility; unknown ones are left out."""
        rows = (await self._connection.execute(sa.select(instances).where(instances.c.id.in_(ids)))).mappings()
        return {row["id"]: instance_of(row) for row in rows}

    async def of(self, maintenance_id: str, original_start: datetime) -> MaintenanceInstance | None:
        """Return the instance of a window with that beginning by the window's own times."""
        named = sa.and_(instances.c.maintenance_id == maintenance_id, instances.c.original_start == original_start)
        row = (await self._connection.execute(sa.select(instances).where(named))).mappings().first()
        return None if row is None else instance_of(row)

    async def active_of(self, maintenance_id: str) -> list[MaintenanceInstance]:
        """Return the instances of a window that take place now."""
        statement = sa.select(instances).where(instances.c.maintenance_id == maintenance_id, is_active(instances))
        rows = (await self._connection.execute(statement.order_by(instances.c.original_start))).mappings()
        return [instance_of(row) for row in rows]

    async def next_due(self, maintenance_id: str, now: datetime) -> MaintenanceInstance | None:
        """Return the instance of a window whose status time changes first, by now; ends before beginnings."""
        table = instances.c
        due_at = sa.case((_SCHEDULED, table.starts_at), else_=table.ends_at)
        due = sa.or_(sa.and_(_SCHEDULED, table.starts_at <= now), sa.and_(is_active(instances), table.ends_at <= now))
        statement = sa.select(instances).where(table.maintenance_id == maintenance_id, due)
        # "active" sorts before "scheduled".
        ordered = statement.order_by(due_at, table.status, table.original_start).limit(1)
        row = (await self._connection.execute(ordered)).mappings().first()
        return None if row is None else instance_of(row)

    async def put(self, instance: MaintenanceInstance) -> None:
        """Write an instance that is stored."""
        values = {name: getattr(instance, name) for name in _COLUMNS if name != "id"}
        await self._connection.execute(sa.update(instances).where(instances.c.id == instance.id).values(**values))

    async def add(self, added: Sequence[MaintenanceInstance]) -> None:
        """Write instances; those that their windows have already are skipped."""
        if added:
            rows = [{name: getattr(each, name) for name in _COLUMNS} for each in added]
            await self._connection.execute(insert_many_or_ignore(self._connection, instances), rows)

    async def drop_planned(self, maintenance_id: str, *, but: Sequence[datetime]) -> None:
        """Delete what a window's former times planned: all instances to come, but those changed ones that still begin.

        Cancelled ones that would begin still stay cancelled.
        """
        kept = instances.c.original_start.in_(but)
        planned = sa.and_(_SCHEDULED, ~sa.and_(instances.c.is_changed, kept))
        cancelled = sa.and_(instances.c.status == MaintenanceStatus.CANCELLED, ~kept)
        of = instances.c.maintenance_id == maintenance_id
        await self._connection.execute(sa.delete(instances).where(of, sa.or_(planned, cancelled)))

    async def cancel_planned(self, maintenance_id: str) -> None:
        """Cancel all instances of a window that are to come."""
        of = sa.and_(instances.c.maintenance_id == maintenance_id, _SCHEDULED)
        await self._connection.execute(sa.update(instances).where(of).values(status=MaintenanceStatus.CANCELLED))

    async def show(self, maintenance_id: str, visibility: Visibility) -> None:
        """Give the instances of a window its visibility."""
        of = instances.c.maintenance_id == maintenance_id
        await self._connection.execute(sa.update(instances).where(of).values(visibility=visibility))

    async def has_planned(self, maintenance_id: str) -> bool:
        """Return whether an instance of a window is to come."""
        of = sa.exists().where(instances.c.maintenance_id == maintenance_id, _SCHEDULED)
        return bool(await self._connection.scalar(sa.select(of)))

    async def active_systems(self, system_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return those of the systems that are under maintenance, each with the ids of the windows."""
        of = maintenance_systems.c
        joined = maintenance_systems.join(instances, instances.c.maintenance_id == of.maintenance_id)
        statement = sa.select(of.system_id, of.maintenance_id).distinct().select_from(joined)
        found: dict[str, list[str]] = {}
        for system_id, maintenance_id in await self._connection.execute(
            statement.where(of.system_id.in_(system_ids), is_active(instances)).order_by(of.maintenance_id)
        ):
            found.setdefault(system_id, []).append(maintenance_id)
        return found

    async def of_systems(self, system_ids: Sequence[str], audience: Audience) -> dict[str, list[MaintenanceInstance]]:
        """Return the active and next instances of each of these systems that this audience may see."""

        def soonest(parent: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            joined = maintenance_systems.join(alias, alias.c.maintenance_id == maintenance_systems.c.maintenance_id)
            seen = (is_open(alias), alias.c.visibility.in_(audience.visibilities))
            chosen = sa.select(alias.c.id).select_from(joined).where(maintenance_systems.c.system_id == parent, *seen)
            return chosen.order_by(alias.c.starts_at, alias.c.id).limit(INSTANCES_SHOWN)

        found = await per_parent(self._connection, parents=(systems, system_ids), child=instances, children_of=soonest)
        lists: dict[str, list[MaintenanceInstance]] = {identifier: [] for identifier in system_ids}
        for parent, row in sorted(found, key=lambda pair: (pair[1]["starts_at"], pair[1]["id"])):
            lists[parent].append(instance_of(row))
        return lists

    async def pages(
        self, ids: Sequence[str], page: PageRequest, audience: Audience
    ) -> dict[str, Page[MaintenanceInstance]]:
        """Return the page of each of these windows' instances that match, in the order in which they begin."""

        def chosen(parent: sa.ColumnElement[str], alias: sa.FromClause) -> sa.Select[Any]:
            seen = (alias.c.maintenance_id == parent, alias.c.visibility.in_(audience.visibilities))
            matching = [alias.c[name].in_([str(value) for value in values]) for name, values in page.among]
            statement = sa.select(alias.c.id).where(*seen, *matching)
            return paged(statement, (alias.c.starts_at, alias.c.id), page, descending=False)

        found = await per_parent(
            self._connection, parents=(maintenances, ids), child=instances, children_of=chosen, page=page
        )
        read = [(parent, instance_of(row)) for parent, row in found]
        return pages_of(read, ids, page, order=lambda each: (each.starts_at, each.id), descending=False)

    async def counts(self, ids: Sequence[str], among: Among, audience: Audience) -> dict[str, int]:
        """Return the number of instances of each of these windows that match."""
        matching = [instances.c[name].in_([str(value) for value in values]) for name, values in among]
        seen = instances.c.visibility.in_(audience.visibilities)
        return await count_per_parent(self._connection, instances.c.maintenance_id, ids, seen, *matching)

    async def ahead(
        self, now: datetime, audience: Audience, *, system_id: str | None, limit: int
    ) -> list[MaintenanceInstance]:
        """Return the instances that take place or are to come and that this audience may see, the soonest first.

        Of one system or all, with those that were cancelled before their time.
        """
        cancelled = sa.and_(_CANCELLED, instances.c.ends_at > now)
        statement = _listed(sa.or_(is_open(instances), cancelled), audience, system_id)
        ordered = statement.order_by(instances.c.starts_at, instances.c.id).limit(limit)
        return [instance_of(row) for row in (await self._connection.execute(ordered)).mappings()]

    async def over(
        self, since: datetime, now: datetime, audience: Audience, *, system_id: str | None, limit: int
    ) -> list[MaintenanceInstance]:
        """Return the instances that were over by now and that this audience may see, the latest first."""
        ended = instances.c.status == literal(MaintenanceStatus.ENDED.value)
        past = sa.or_(ended, sa.and_(_CANCELLED, instances.c.ends_at <= now))
        statement = _listed(sa.and_(past, instances.c.ends_at > since), audience, system_id)
        ordered = statement.order_by(instances.c.starts_at.desc(), instances.c.id.desc()).limit(limit)
        return [instance_of(row) for row in (await self._connection.execute(ordered)).mappings()]

    async def spans(
        self, system_ids: Sequence[str], since: datetime, until: datetime
    ) -> dict[str, list[tuple[datetime, datetime]]]:
        """Return when each of these systems was under maintenance in a time; what goes on ends with that."""
        of = maintenance_systems.c
        joined = maintenance_systems.join(instances, instances.c.maintenance_id == of.maintenance_id)
        took_place = instances.c.status.in_([MaintenanceStatus.ACTIVE, MaintenanceStatus.ENDED])
        statement = sa.select(of.system_id, instances.c.starts_at, instances.c.ends_at).select_from(joined)
        found: dict[str, list[tuple[datetime, datetime]]] = {identifier: [] for identifier in system_ids}
        within = sa.and_(instances.c.starts_at < until, instances.c.ends_at > since)
        rows = await self._connection.execute(statement.where(of.system_id.in_(system_ids), took_place, within))
        for system_id, starts_at, ends_at in rows:
            found[system_id].append((starts_at, ends_at))
        return found


def _listed(wanted: sa.ColumnElement[bool], audience: Audience, system_id: str | None) -> sa.Select[Any]:
    statement = sa.select(instances).where(wanted, instances.c.visibility.in_(audience.visibilities))
    if system_id is None:
        return statement
    of = maintenance_systems.c
    return statement.where(
        instances.c.maintenance_id.in_(sa.select(of.maintenance_id).where(of.system_id == system_id))
    )


def instance_of(row: Mapping[str, Any] | sa.RowMapping) -> MaintenanceInstance:
    """Return the instance in a row."""
    plain = {name: row[name] for name in _COLUMNS if name not in {"status", "visibility", "is_changed"}}
    return MaintenanceInstance(
        **plain,
        status=MaintenanceStatus(row["status"]),
        visibility=Visibility(row["visibility"]),
        is_changed=bool(row["is_changed"]),
    )
