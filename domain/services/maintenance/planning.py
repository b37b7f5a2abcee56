"""The instances of a window: stored ahead, begun and ended by their times. All within a unit of work that holds it."""

from dataclasses import replace
from datetime import datetime

from domain.entities.handle import Applied
from domain.entities.maintenance import snapshot_of
from domain.errors import InvalidInputError
from domain.ids import new_id
from domain.model.change import Touched
from domain.model.maintenance import (
    REFILL,
    Maintenance,
    MaintenanceInstance,
    MaintenanceStatus,
    status_at,
)
from domain.model.recurrence import checked_zone, plan_of
from domain.persistence.unit_of_work import UnitOfWork


async def plan(unit: UnitOfWork, maintenance: Maintenance, *, replacing: bool) -> Maintenance:
    """Store the instances of a window that have not ended, as far ahead as that is done; return it with how far.

    With `replacing`, those that its former times planned are replaced.

    Raises:
        InvalidInputError: with `replacing`, where there would be none.
    """
    found = plan_of(
        maintenance.recurrence,
        first=maintenance.starts_at,
        duration=maintenance.duration,
        zone=checked_zone(maintenance.time_zone),
        now=unit.moment(),
    )
    starts = found.starts
    if replacing:
        if not starts and not maintenance.active:
            raise InvalidInputError("All of its times are past.", field=["endsAt"])
        await unit.maintenance_instances.drop_planned(maintenance.id, but=starts)
        if maintenance.active:
            # One that has begun goes on; other times are for those to come.
            starts = tuple(start for start in starts if start > unit.moment())
    await unit.maintenance_instances.add([_instance(maintenance, start, unit.moment()) for start in starts])
    return replace(maintenance, planned_until=found.until)


async def settle(unit: UnitOfWork, maintenance: Maintenance, *touched: Touched) -> Applied[Maintenance]:
    """Write a window with the status that its instances give it."""
    # Rows of instances refer to it: of a new one, they were written right after it.
    active = tuple(await unit.maintenance_instances.active_of(maintenance.id))
    settled = replace(maintenance, active=active, status=await _status(unit, maintenance, is_active=bool(active)))
    await unit.maintenance.put(settled)
    return Applied(after=snapshot_of(settled), touched=touched)


async def advance(unit: UnitOfWork, maintenance: Maintenance) -> Applied[Maintenance]:
    """Begin or end the one instance whose time came first, and store further ones where too few lie ahead."""
    now = unit.moment()
    if maintenance.planned_until is not None and maintenance.planned_until < now + REFILL:
        maintenance = await plan(unit, maintenance, replacing=False)
    due = await unit.maintenance_instances.next_due(maintenance.id, now)
    if due is not None:
        begins = due.status is MaintenanceStatus.SCHEDULED
        after = MaintenanceStatus.ACTIVE if begins else MaintenanceStatus.ENDED
        await unit.maintenance_instances.put(replace(due, status=after))
    return await settle(unit, maintenance)


def touched_instance(instance: MaintenanceInstance) -> Touched:
    """Return the part of a window that a change of an instance touches."""
    return Touched(part="instances", id=instance.id, before=instance.visibility, after=instance.visibility)


def _instance(maintenance: Maintenance, start: datetime, now: datetime) -> MaintenanceInstance:
    return MaintenanceInstance(
        id=new_id("mti"),
        maintenance_id=maintenance.id,
        original_start=start,
        starts_at=start,
        ends_at=start + maintenance.duration,
        status=status_at(start, now),
        visibility=maintenance.visibility,
    )


async def _status(unit: UnitOfWork, maintenance: Maintenance, *, is_active: bool) -> MaintenanceStatus:
    if maintenance.cancelled_at is not None:
        return MaintenanceStatus.CANCELLED
    if is_active:
        return MaintenanceStatus.ACTIVE
    if maintenance.planned_until is not None or await unit.maintenance_instances.has_planned(maintenance.id):
        return MaintenanceStatus.SCHEDULED
    return MaintenanceStatus.ENDED
