"""Incidents rebuilt from the pictures that the log keeps of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.model.actor import Actor
from domain.model.incident import HealthOverride, Incident, Severity, Status
from domain.model.moment import parse_iso

Picture = Mapping[str, Any]


def incident_of(incident_id: str, version: int, picture: Picture, *, dedupe_key: str) -> Incident:
    """Return the incident of a picture; older pictures lack the times of its earlier statuses."""
    override = picture.get("health_override")
    return Incident(
        id=incident_id,
        number=picture["number"],
        title=picture["title"],
        description=picture.get("description"),
        status=Status(picture["status"]),
        severity=Severity(picture["severity"]),
        suppress_notifications=picture["suppress_notifications"],
        health_override=HealthOverride(override) if override else None,
        dedupe_key=dedupe_key,
        system_ids=tuple(picture["system_ids"]),
        version=version,
        opened_by=Actor.from_json(picture["opened_by"]),
        occurred_at=parse_iso(picture["occurred_at"]),
        created_at=parse_iso(picture["created_at"]),
        updated_at=parse_iso(picture["updated_at"]),
        identified_at=_moment(picture, "identified_at"),
        fixing_at=_moment(picture, "fixing_at"),
        monitoring_at=_moment(picture, "monitoring_at"),
        resolved_at=_moment(picture, "resolved_at"),
        labels=tuple(sorted(picture.get("labels", {}).items())),
        acknowledged_at=_moment(picture, "acknowledged_at"),
        acknowledged_by=_actor(picture, "acknowledged_by"),
        snoozed_until=_moment(picture, "snoozed_until"),
        lead=_actor(picture, "lead"),
        assignees=tuple(Actor.from_json(person) for person in picture.get("assignees", ())),
    )


def _moment(picture: Picture, name: str) -> datetime | None:
    text = picture.get(name)
    return parse_iso(text) if text else None


def _actor(picture: Picture, name: str) -> Actor | None:
    known = picture.get(name)
    return Actor.from_json(known) if known else None
