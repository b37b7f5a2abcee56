"""Entities out of the pictures that the log keeps of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.model.actor import Actor
from domain.model.change import Change
from domain.model.health import SystemHealth
from domain.model.incident import Health, HealthOverride, Incident, Severity, Status
from domain.model.moment import parse_iso

Picture = Mapping[str, Any]


def incident_of(incident_id: str, version: int, picture: Picture, *, dedupe_key: str) -> Incident:
    """An incident as a picture shows it; older pictures do not tell when it entered its earlier statuses."""
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
    )


def _moment(picture: Picture, name: str) -> datetime | None:
    text = picture.get(name)
    return parse_iso(text) if text else None


def before_of(change: Change) -> Picture:
    """What an entity was before a change; a description that did not change is in the picture after it alone."""
    before, after = change.before or {}, change.after or {}
    return before if "description" in before else {**before, "description": after.get("description")}


def health_of(system_id: str, version: int, picture: Picture) -> SystemHealth:
    """A system's health as a picture shows it."""
    observed_at = parse_iso(picture["observed_at"])
    return SystemHealth(
        system_id=system_id,
        system_key=picture["system_key"],
        system_name=picture["system_name"],
        status=Health(picture["status"]),
        message=picture.get("message"),
        observed_at=observed_at,
        reported_at=observed_at,
        version=version,
    )
