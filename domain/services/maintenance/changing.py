"""The results of commands on windows and instances, without writing them."""

from dataclasses import replace
from datetime import datetime

from domain.errors import ConflictError, InvalidInputError
from domain.model.commands import Keep, given
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceStatus, checked_times
from domain.model.recurrence import checked_rule, checked_zone
from domain.model.texts import checked_description, checked_title
from domain.services.maintenance.commands import ChangeMaintenanceInstance, UpdateMaintenance


def with_changes(before: Maintenance, command: UpdateMaintenance, *, now: datetime) -> tuple[Maintenance, bool]:
    """Return a window with the changes of a command, and whether its times are others.

    Raises:
        InvalidInputError: a text, a moment, the time zone or the rule cannot be accepted.
        ConflictError: the window is over, or takes place now and would begin at another time.
    """
    if before.is_over:
        raise ConflictError("This maintenance is over: schedule another one.", field=["id"])
    description = command.description
    told = replace(
        before,
        title=before.title if isinstance(command.title, Keep) else checked_title(command.title),
        description=before.description if isinstance(description, Keep) else checked_description(description),
        visibility=given(command.visibility, before.visibility),
    )
    times = (command.starts_at, command.ends_at, command.time_zone, command.recurrence)
    if all(isinstance(each, Keep) for each in times):
        return told, False
    after = _timed(told, command, now=now)
    is_moved = _times(after) != _times(before)
    if is_moved and before.active and before.recurrence is None and after.starts_at != before.starts_at:
        raise ConflictError("This maintenance has begun already.", field=["startsAt"])
    return after, is_moved


def changed_instance(
    before: MaintenanceInstance, command: ChangeMaintenanceInstance, *, now: datetime
) -> MaintenanceInstance:
    """Return an instance with the changes of a command.

    Raises:
        InvalidInputError: a text or a moment cannot be accepted.
        ConflictError: the instance is over, or has begun and would begin at another time.
    """
    if before.due_at is None:
        raise ConflictError("This instance is over.", field=["originalStart"])
    title, description = command.title, command.description
    starts_at, ends_at = given(command.starts_at, before.starts_at), given(command.ends_at, before.ends_at)
    if (starts_at, ends_at) != (before.starts_at, before.ends_at):
        starts_at, ends_at = checked_times(starts_at, ends_at, now=now)
        check_end(ends_at, now=now)
    if before.status is MaintenanceStatus.ACTIVE and starts_at != before.starts_at:
        raise ConflictError("This instance has begun already.", field=["startsAt"])
    after = replace(
        before,
        starts_at=starts_at,
        ends_at=ends_at,
        status=MaintenanceStatus.ACTIVE if starts_at <= now else before.status,
        title=before.title if isinstance(title, Keep) else None if title is None else checked_title(title),
        description=before.description if isinstance(description, Keep) else checked_description(description),
    )
    return before if after == before else replace(after, is_changed=True)


def check_end(ends_at: datetime, *, now: datetime) -> None:
    """Check that an end is to come.

    Raises:
        InvalidInputError: it is past.
    """
    if ends_at <= now:
        raise InvalidInputError(
            "This end is past. What takes place now is ended by `endMaintenance`.", field=["endsAt"]
        )


def _timed(before: Maintenance, command: UpdateMaintenance, *, now: datetime) -> Maintenance:
    starts_at, ends_at = given(command.starts_at, before.starts_at), given(command.ends_at, before.ends_at)
    if isinstance(command.ends_at, Keep):
        # Moved as a whole.
        ends_at = starts_at + before.duration
    starts_at, ends_at = checked_times(starts_at, ends_at, now=now)
    time_zone = given(command.time_zone, before.time_zone)
    zone = checked_zone(time_zone)
    rule = given(command.recurrence, before.recurrence)
    if rule is not None:
        rule = checked_rule(rule, first=starts_at, zone=zone)
    return replace(before, starts_at=starts_at, ends_at=ends_at, time_zone=time_zone, recurrence=rule)


def _times(maintenance: Maintenance) -> tuple[object, ...]:
    return maintenance.starts_at, maintenance.ends_at, maintenance.time_zone, maintenance.recurrence
