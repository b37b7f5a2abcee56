"""The lines of an export: each object of a history as one JSON object, its keys sorted."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from domain.ids import millis_of
from domain.model.actor import Actor
from domain.model.change import Transition
from domain.model.health_history import FAR, HealthSpan
from domain.model.histories import (
    History,
    IncidentHistory,
    MaintenanceHistory,
    PersonHistory,
    RelationHistory,
    SystemHealthHistory,
)
from domain.model.incident import IncidentLink, IncidentUpdate, IncidentUpdateVersion
from domain.model.moment import iso
from domain.model.system import System
from domain.transfer.windows import window_document

#: The version of the format. A reader refuses a greater one.
FORMAT = 1
Document = dict[str, Any]


def line_of(document: Mapping[str, Any]) -> bytes:
    """Return a document as a line."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def head(*, revision: str) -> Document:
    """Return the first line of a file."""
    return {"type": "incidentql", "format": FORMAT, "schema": revision}


def end(counts: Mapping[str, int]) -> Document:
    """Return the last line of a file, by which one that was cut off is known."""
    return {"type": "end", "counts": dict(counts)}


def document_of(history: History) -> Document:
    """Return the document of an object."""
    if isinstance(history, System):
        return _system(history)
    if isinstance(history, PersonHistory):
        actor = _actor(history.person.actor)
        return {"type": "person", "id": history.person.id, "actor": actor, "createdAt": iso(history.created_at)}
    if isinstance(history, SystemHealthHistory):
        return _health(history)
    if isinstance(history, MaintenanceHistory):
        return {**window_document(history), "transitions": _transitions(history.transitions)}
    return _relation(history) if isinstance(history, RelationHistory) else _incident(history)


def kind_of(history: History) -> str:
    """Return the type that the object's line says."""
    kinds = {
        System: "system",
        PersonHistory: "person",
        SystemHealthHistory: "health",
        RelationHistory: "relation",
        MaintenanceHistory: "maintenance",
    }
    return kinds.get(type(history), "incident")


def recorded_at(identifier: str) -> datetime:
    """Return the moment at which an object was recorded, which its id has in it."""
    return datetime.fromtimestamp(millis_of(identifier) / 1000, UTC)


def _system(system: System) -> Document:
    return {
        "type": "system",
        "id": system.id,
        "key": system.key,
        "name": system.name,
        "description": system.description,
        "createdAt": iso(system.created_at),
        "updatedAt": iso(system.updated_at),
    }


def _health(history: SystemHealthHistory) -> Document:
    health = history.health
    return {
        "type": "health",
        "system": health.system_id,
        "status": health.status,
        "message": health.message,
        "observedAt": iso(health.observed_at),
        "reportedAt": iso(health.reported_at),
        "transitions": _transitions(history.transitions),
        "spans": [_span(span) for span in history.spans],
    }


def _relation(history: RelationHistory) -> Document:
    one, other = history.one, history.other
    return {
        "type": "relation",
        "id": one.id,
        "otherId": other.id,
        "relation": one.type,
        "incident": one.incident_id,
        "other": one.related_id,
        "createdAt": iso(one.created_at),
        "createdBy": _actor(one.created_by),
    }


def _incident(history: IncidentHistory) -> Document:
    incident = history.incident
    versions: dict[str, list[IncidentUpdateVersion]] = {}
    for version in history.versions:
        versions.setdefault(version.update_id, []).append(version)
    return {
        "type": "incident",
        "id": incident.id,
        "number": incident.number,
        "title": incident.title,
        "description": incident.description,
        "status": incident.status,
        "severity": incident.severity,
        "suppressNotifications": incident.suppress_notifications,
        "healthOverride": incident.health_override,
        "dedupeKey": incident.dedupe_key,
        "systems": list(incident.system_ids),
        "openedBy": _actor(incident.opened_by),
        "occurredAt": iso(incident.occurred_at),
        "createdAt": iso(incident.created_at),
        "updatedAt": iso(incident.updated_at),
        "identifiedAt": _iso(incident.identified_at),
        "fixingAt": _iso(incident.fixing_at),
        "monitoringAt": _iso(incident.monitoring_at),
        "resolvedAt": _iso(incident.resolved_at),
        "labels": dict(incident.labels),
        "acknowledgedAt": _iso(incident.acknowledged_at),
        "acknowledgedBy": incident.acknowledged_by and _actor(incident.acknowledged_by),
        "snoozedUntil": _iso(incident.snoozed_until),
        "lead": incident.lead and _actor(incident.lead),
        "assignees": [_actor(person) for person in incident.assignees],
        "updates": [_update(update, versions.get(update.id, ())) for update in history.updates],
        "links": [_link(link) for link in history.links],
        "transitions": _transitions(history.transitions),
        "spans": [{"system": span.system_id, **_span(span)} for span in history.spans],
    }


def _update(update: IncidentUpdate, versions: Sequence[IncidentUpdateVersion]) -> Document:
    return {
        "id": update.id,
        "message": update.message,
        "status": update.names,
        "visibility": update.visibility,
        "at": iso(update.created_at),
        "recordedAt": iso(recorded_at(update.id)),
        "by": _actor(update.created_by),
        "editedAt": _iso(update.edited_at),
        "isOpening": update.is_opening,
        "versions": [_version(version) for version in versions],
    }


def _version(version: IncidentUpdateVersion) -> Document:
    return {
        "id": version.id,
        "message": version.message,
        "status": version.status_change,
        "visibility": version.visibility,
        "at": iso(version.created_at),
        "replacedAt": iso(version.replaced_at),
        "replacedBy": _actor(version.replaced_by),
    }


def _link(link: IncidentLink) -> Document:
    return {
        "id": link.id,
        "label": link.label,
        "url": link.url,
        "visibility": link.visibility,
        "createdAt": iso(link.created_at),
    }


def _transitions(transitions: Sequence[Transition]) -> list[Document]:
    return [
        {"field": step.field, "from": step.from_value, "to": step.to_value, "at": iso(step.occurred_at)}
        for step in transitions
    ]


def _span(span: HealthSpan) -> Document:
    return {
        "status": span.status,
        "beganAt": iso(span.began_at),
        "endedAt": None if span.ended_at == FAR else iso(span.ended_at),
        "setAt": _iso(span.set_at),
        "unsetAt": _iso(span.unset_at),
    }


def _actor(actor: Actor) -> Document:
    return actor.as_json()


def _iso(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
