"""What callers ask for. A field that is KEEP was not mentioned; None means that it is to be cleared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.viewer import Role, Visibility


class Keep(Enum):
    """The type of KEEP."""

    KEEP = "keep"


KEEP = Keep.KEEP
T = TypeVar("T")


def given(value: T | Keep, otherwise: T) -> T:
    """The value, or the other one where none was mentioned."""
    return otherwise if isinstance(value, Keep) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIncident:
    """Open an incident on systems named by id or key."""

    title: str
    severity: Severity
    systems: Sequence[str]
    description: str | None = None
    initial_message: str | None = None
    initial_visibility: Visibility = Visibility.PUBLIC
    suppress_notifications: bool = False
    health_override: HealthOverride | None = None
    dedupe_key: str | None = None
    dedupe_open_for_system: bool = False
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIncident:
    """Change an incident's fields; its status is changed by its timeline."""

    id: str
    title: str | Keep = KEEP
    description: str | Keep | None = KEEP
    severity: Severity | Keep = KEEP
    suppress_notifications: bool | Keep = KEEP
    health_override: HealthOverride | Keep | None = KEEP
    systems: Sequence[str] | Keep = KEEP
    occurred_at: datetime | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveIncident:
    """Resolve an incident, now or as of an earlier moment."""

    id: str
    message: str | None = None
    resolved_at: datetime | None = None
    visibility: Visibility = Visibility.PUBLIC
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIncidentUpdate:
    """Write on an incident's timeline, with a new status or without, now or as of an earlier moment."""

    incident_id: str
    message: str
    status_change: Status | None = None
    visibility: Visibility = Visibility.PUBLIC
    created_at: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditIncidentUpdate:
    """Change a timeline entry of an incident; its status can be changed but not taken away."""

    id: str
    incident_id: str
    message: str | Keep = KEEP
    status_change: Status | Keep = KEEP
    visibility: Visibility | Keep = KEEP
    created_at: datetime | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIncidentLink:
    """Put a link on an incident."""

    incident_id: str
    url: str
    label: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIncidentLink:
    """Change a link of an incident."""

    id: str
    incident_id: str
    url: str | Keep = KEEP
    label: str | Keep | None = KEEP
    visibility: Visibility | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSystem:
    """Add a system to the catalog."""

    key: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSystem:
    """Change a system, named by id or key; the key itself stays."""

    system: str
    name: str | Keep = KEEP
    description: str | Keep | None = KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSystemHealth:
    """Say how a system fares, named by id or key, and when that was seen; now where nothing is said."""

    system: str
    status: Health
    message: str | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    """Make an API token; without systems it is not limited to any."""

    name: str
    role: Role
    expires_at: datetime | None = None
    systems: Sequence[str] | None = None
