"""Inputs about maintenance windows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model import maintenance as model
from domain.model.paging import Among
from domain.services.maintenance.commands import (
    AddMaintenanceUpdate,
    ChangeMaintenanceInstance,
    ScheduleMaintenance,
    UpdateMaintenance,
)
from gql.inputs.given import kept_or_cleared, kept_or_set, read_input, value_or_none
from gql.types.enums import Visibility
from gql.types.maintenance_enums import MaintenanceStatus

_TITLE = "Its title, 1 to 200 characters in one line."
_DESCRIPTION = "Its description, at most 20,000 characters of Markdown."
_SYSTEMS = "Its systems, 1 to 100, by id or key."
_ENDS = "When that ends: one minute to 90 days later."
_ZONE = "The IANA name of the time zone by whose clocks it begins each time, such as `Europe/Berlin`."
_RULE = (
    "The rule by which it takes place again, an RRULE of iCalendar such as `FREQ=MONTHLY;BYDAY=1SU`: FREQ (DAILY, "
    "WEEKLY, MONTHLY or YEARLY), INTERVAL, COUNT or UNTIL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and WKST. `startsAt` "
    "has to be its first time."
)
_VERSION = "The version that the caller saw; the write is refused where the window has another one now."
_STATUSES = "Only those with one of these statuses."
_MOST_SYSTEMS = 100
_KEY = "A key of the caller's choice: a repeated call gets the payload of the first."


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.input(description="Maintenance to schedule. What begins in the past and ends in the future begins at once.")
class ScheduleMaintenanceInput:
    title: str = _field(_TITLE)
    system_ids: list[str] = _field(_SYSTEMS)
    starts_at: datetime = _field("When its first instance begins, in whole seconds, within five years.")
    ends_at: datetime = _field(_ENDS)
    description: str | None = _optional(_DESCRIPTION)
    time_zone: str | None = _optional(f"{_ZONE} By default UTC.")
    recurrence: str | None = _optional(f"{_RULE} By default it takes place once.")
    visibility: Visibility | None = _optional("Who may see it; by default PUBLIC.")
    idempotency_key: str | None = _optional(_KEY)

    def command(self) -> ScheduleMaintenance:
        return ScheduleMaintenance(
            title=self.title,
            systems=self.system_ids,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            description=value_or_none(self.description),
            time_zone=value_or_none(self.time_zone) or "UTC",
            recurrence=value_or_none(self.recurrence),
            visibility=value_or_none(self.visibility) or Visibility.PUBLIC,
        )


@strawberry.input(
    description=(
        "The fields of a window to change: absent ones stay, null clears. Other times replace all instances to come, "
        "but changed and cancelled ones that the window still has."
    )
)
class UpdateMaintenanceInput:
    id: strawberry.ID = _field("The window's id.")
    title: str | None = _optional(_TITLE)
    description: str | None = _optional(f"{_DESCRIPTION} Null clears it.")
    system_ids: list[str] | None = _optional(_SYSTEMS)
    starts_at: datetime | None = _optional("When its first instance begins; without `endsAt`, the end moves with it.")
    ends_at: datetime | None = _optional(_ENDS)
    time_zone: str | None = _optional(_ZONE)
    recurrence: str | None = _optional(f"{_RULE} Null: it takes place once.")
    visibility: Visibility | None = _optional("Who may see it, with its instances and messages.")
    expected_version: int | None = _optional(_VERSION)

    def command(self) -> UpdateMaintenance:
        return UpdateMaintenance(
            id=self.id,
            title=kept_or_set(self.title, "title"),
            description=kept_or_cleared(self.description),
            systems=kept_or_set(self.system_ids, "systemIds"),
            starts_at=kept_or_set(self.starts_at, "startsAt"),
            ends_at=kept_or_set(self.ends_at, "endsAt"),
            time_zone=kept_or_set(self.time_zone, "timeZone"),
            recurrence=kept_or_cleared(self.recurrence),
            visibility=kept_or_set(self.visibility, "visibility"),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="A window to cancel as a whole. What takes place now ends.")
class CancelMaintenanceInput:
    id: strawberry.ID = _field("The window's id.")
    expected_version: int | None = _optional(_VERSION)


@strawberry.input(description="A window of which that ends which takes place now.")
class EndMaintenanceInput:
    id: strawberry.ID = _field("The window's id.")
    expected_version: int | None = _optional(_VERSION)


@strawberry.input(description="The fields of one instance to change: absent ones stay.")
class ChangeMaintenanceInstanceInput:
    id: strawberry.ID = _field("The window's id.")
    original_start: datetime = _field("What the instance is known by: its `originalStart`.")
    starts_at: datetime | None = _optional("When it begins; not of one that has begun.")
    ends_at: datetime | None = _optional("When it ends, in the future.")
    title: str | None = _optional("Its own title; null: that of the window.")
    description: str | None = _optional("Its own description; null: that of the window.")
    expected_version: int | None = _optional(_VERSION)

    def command(self) -> ChangeMaintenanceInstance:
        return ChangeMaintenanceInstance(
            id=self.id,
            original_start=self.original_start,
            starts_at=kept_or_set(self.starts_at, "startsAt"),
            ends_at=kept_or_set(self.ends_at, "endsAt"),
            title=kept_or_cleared(self.title),
            description=kept_or_cleared(self.description),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="An instance to cancel that is to come.")
class CancelMaintenanceInstanceInput:
    id: strawberry.ID = _field("The window's id.")
    original_start: datetime = _field("What the instance is known by: its `originalStart`.")
    expected_version: int | None = _optional(_VERSION)


@strawberry.input(description="A message to add to a window.")
class AddMaintenanceUpdateInput:
    id: strawberry.ID = _field("The window's id.")
    message: str = _field("The message, 1 to 25,000 characters, for those who may see the window.")
    expected_version: int | None = _optional(_VERSION)
    idempotency_key: str | None = _optional(_KEY)

    def command(self) -> AddMaintenanceUpdate:
        return AddMaintenanceUpdate(
            id=self.id, message=self.message, expected_version=value_or_none(self.expected_version)
        )


@strawberry.input(description="Conditions on maintenance windows.")
class MaintenanceFilter:
    statuses: list[MaintenanceStatus] | None = _optional(_STATUSES)
    systems: list[str] | None = _optional(
        "Only those of one of these systems, 1 to 100, by id or key. One that is not in the catalog has none."
    )


@strawberry.input(description="Conditions on the instances of maintenance windows.")
class MaintenanceInstanceFilter:
    statuses: list[MaintenanceStatus] | None = _optional(_STATUSES)


def maintenance_filter(given: MaintenanceFilter | UnsetType | None) -> model.MaintenanceFilter:
    """Return the domain's filter for a caller's.

    Raises:
        InvalidInputError: a list is empty, which would never match, or has too many systems.
    """
    if given is None or isinstance(given, UnsetType):
        return model.MaintenanceFilter()
    systems = value_or_none(given.systems)
    if systems is not None and not 1 <= len(systems) <= _MOST_SYSTEMS:
        message = f"Name 1 to {_MOST_SYSTEMS} systems, or leave them out for all."
        raise InvalidInputError(message, field=["filter", "systems"])
    return model.MaintenanceFilter(statuses=_statuses(given), systems=tuple(dict.fromkeys(systems or ())))


def instance_filter(given: MaintenanceInstanceFilter | UnsetType | None) -> model.MaintenanceFilter:
    """Return the domain's filter of instances for a caller's.

    Raises:
        InvalidInputError: the list of statuses is empty, which would never match.
    """
    if given is None or isinstance(given, UnsetType):
        return model.MaintenanceFilter()
    return model.MaintenanceFilter(statuses=_statuses(given))


def windows_wanted(arguments: Mapping[str, Any]) -> Among:
    """Return the values that windows have, from the arguments of a list.

    Raises:
        InvalidInputError: see `maintenance_filter`.
    """
    return maintenance_filter(read_input(MaintenanceFilter, arguments.get("filter"))).among


def instances_wanted(arguments: Mapping[str, Any]) -> Among:
    """Return the values that instances have, from the arguments of a list.

    Raises:
        InvalidInputError: see `instance_filter`.
    """
    return instance_filter(read_input(MaintenanceInstanceFilter, arguments.get("filter"))).among


def _statuses(given: MaintenanceFilter | MaintenanceInstanceFilter) -> tuple[MaintenanceStatus, ...]:
    statuses = value_or_none(given.statuses)
    if statuses is not None and not statuses:
        raise InvalidInputError("Name at least one status, or leave it out for all.", field=["filter", "statuses"])
    return tuple(dict.fromkeys(statuses or ()))
