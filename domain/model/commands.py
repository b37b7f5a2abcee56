"""Commands of callers. A field that is KEEP stays as it is; None clears it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.relation import RelationType
from domain.model.viewer import Role, Visibility


class Keep(Enum):
    """The type of KEEP."""

    KEEP = "keep"


KEEP = Keep.KEEP
T = TypeVar("T")


def given(value: T | Keep, otherwise: T) -> T:
    """Return the value, or the other one for KEEP."""
    return otherwise if isinstance(value, Keep) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIncident:
    """A command to open an incident on systems named by id or key."""

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
    labels: Sequence[tuple[str, str | None]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetIncidentLabels:
    """A command to set labels of an incident; one without a value is removed, others stay."""

    id: str
    labels: Sequence[tuple[str, str | None]]
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIncident:
    """A command to change an incident's fields; its status is changed by its timeline."""

    id: str
    title: str | Keep = KEEP
    description: str | Keep | None = KEEP
    severity: Severity | Keep = KEEP
    suppress_notifications: bool | Keep = KEEP
    health_override: HealthOverride | Keep | None = KEEP
    systems: Sequence[str] | Keep = KEEP
    #: Labels to set, or to remove where there is no value; others stay.
    labels: Sequence[tuple[str, str | None]] = ()
    occurred_at: datetime | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignIncident:
    """A command to name the people on an incident, by their ids."""

    id: str
    lead: str | Keep | None = KEEP
    assignees: Sequence[str] | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveIncident:
    """A command to resolve an incident, now or as of an earlier moment."""

    id: str
    message: str | None = None
    resolved_at: datetime | None = None
    visibility: Visibility = Visibility.PUBLIC
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIncidentUpdate:
    """A command to add a timeline entry, with or without a new status, now or as of an earlier moment."""

    incident_id: str
    message: str
    status_change: Status | None = None
    visibility: Visibility = Visibility.PUBLIC
    created_at: datetime | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditIncidentUpdate:
    """A command to edit a timeline entry; its status can be changed but not removed."""

    id: str
    incident_id: str
    message: str | Keep = KEEP
    status_change: Status | Keep = KEEP
    visibility: Visibility | Keep = KEEP
    created_at: datetime | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddIncidentLink:
    """A command to add a link to an incident."""

    incident_id: str
    url: str
    label: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateIncidentLink:
    """A command to change a link of an incident."""

    id: str
    incident_id: str
    url: str | Keep = KEEP
    label: str | Keep | None = KEEP
    visibility: Visibility | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelateIncidents:
    """A command to relate an incident to another, or to take that relation away."""

    id: str
    type: RelationType
    to: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeIncident:
    """A command to resolve an incident as a duplicate of another."""

    id: str
    into: str
    message: str | None = None
    visibility: Visibility = Visibility.PUBLIC
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateSystem:
    """A command to add a system to the catalog."""

    key: str
    name: str
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSystem:
    """A command to change a system, named by id or key; the key itself cannot be changed."""

    system: str
    name: str | Keep = KEEP
    description: str | Keep | None = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSystemHealth:
    """A command to report a system's health, by id or key, as observed at a moment, now by default."""

    system: str
    status: Health
    message: str | None = None
    observed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    """A command to create an API token; without systems it is not limited to any."""

    name: str
    role: Role
    expires_at: datetime | None = None
    systems: Sequence[str] | None = None
