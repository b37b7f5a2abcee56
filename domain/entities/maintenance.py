"""Maintenance windows as reactive entities: their state, their trigger events and the payload of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.entities.kind import EntityKind, Snapshot, State
from domain.entities.triggers import Trigger
from domain.model.change import Change
from domain.model.maintenance import Maintenance, MaintenanceStatus
from domain.model.moment import iso
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

SCHEDULED = "maintenance.scheduled"
STARTED = "maintenance.started"
ENDED = "maintenance.ended"
UPDATED = "maintenance.updated"
CANCELLED = "maintenance.cancelled"
#: The reactive fields that time changes as well.
_OF_TIME = {"active", "status"}


class MaintenanceState(BaseModel):
    """The reactive part of a maintenance window."""

    status: MaintenanceStatus
    system_ids: list[str]
    #: The instances that take place now, by when they begin by the window's own times.
    active: list[str]


class MaintenancePayload(BaseModel):
    """The payload of all triggers of maintenance; it may hold further fields."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", populate_by_name=True)

    maintenance_id: str = Field(description="The window's id.")
    title: str = Field(description="Its title.")
    description: str | None = Field(default=None, description="Its description.")
    system_ids: list[str] = Field(description="The ids of its systems, sorted.")
    status: MaintenanceStatus = Field(description="Its status after the change.")
    starts_at: datetime = Field(description="When the instance that began or ended begins; else the first one.")
    ends_at: datetime = Field(description="When that instance ends.")
    original_start: datetime | None = Field(
        default=None, description="What that instance is known by; null where none began or ended."
    )
    recurrence: str | None = Field(default=None, description="The rule by which it takes place again.")
    time_zone: str = Field(description="The time zone of that rule.")
    timestamp: datetime = Field(description="When it was recorded here.")
    change_id: str = Field(description="The change that fired the trigger.")


def snapshot_of(maintenance: Maintenance) -> Snapshot[Maintenance]:
    """Return the handle's snapshot of a maintenance window."""
    active = {iso(each.original_start): [iso(each.starts_at), iso(each.ends_at)] for each in maintenance.active}
    return Snapshot(
        entity=maintenance,
        version=maintenance.version,
        state={
            "status": maintenance.status,
            "system_ids": sorted(maintenance.system_ids),
            "active": sorted(active),
        },
        facts=maintenance.facts(),
        aside={"instances": active},
        systems=maintenance.system_ids,
    )


def derive(change: Change) -> Sequence[str]:
    """Return the trigger events of a change of a maintenance window."""
    if change.next is None:
        return ()
    started, ended = _moved(change.prev, change.next)
    events = [ENDED] if ended else []
    if change.prev is None:
        events.append(SCHEDULED)
    elif change.next["status"] == MaintenanceStatus.CANCELLED != change.prev["status"]:
        events.append(CANCELLED)
    elif change.described_fields or not _OF_TIME.issuperset(change.changed_fields):
        events.append(UPDATED)
    return [*events, STARTED] if started else events


def to_payload(change: Change) -> Mapping[str, Any]:
    """Return the payload: the window, and the instance that began or ended if one did."""
    before, after = change.before or {}, change.after or {}
    started, ended = _moved(change.prev, change.next or {"active": ()})
    original = next(iter((*started, *ended)), None)
    known = {**(before.get("instances") or {}), **(after.get("instances") or {})}
    starts_at, ends_at = known.get(original) or (after.get("starts_at"), after.get("ends_at"))
    return {
        "maintenanceId": change.entity_id,
        "title": after.get("title"),
        "description": after.get("description"),
        "systemIds": after.get("system_ids"),
        "status": after.get("status"),
        "startsAt": starts_at,
        "endsAt": ends_at,
        "originalStart": original,
        "recurrence": after.get("recurrence"),
        "timeZone": after.get("time_zone"),
        "timestamp": iso(change.occurred_at),
        "changeId": change.id,
    }


def _moved(before: State | None, after: State) -> tuple[list[str], list[str]]:
    """Return the instances that began with a change, and those that ended."""
    was = before["active"] if before is not None else ()
    return [each for each in after["active"] if each not in was], [each for each in was if each not in after["active"]]


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Maintenance]]:
    found = await session.maintenance.get_many(ids)
    return {identifier: snapshot_of(maintenance) for identifier, maintenance in found.items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    await unit.maintenance.lock(ids)


async def _stamp(
    unit: UnitOfWork, snapshot: Snapshot[Maintenance], version: int, now: datetime
) -> Snapshot[Maintenance]:
    stamped = replace(snapshot.entity, version=version, updated_at=now)
    await unit.maintenance.stamp(stamped)
    return snapshot_of(stamped)


def _trigger(identifier: str, name: str, description: str, *, icon: str) -> Trigger:
    return Trigger(
        id=identifier,
        display_name=name,
        description=description,
        category="Maintenance",
        icon=icon,
        payload=MaintenancePayload,
        context_key="maintenanceId",
    )


_SCHEDULED = "A maintenance window was scheduled."
_STARTED = "A maintenance began, each time that it takes place."
_ENDED = "A maintenance ended: at its time, earlier by hand, or because its window was cancelled."
_UPDATED = "A maintenance window or one of its instances was changed, or a message was added to it."
_CANCELLED = "A maintenance window was cancelled as a whole."
MAINTENANCE: EntityKind[Maintenance] = EntityKind(
    name="maintenance",
    state=MaintenanceState,
    read=_read,
    rows="maintenances.id",
    lock=_lock,
    stamp=_stamp,
    derive=derive,
    to_payload=to_payload,
    triggers=(
        _trigger(SCHEDULED, "Maintenance Scheduled", _SCHEDULED, icon="CalendarPlus"),
        _trigger(STARTED, "Maintenance Started", _STARTED, icon="Wrench"),
        _trigger(ENDED, "Maintenance Ended", _ENDED, icon="CircleCheck"),
        _trigger(UPDATED, "Maintenance Updated", _UPDATED, icon="Pencil"),
        _trigger(CANCELLED, "Maintenance Cancelled", _CANCELLED, icon="CalendarX"),
    ),
    derived_facts=frozenset({"updated_at"}),
)
