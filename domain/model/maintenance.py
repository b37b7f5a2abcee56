"""Maintenance windows: planned work on systems, once or again and again, and each time that it takes place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInputError
from domain.model.actor import Actor
from domain.model.moment import iso
from domain.model.paging import Among
from domain.model.viewer import Visibility

#: How far ahead the instances of a window are stored.
HORIZON = timedelta(days=400)
#: They are stored anew once less than this lies ahead, so that this is rarely done.
REFILL = timedelta(days=370)
#: The most active and next instances of one system that are shown.
INSTANCES_SHOWN = 20
#: The most messages of one window that are shown, the newest ones.
UPDATES_SHOWN = 100
#: The longest time that one instance takes.
LONGEST = timedelta(days=90)
_SHORTEST = timedelta(minutes=1)
_FARTHEST = timedelta(days=5 * 366)
_OLDEST = timedelta(days=10 * 366)


class MaintenanceStatus(StrEnum):
    """The status of a maintenance window, or of one of its instances."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceInstance:
    """One time that a window takes place."""

    id: str
    maintenance_id: str
    #: When it begins by the window's own times: what it is known by, however it is moved.
    original_start: datetime
    starts_at: datetime
    ends_at: datetime
    status: MaintenanceStatus
    #: What is said of this instance instead of the window's own texts.
    title: str | None = None
    description: str | None = None
    is_changed: bool = False
    visibility: Visibility = Visibility.PUBLIC

    @property
    def due_at(self) -> datetime | None:
        """The moment at which time changes its status; None where that is final."""
        if self.status is MaintenanceStatus.SCHEDULED:
            return self.starts_at
        return self.ends_at if self.status is MaintenanceStatus.ACTIVE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceUpdate:
    """A message about a window, with its time."""

    id: str
    maintenance_id: str
    message: str
    visibility: Visibility
    created_at: datetime
    created_by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """One maintenance window, with its systems and the instances that take place now."""

    id: str
    title: str
    description: str | None
    visibility: Visibility
    #: The zone by whose clocks the window begins each time.
    time_zone: str
    #: Its first instance by its own times.
    starts_at: datetime
    ends_at: datetime
    #: The rule by which it takes place again; None for a window that takes place once.
    recurrence: str | None
    status: MaintenanceStatus
    system_ids: tuple[str, ...]
    active: tuple[MaintenanceInstance, ...] = ()
    #: Up to when its instances are stored; None where there are no more.
    planned_until: datetime | None
    #: The number of messages, and of instances that were changed or cancelled, so far.
    revision: int = 0
    created_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None = None
    created_by: Actor
    version: int = 1

    @property
    def duration(self) -> timedelta:
        """The length of each instance by the window's own times."""
        return self.ends_at - self.starts_at

    @property
    def is_over(self) -> bool:
        """Return whether it never takes place again."""
        return self.status in {MaintenanceStatus.ENDED, MaintenanceStatus.CANCELLED}

    def facts(self) -> dict[str, Any]:
        """Return the fields that describe it, as JSON."""
        return {
            "title": self.title,
            "description": self.description,
            "visibility": self.visibility,
            "time_zone": self.time_zone,
            "starts_at": iso(self.starts_at),
            "ends_at": iso(self.ends_at),
            "recurrence": self.recurrence,
            "revision": self.revision,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceFilter:
    """The windows, or instances, that are wanted; without values, all of them."""

    statuses: Sequence[MaintenanceStatus] = ()
    #: The ids or keys of systems, of which a window has one.
    systems: Sequence[str] = ()

    @property
    def among(self) -> Among:
        """The values that rows have in their columns, or behind the name `system`."""
        chosen = (("status", tuple(self.statuses)), ("system", tuple(self.systems)))
        return tuple((name, values) for name, values in chosen if values)


def checked_times(starts_at: datetime, ends_at: datetime, *, now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of an instance, as they are stored.

    Raises:
        InvalidInputError: it ends before it begins, takes too long, or lies too far away.
    """
    if ends_at <= starts_at:
        raise InvalidInputError("A maintenance has to end after it begins.", field=["endsAt"])
    if not _SHORTEST <= ends_at - starts_at <= LONGEST:
        raise InvalidInputError("A maintenance takes one minute to 90 days.", field=["endsAt"])
    if starts_at > now + _FARTHEST:
        raise InvalidInputError("A maintenance begins within the next five years.", field=["startsAt"])
    if starts_at < now - _OLDEST:
        raise InvalidInputError("This moment lies more than ten years back.", field=["startsAt"])
    # Calendars know whole seconds.
    return starts_at.replace(microsecond=0), ends_at.replace(microsecond=0)


def status_at(starts_at: datetime, now: datetime) -> MaintenanceStatus:
    """Return the status of an instance that is not over."""
    return MaintenanceStatus.ACTIVE if starts_at <= now else MaintenanceStatus.SCHEDULED
