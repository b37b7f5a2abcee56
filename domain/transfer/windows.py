"""Maintenance windows as they stand in files: their documents, and what these stand for, checked."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.errors import InvalidInputError
from domain.ids import is_id
from domain.model.change import Transition
from domain.model.histories import MaintenanceHistory
from domain.model.incident import SYSTEMS_PER_INCIDENT, canonical_systems
from domain.model.maintenance import LONGEST, Maintenance, MaintenanceInstance, MaintenanceStatus, MaintenanceUpdate
from domain.model.moment import iso, parse_iso
from domain.model.recurrence import checked_rule, checked_zone
from domain.model.texts import checked_description, checked_message, checked_title
from domain.transfer.shapes import MaintenanceInstanceShape, MaintenanceShape, MaintenanceUpdateShape, StepShape

_KIND = "maintenance"


def window_document(history: MaintenanceHistory) -> dict[str, Any]:
    """Return the document of a window, but for its transitions."""
    window = history.window
    return {
        "type": _KIND,
        "id": window.id,
        "title": window.title,
        "description": window.description,
        "visibility": window.visibility,
        "timeZone": window.time_zone,
        "startsAt": iso(window.starts_at),
        "endsAt": iso(window.ends_at),
        "recurrence": window.recurrence,
        "status": window.status,
        "systems": sorted(window.system_ids),
        "plannedUntil": _iso(window.planned_until),
        "revision": window.revision,
        "createdAt": iso(window.created_at),
        "updatedAt": iso(window.updated_at),
        "cancelledAt": _iso(window.cancelled_at),
        "createdBy": window.created_by.as_json(),
        "instances": [_instance_document(each) for each in history.instances],
        "updates": [_update_document(each) for each in history.updates],
    }


def window_of(shape: MaintenanceShape) -> MaintenanceHistory:
    """Return the window of a line.

    Raises:
        InvalidInputError: a value cannot be accepted, or two of them contradict each other.
    """
    if len(shape.systems) > SYSTEMS_PER_INCIDENT:
        raise InvalidInputError(f"A maintenance has at most {SYSTEMS_PER_INCIDENT} systems.", field=["systems"])
    _check_order(shape.starts_at, shape.ends_at)
    window = _window(shape)
    instances: list[MaintenanceInstance] = []
    for place, each in enumerate(shape.instances):
        if any(each.original_start == other.original_start for other in instances[-1:]):
            raise InvalidInputError("It is there twice.", field=["instances", str(place), "originalStart"])
        _check_order(each.starts_at, each.ends_at, "instances", str(place))
        instances.append(_instance(window, each))
    if [each.original_start for each in instances] != sorted(each.original_start for each in instances):
        raise InvalidInputError("They are not in the order of their beginnings.", field=["instances"])
    active = tuple(each for each in instances if each.status is MaintenanceStatus.ACTIVE)
    history = MaintenanceHistory(
        window=replace(window, active=active),
        instances=instances,
        updates=[_update(window, each) for each in shape.updates],
        transitions=[_transition(shape.id, place, step) for place, step in enumerate(shape.transitions)],
    )
    if window.status is not _following(history):
        raise InvalidInputError("It does not follow from the instances.", field=["status"])
    return history


def window_ids(history: MaintenanceHistory) -> list[str]:
    """Return the ids of a window, its instances and its messages, its own first."""
    return [history.window.id, *(each.id for each in history.instances), *(each.id for each in history.updates)]


def _window(shape: MaintenanceShape) -> Maintenance:
    zone = checked_zone(shape.time_zone)
    rule = shape.recurrence
    return Maintenance(
        id=shape.id,
        title=checked_title(shape.title),
        description=checked_description(shape.description),
        visibility=shape.visibility,
        time_zone=shape.time_zone,
        starts_at=shape.starts_at,
        ends_at=shape.ends_at,
        recurrence=None if rule is None else checked_rule(rule, first=shape.starts_at, zone=zone),
        status=shape.status,
        system_ids=canonical_systems(shape.systems),
        planned_until=shape.planned_until,
        revision=shape.revision,
        created_at=shape.created_at,
        updated_at=shape.updated_at,
        cancelled_at=shape.cancelled_at,
        created_by=shape.created_by.actor,
    )


def _instance(window: Maintenance, shape: MaintenanceInstanceShape) -> MaintenanceInstance:
    return MaintenanceInstance(
        id=shape.id,
        maintenance_id=window.id,
        original_start=shape.original_start,
        starts_at=shape.starts_at,
        ends_at=shape.ends_at,
        status=shape.status,
        title=None if shape.title is None else checked_title(shape.title),
        description=checked_description(shape.description),
        is_changed=shape.is_changed,
        visibility=window.visibility,
    )


def _update(window: Maintenance, shape: MaintenanceUpdateShape) -> MaintenanceUpdate:
    return MaintenanceUpdate(
        id=shape.id,
        maintenance_id=window.id,
        message=checked_message(shape.message),
        visibility=window.visibility,
        created_at=shape.created_at,
        created_by=shape.created_by.actor,
    )


def _transition(window_id: str, place: int, step: StepShape) -> Transition:
    for name, value in (("from", step.from_), ("to", step.to)):
        if value is not None and not _is_value(step.field, value):
            message = "It is no value of this field as the history has it."
            raise InvalidInputError(message, field=["transitions", str(place), name])
    return Transition(
        id=0,
        change_id="",
        kind=_KIND,
        entity_id=window_id,
        field=step.field,
        from_value=step.from_,
        to_value=step.to,
        occurred_at=step.at,
    )


def _is_value(name: str, text: str) -> bool:
    if name == "status":
        return text in set(MaintenanceStatus)
    try:
        listed = json.loads(text)
        if name == "active":
            return isinstance(listed, list) and all(iso(parse_iso(each)) == each for each in listed)
    except (ValueError, RecursionError, TypeError, AttributeError, InvalidInputError):
        return False
    return name == "system_ids" and isinstance(listed, list) and all(is_id(str(each), "sys") for each in listed)


def _following(history: MaintenanceHistory) -> MaintenanceStatus:
    """Return the status that a window has by its instances."""
    window = history.window
    if window.cancelled_at is not None:
        return MaintenanceStatus.CANCELLED
    if window.active:
        return MaintenanceStatus.ACTIVE
    is_planned = any(each.status is MaintenanceStatus.SCHEDULED for each in history.instances)
    is_open = is_planned or window.planned_until is not None
    return MaintenanceStatus.SCHEDULED if is_open else MaintenanceStatus.ENDED


def _check_order(starts_at: datetime, ends_at: datetime, *path: str) -> None:
    if not timedelta() < ends_at - starts_at <= LONGEST:
        raise InvalidInputError("A maintenance ends after it begins, within 90 days.", field=[*path, "endsAt"])


def _instance_document(instance: MaintenanceInstance) -> dict[str, Any]:
    return {
        "id": instance.id,
        "originalStart": iso(instance.original_start),
        "startsAt": iso(instance.starts_at),
        "endsAt": iso(instance.ends_at),
        "status": instance.status,
        "title": instance.title,
        "description": instance.description,
        "isChanged": instance.is_changed,
    }


def _update_document(update: MaintenanceUpdate) -> dict[str, Any]:
    return {
        "id": update.id,
        "message": update.message,
        "createdAt": iso(update.created_at),
        "createdBy": update.created_by.as_json(),
    }


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
