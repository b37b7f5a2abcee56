"""Incidents as reactive entities: their state, their trigger events and the payloads."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from domain.entities.kind import EntityKind, Snapshot, State
from domain.entities.triggers import Trigger
from domain.model.change import Change, ChangeAction
from domain.model.copies import changed
from domain.model.incident import Incident, Severity, Status, canonical_systems
from domain.model.moment import iso
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

CREATED = "incident.created"
UPDATED = "incident.updated"
RESOLVED = "incident.resolved"
ACKNOWLEDGED = "incident.acknowledged"
ASSIGNED = "incident.assigned"
#: What the payloads of events show besides the fields that they share.
_SHOWN = {ACKNOWLEDGED: ("acknowledged_at", "acknowledged_by"), ASSIGNED: ("lead", "assignees")}


class IncidentState(BaseModel):
    """The reactive part of an incident; unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore")

    status: Status
    severity: Severity
    system_ids: list[str]

    @field_validator("system_ids")
    @classmethod
    def _canonical(cls, system_ids: list[str]) -> list[str]:
        return list(canonical_systems(system_ids))


class _Payload(BaseModel):
    """The fields that all incident payloads share; a payload may hold further ones."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow", populate_by_name=True)

    incident_id: str = Field(description="The incident's id.")
    system_ids: list[str] = Field(description="The ids of the systems it affects, sorted.")
    title: str | None = Field(default=None, description="Its title.")
    severity: Severity = Field(description="Its severity.")
    reference: str | None = Field(default=None, description="The short name for people, such as INC-42.")
    description: str | None = Field(default=None, description="Its description.")
    created_at: datetime | None = Field(default=None, description="When it was opened.")
    resolved_at: datetime | None = Field(default=None, description="When it was resolved; null while it is open.")
    labels: dict[str, str] = Field(default_factory=dict, description="Its labels: the value of each key.")
    change_id: str | None = Field(default=None, description="The change that fired the trigger.")


class CreatedPayload(_Payload):
    """The payload of `incident.created`."""

    status: Status = Field(description="Its status.")
    status_change: Status | None = Field(default=None, description="Its status, which is new with the incident.")


class UpdatedPayload(_Payload):
    """The payload of `incident.updated`."""

    status: Status = Field(description="Its status.")
    status_change: Status | None = Field(default=None, description="The new status, where the status changed.")
    previous: dict[str, Any] | None = Field(default=None, description="What the changed fields were before.")


class ResolvedPayload(_Payload):
    """The payload of `incident.resolved`."""

    status: Status | None = Field(default=None, description="Its status, which is resolved.")
    status_change: Status | None = Field(default=None, description="Its new status, which is resolved.")
    previous: dict[str, Any] | None = Field(default=None, description="What the changed fields were before.")


class AcknowledgedPayload(_Payload):
    """The payload of `incident.acknowledged`."""

    status: Status = Field(description="Its status.")
    acknowledged_at: datetime = Field(description="When it was acknowledged.")
    acknowledged_by: dict[str, Any] = Field(description="The actor that did, by `type`, `id` and `name`.")


class AssignedPayload(_Payload):
    """The payload of `incident.assigned`."""

    status: Status = Field(description="Its status.")
    lead: dict[str, Any] | None = Field(default=None, description="Who leads, by `type`, `id` and `name`.")
    assignees: list[dict[str, Any]] = Field(description="Who takes part, by `type`, `id` and `name`.")


def project(incident: Incident) -> State:
    """Return the reactive part of an incident."""
    return {"status": incident.status, "severity": incident.severity, "system_ids": list(incident.system_ids)}


def snapshot_of(incident: Incident) -> Snapshot[Incident]:
    """Return the handle's snapshot of an incident."""
    return Snapshot(
        entity=incident,
        version=incident.version,
        state=project(incident),
        facts=incident.facts(),
        systems=incident.system_ids,
    )


def derive(change: Change) -> Sequence[str]:
    """Return the trigger events of an incident's change; none for a deletion.

    Of the reactive state: created, resolved or updated. Of what describes it: acknowledged, assigned.
    """
    if change.next is None:
        return ()
    if change.prev is None:
        return (CREATED,)
    return (*_of_state(change.prev, change.next), *_of_facts(change))


def _of_state(prev: State, following: State) -> Sequence[str]:
    if prev == following:
        return ()
    resolved = following["status"] == Status.RESOLVED and prev["status"] != Status.RESOLVED
    return (RESOLVED,) if resolved else (UPDATED,)


def _of_facts(change: Change) -> Iterator[str]:
    described, after = change.described_fields, change.after or {}
    if "acknowledged_at" in described and after.get("acknowledged_at") is not None:
        yield ACKNOWLEDGED
    if "lead" in described or "assignees" in described:
        yield ASSIGNED


def to_payload(change: Change) -> Mapping[str, Any]:
    """Return the payload: the state and the descriptive fields after the change."""
    state, facts = change.next or {}, change.after or {}
    system_ids = state.get("system_ids")
    payload: dict[str, Any] = {
        "incidentId": change.entity_id,
        "systemIds": system_ids if isinstance(system_ids, list) else [],
        "severity": state.get("severity"),
        "status": state.get("status"),
        "title": facts.get("title"),
        "description": facts.get("description"),
        "reference": f"INC-{facts['number']}" if "number" in facts else None,
        "createdAt": facts.get("created_at"),
        "resolvedAt": facts.get("resolved_at"),
        "labels": facts.get("labels") or {},
        "changeId": change.id,
    }
    if "status" in change.changed_fields and isinstance(state.get("status"), str):
        payload["statusChange"] = state["status"]
    for event in change.events:
        payload |= {to_camel(name): facts.get(name) for name in _SHOWN.get(event, ())}
    if change.changed_fields and change.prev is not None:
        payload["previous"] = {to_camel(name): change.prev.get(name) for name in change.changed_fields}
    return payload


async def _read(session: ReadSession, ids: Sequence[str]) -> Mapping[str, Snapshot[Incident]]:
    found = await session.incidents.get_many(ids)
    return {identifier: snapshot_of(incident) for identifier, incident in found.items()}


async def _lock(unit: UnitOfWork, ids: Sequence[str]) -> None:
    await unit.incidents.lock(ids)


async def _stamp(unit: UnitOfWork, snapshot: Snapshot[Incident], version: int, now: datetime) -> Snapshot[Incident]:
    incident = await unit.incidents.stamp(snapshot.entity, version=version, now=now)
    # All else is as it was.
    return changed(
        snapshot, entity=incident, version=version, facts={**snapshot.facts, "updated_at": iso(incident.updated_at)}
    )


def _name_action(prev: State | None, following: State | None) -> ChangeAction:
    if prev is None:
        return ChangeAction.CREATED
    if following is None:
        return ChangeAction.DELETED
    resolved = following["status"] == Status.RESOLVED and prev["status"] != Status.RESOLVED
    return ChangeAction.RESOLVED if resolved else ChangeAction.UPDATED


def _trigger(identifier: str, name: str, payload: type[BaseModel], description: str, *, icon: str) -> Trigger:
    return Trigger(
        id=identifier,
        display_name=name,
        description=description,
        category="Incidents",
        icon=icon,
        payload=payload,
        context_key="incidentId",
    )


_UPDATED = "The status, severity or systems of an incident changed, but not by resolving it; comments do not fire it."
_ACKNOWLEDGED = "An incident was acknowledged, the first time since it was opened or last reopened."
_ASSIGNED = "Other people lead an incident, or are assigned to it, than before."
INCIDENT: EntityKind[Incident] = EntityKind(
    name="incident",
    state=IncidentState,
    read=_read,
    rows="incidents.id",
    lock=_lock,
    stamp=_stamp,
    name_action=_name_action,
    derive=derive,
    to_payload=to_payload,
    triggers=(
        _trigger(CREATED, "Incident Created", CreatedPayload, "A new incident was opened.", icon="CircleAlert"),
        _trigger(UPDATED, "Incident Updated", UpdatedPayload, _UPDATED, icon="CircleAlert"),
        _trigger(RESOLVED, "Incident Resolved", ResolvedPayload, "An open incident was resolved.", icon="CircleCheck"),
        _trigger(ACKNOWLEDGED, "Incident Acknowledged", AcknowledgedPayload, _ACKNOWLEDGED, icon="UserCheck"),
        _trigger(ASSIGNED, "Incident Assigned", AssignedPayload, _ASSIGNED, icon="UserPlus"),
    ),
    derived_facts=frozenset({"updated_at"}),
    long_facts=frozenset({"description"}),
)
