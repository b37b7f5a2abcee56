"""Commands about maintenance windows. A field that is KEEP stays as it is; None clears it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.model.commands import KEEP, Keep
from domain.model.viewer import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleMaintenance:
    """A command to schedule maintenance of systems named by id or key, once or by a rule."""

    title: str
    systems: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    description: str | None = None
    time_zone: str = "UTC"
    recurrence: str | None = None
    visibility: Visibility = Visibility.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMaintenance:
    """A command to change a window, and with it all of its instances to come."""

    id: str
    title: str | Keep = KEEP
    description: str | Keep | None = KEEP
    systems: Sequence[str] | Keep = KEEP
    starts_at: datetime | Keep = KEEP
    ends_at: datetime | Keep = KEEP
    time_zone: str | Keep = KEEP
    recurrence: str | Keep | None = KEEP
    visibility: Visibility | Keep = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMaintenanceInstance:
    """A command to change one instance, named by its beginning by the window's own times."""

    id: str
    original_start: datetime
    starts_at: datetime | Keep = KEEP
    ends_at: datetime | Keep = KEEP
    title: str | Keep | None = KEEP
    description: str | Keep | None = KEEP
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMaintenanceUpdate:
    """A command to add a message to a window."""

    id: str
    message: str
    expected_version: int | None = None
