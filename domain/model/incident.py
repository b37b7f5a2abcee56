"""Incidents, their timeline entries and links, and the rules that depend on nothing else."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from domain.model.actor import Actor
from domain.model.copies import changed
from domain.model.labels import Labels
from domain.model.moment import iso
from domain.model.viewer import Visibility

SYSTEMS_PER_INCIDENT = 100
RESOLVED_MESSAGE = "Incident resolved"


class Status(StrEnum):
    """The status of an incident; any status may follow any other."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    FIXING = "fixing"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """The severity of an incident, from least to worst."""

    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The rank for comparing and ordering, from 1 for minor to 3 for critical."""
        return _SEVERITY_RANK[self]


#: The status that every incident begins with.
OPENING = Status.INVESTIGATING
_SEVERITY_RANK = {severity: rank for rank, severity in enumerate(Severity, start=1)}


class Health(StrEnum):
    """The health of a system, from best to worst."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class HealthOverride(StrEnum):
    """The health that an open incident sets for its systems, whatever was reported."""

    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident, immutable: a change makes a new one."""

    id: str
    number: int
    title: str
    description: str | None
    status: Status
    severity: Severity
    suppress_notifications: bool
    health_override: HealthOverride | None
    dedupe_key: str
    system_ids: tuple[str, ...]
    version: int
    opened_by: Actor
    occurred_at: datetime
    created_at: datetime
    updated_at: datetime
    identified_at: datetime | None = None
    fixing_at: datetime | None = None
    monitoring_at: datetime | None = None
    resolved_at: datetime | None = None
    labels: Labels = ()
    #: The first acknowledgement since it was opened or last reopened.
    acknowledged_at: datetime | None = None
    acknowledged_by: Actor | None = None
    #: Until when reminders are silenced.
    snoozed_until: datetime | None = None
    #: Who leads the work on it, and who takes part.
    lead: Actor | None = None
    assignees: tuple[Actor, ...] = ()

    @property
    def is_open(self) -> bool:
        """Return whether the incident is not resolved."""
        return self.status is not Status.RESOLVED

    @property
    def reference(self) -> str:
        """The short name for people, such as `INC-42`."""
        return reference_of(self.number)

    @property
    def time_to_resolve_seconds(self) -> float | None:
        """The seconds from its occurrence to its present resolution; None while open."""
        return (self.resolved_at - self.occurred_at).total_seconds() if self.resolved_at else None

    @property
    def time_to_acknowledge_seconds(self) -> float | None:
        """The seconds from its occurrence to its acknowledgement; None without one."""
        return (self.acknowledged_at - self.occurred_at).total_seconds() if self.acknowledged_at else None

    def with_status(self, status: Status, *, at: datetime) -> Self:
        """Return the incident in that status since that moment; unchanged where it has the status already.

        One step of the rule of timelines: of a status entered several times, the last time counts.
        """
        if status is self.status:
            return self
        return changed(
            self,
            status=status,
            identified_at=at if status is Status.IDENTIFIED else self.identified_at,
            fixing_at=at if status is Status.FIXING else self.fixing_at,
            monitoring_at=at if status is Status.MONITORING else self.monitoring_at,
            resolved_at=at if status is Status.RESOLVED else None,
        )

    def following(self, before: "Incident") -> Self:
        """Return the incident as it follows on another state of it: reopening ends an acknowledgement and a snooze."""
        is_reopened = self.is_open and not before.is_open
        return changed(self, acknowledged_at=None, acknowledged_by=None, snoozed_until=None) if is_reopened else self

    def facts(self) -> dict[str, Any]:
        """Return the descriptive fields that filters, payloads and live views use, as JSON."""
        return {
            "number": self.number,
            "title": self.title,
            "description": self.description,
            "suppress_notifications": self.suppress_notifications,
            "health_override": self.health_override,
            "opened_by": self.opened_by.as_json(),
            "occurred_at": iso(self.occurred_at),
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "identified_at": _iso_or_none(self.identified_at),
            "fixing_at": _iso_or_none(self.fixing_at),
            "monitoring_at": _iso_or_none(self.monitoring_at),
            "resolved_at": _iso_or_none(self.resolved_at),
            "labels": dict(self.labels),
            "acknowledged_at": _iso_or_none(self.acknowledged_at),
            "acknowledged_by": self.acknowledged_by.as_json() if self.acknowledged_by else None,
            "snoozed_until": _iso_or_none(self.snoozed_until),
            "lead": self.lead.as_json() if self.lead else None,
            "assignees": [person.as_json() for person in self.assignees],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentUpdate:
    """One entry of an incident's timeline."""

    id: str
    incident_id: str
    message: str
    status_change: Status | None
    visibility: Visibility
    created_at: datetime
    created_by: Actor
    edited_at: datetime | None = None
    #: The status that a comment names: the one in effect at its date.
    comment_status: Status | None = None
    #: Whether it is the opening entry: it is dated with the incident's beginning, and moves with it.
    is_opening: bool = False

    @property
    def names(self) -> Status | None:
        """The status that the entry names, whether it changed the incident's or not."""
        return self.status_change or self.comment_status


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentUpdateVersion:
    """A former version of a timeline entry."""

    id: str
    update_id: str
    message: str
    status_change: Status | None
    visibility: Visibility
    created_at: datetime
    replaced_at: datetime
    replaced_by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentLink:
    """A link from an incident to a page elsewhere; its URL is unique on the incident."""

    id: str
    incident_id: str
    label: str | None
    url: str
    visibility: Visibility
    created_at: datetime


def digest_of(url: str) -> str:
    """Return the text by which a link is found by its URL, which may be long."""
    return hashlib.sha256(url.encode()).hexdigest()


def reference_of(number: int) -> str:
    """Return the human name of the incident with that number."""
    return f"INC-{number}"


def canonical_systems(system_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids sorted and unique, so that their order makes no difference."""
    return tuple(sorted(set(system_ids)))


def _iso_or_none(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None
