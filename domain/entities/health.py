"""The health of systems as a reactive entity: its state, its trigger events and their payload.

There is one per system, under the system's id, from its first report on. A system without reports counts as healthy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.entities.kind import EntityKind, Past, Picture, Snapshot
from domain.entities.triggers import Trigger
from domain.model.change import Change
from domain.model.health import SystemHealth
from domain.model.incident import Health
from domain.model.moment import iso, parse_iso
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

CHANGED = "system.health_changed"
DEGRADED = "system.degraded"
HEALTHY = "system.healthy"


class HealthState(BaseModel):
    """The reactive part of a system's health."""

    status: Health


class HealthPayload(BaseModel):
    """The payload of all three health triggers; it may hold further fields."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", populate_by_name=True)

    system_id: str = Field(description="The system's id.")
    system_key: str = Field(description="The name that its owner chose for monitors to use.")
    system_name: str = Field(description="Its name for people, as of the change.")
    previous_status: Health = Field(description="The status before; healthy where nothing had been reported.")
    new_status: Health = Field(description="The status after the change.")
    message: str | None = Field(default=None, description="The message of the report.")
    under_maintenance: bool = Field(description="Whether the system was under maintenance at the report.")
    observed_at: datetime = Field(description="When the reporter saw it.")
    timestamp: datetime = Field(description="When it was recorded here.")
    change_id: str = Field(description="The change that fired the trigger.")


def snapshot_of(health: SystemHealth) -> Snapshot[SystemHealth]:
    """Return the handle's snapshot of a system's health; permission to write depends on that system alone."""
    return Snapshot(
        entity=health,
        version=health.version,
        state={"status": health.status},
        facts=health.facts(),
        aside=health.aside(),
        systems=(health.system_id,),
    )


def derive(change: Change) -> Sequence[str]:
    """Return the trigger events of a health change: one for every new status, one more to or from healthy."""
    if change.next is None:
        return ()
    before, after = _status_before(change), change.next["status"]
    if before == after:
        return ()
    if before == Health.HEALTHY:
        return (DEGRADED, CHANGED)
    return (HEALTHY, CHANGED) if after == Health.HEALTHY else (CHANGED,)


def to_payload(change: Change) -> Mapping[str, Any]:
    """Return the payload: the status before and after the change, and the report."""
    facts = change.after or {}
    return {
        "systemId": change.entity_id,
        "systemKey": facts.get("system_key"),
        "systemName": facts.get("system_name"),
        "previousStatus": _status_before(change),
        "newStatus": (change.next or {}).get("status"),
        "message": facts.get("message"),
        "underMaintenance": facts.get("under_maintenance", False),
        "observedAt": facts.get("observed_at"),
        "timestamp": iso(change.occurred_at),
        "changeId": change.id,
    }


def _status_before(change: Change) -> str:
    status: str = change.prev["status"] if change.prev is not None else Health.HEALTHY.value
    return status


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[SystemHealth]]:
    found = await session.health.get_many(ids)
    return {identifier: snapshot_of(health) for identifier, health in found.items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    # The system's row is locked, so that the order is always: systems, incidents, health.
    await unit.health.lock(ids)


async def _stamp(
    unit: UnitOfWork, snapshot: Snapshot[SystemHealth], version: int, _now: datetime
) -> Snapshot[SystemHealth]:
    await unit.health.stamp(snapshot.entity.system_id, version=version)
    return snapshot_of(replace(snapshot.entity, version=version))


async def _ids(session: ReadSession, limit: int) -> Sequence[str]:
    return await session.health.ids(limit)


def _pictured(picture: Picture) -> Snapshot[SystemHealth]:
    whole = picture.whole
    health = SystemHealth(
        system_id=picture.entity_id,
        system_key=whole["system_key"],
        system_name=whole["system_name"],
        status=Health(whole["status"]),
        message=whole.get("message"),
        observed_at=parse_iso(whole["observed_at"]),
        reported_at=picture.at,
        version=picture.version,
        under_maintenance=whole.get("under_maintenance", False),
    )
    return snapshot_of(health)


async def _put(unit: UnitOfWork, health: SystemHealth) -> None:
    await unit.health.put(health)


async def _delete(unit: UnitOfWork, system_id: str) -> None:
    await unit.health.delete(system_id)


def _trigger(identifier: str, name: str, description: str, *, icon: str) -> Trigger:
    return Trigger(
        id=identifier,
        display_name=name,
        description=description,
        category="Systems",
        icon=icon,
        payload=HealthPayload,
        context_key="systemId",
    )


_CHANGED = "The health of a system changed, for better or worse."
_DEGRADED = "A system that was healthy is degraded or unhealthy."
_HEALTHY = "A system that was degraded or unhealthy is healthy again."
HEALTH: EntityKind[SystemHealth] = EntityKind(
    name="health",
    state=HealthState,
    read=_read,
    rows="system_health.system_id",
    lock=_lock,
    stamp=_stamp,
    derive=derive,
    to_payload=to_payload,
    triggers=(
        _trigger(CHANGED, "System Health Changed", _CHANGED, icon="Activity"),
        _trigger(DEGRADED, "System Degraded", _DEGRADED, icon="TriangleAlert"),
        _trigger(HEALTHY, "System Healthy", _HEALTHY, icon="CircleCheck"),
    ),
    past=Past(ids=_ids, snapshot_of=_pictured, put=_put, delete=_delete),
)
