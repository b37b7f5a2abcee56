"""Maintenance that was announced to the public: each time that a window takes place, with the dates of its news.

Of a window that takes place again and again, a time is announced once the one before it is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.model.maintenance import MaintenanceInstance, MaintenanceStatus, MaintenanceUpdate
from domain.model.public_page import PublicMaintenance, PublicPage


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedMaintenance:
    """One time of maintenance with its dates, and those messages of its window that were written for it."""

    shown: PublicMaintenance
    #: Whether it is what its window does now, or next, or did last.
    is_current: bool
    #: When it was the next one first.
    published_at: datetime
    #: The last moment at which it was announced, changed, begun, ended or cancelled, or got a message.
    updated_at: datetime
    #: The newest first.
    updates: Sequence[MaintenanceUpdate]


def announced(page: PublicPage, *, most_ahead: int, most_over: int) -> list[AnnouncedMaintenance]:
    """Return the maintenance of a page that was announced: what is not over, and what is, at most so many each.

    The order is that of their dates, newest first. It follows from statuses alone, which time changes by a change in
    the log: what was made of it once holds until then.
    """
    windows: dict[str, list[PublicMaintenance]] = {}
    for shown in page.maintenances:
        windows.setdefault(shown.window.id, []).append(shown)
    found = [each for listed in windows.values() for each in _of_window(listed, since=page.listed_since)]
    found.sort(key=lambda each: (each.updated_at, each.shown.name), reverse=True)
    ahead = [each for each in found if each.shown.instance.due_at is not None]
    over = [each for each in found if each.shown.instance.due_at is None]
    kept = {each.shown.name for each in (*ahead[:most_ahead], *over[:most_over])}
    return [each for each in found if each.shown.name in kept]


def _of_window(listed: Sequence[PublicMaintenance], *, since: datetime) -> list[AnnouncedMaintenance]:
    current = _current(listed, since=since)
    if current is None:
        return []
    last = current[-1].instance
    chosen = [shown for shown in listed if shown in current or _was_announced(shown.instance, last)]
    ended = [shown.instance for shown in listed if shown.instance.status is MaintenanceStatus.ENDED]
    return [_dated(shown, ended, is_current=shown in current) for shown in chosen]


def _current(listed: Sequence[PublicMaintenance], *, since: datetime) -> Sequence[PublicMaintenance] | None:
    """Return the times that a window takes place now, else the next one, else the last; None where that is unknown."""
    for status in (MaintenanceStatus.ACTIVE, MaintenanceStatus.SCHEDULED):
        found = [shown for shown in listed if shown.instance.status is status]
        if found:
            return found if status is MaintenanceStatus.ACTIVE else found[:1]
    cancelled_at = listed[0].window.cancelled_at
    if cancelled_at is None:
        return listed[-1:]
    dropped = [shown for shown in listed if shown.instance.status is MaintenanceStatus.CANCELLED]
    dropped = [shown for shown in dropped if shown.instance.starts_at >= cancelled_at]
    if not dropped:
        return listed[-1:]
    # Of a window that was cancelled as a whole, the one that would have been next; where the list begins later, it is
    # not among them.
    return dropped[:1] if cancelled_at >= since else None


def _was_announced(instance: MaintenanceInstance, current: MaintenanceInstance) -> bool:
    """Return whether this time was the next one before the current one was."""
    if instance.status is MaintenanceStatus.SCHEDULED:
        # It was put off until after the one that followed it.
        return instance.is_changed and instance.original_start < current.original_start
    return instance.status is MaintenanceStatus.ENDED or instance.starts_at < current.starts_at


def _dated(shown: PublicMaintenance, ended: Sequence[MaintenanceInstance], *, is_current: bool) -> AnnouncedMaintenance:
    window, instance = shown.window, shown.instance
    before = [each.ends_at for each in ended if each.starts_at < instance.starts_at]
    published_at = max([window.created_at, *before])
    updated_at, until = window.updated_at, None
    if not is_current and instance.due_at is None:
        # What happened to its window later happened to others. That it was cancelled has no date of its own: before it
        # would have begun, and no later than all else.
        is_ended = instance.status is MaintenanceStatus.ENDED
        until = instance.ends_at if is_ended else instance.starts_at
        updated_at = until if is_ended else min(window.updated_at, until)
    after = max(before, default=None)
    return AnnouncedMaintenance(
        shown=shown,
        is_current=is_current,
        published_at=published_at,
        updated_at=max(updated_at, published_at),
        updates=[update for update in shown.updates if _is_within(update.created_at, after, until)],
    )


def _is_within(moment: datetime, after: datetime | None, until: datetime | None) -> bool:
    return (after is None or moment > after) and (until is None or moment <= until)
