"""The news in a change: what of it the public sees, and visitors get a message about.

As in the feeds: new incidents, new statuses, public updates, more systems; and of public maintenance that it is
planned, changed, begun, ended or cancelled, and messages about it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.entities import maintenance
from domain.entities.incident import CREATED, INCIDENT, RESOLVED
from domain.entities.maintenance import MAINTENANCE
from domain.model.change import Change, TouchKind
from domain.model.maintenance import MaintenanceStatus
from domain.model.viewer import Audience, Visibility

#: The kinds of what visitors are told of.
KINDS = (INCIDENT.name, MAINTENANCE.name)
_TIMES = {"starts_at", "ends_at", "recurrence", "time_zone"}
_OVER = {MaintenanceStatus.ENDED, MaintenanceStatus.CANCELLED}


class NewsType(StrEnum):
    """The type of a piece of news, and of the messages about it."""

    OPENED = "incident.opened"
    UPDATED = "incident.updated"
    SPREAD = "incident.spread"
    RESOLVED = "incident.resolved"
    PLANNED = "maintenance.planned"
    CHANGED = "maintenance.changed"
    STARTED = "maintenance.started"
    ENDED = "maintenance.ended"
    CANCELLED = "maintenance.cancelled"
    MESSAGE = "maintenance.updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A change as the public sees it."""

    type: NewsType
    #: Whom it concerns: the systems that it is about.
    system_ids: Sequence[str]
    #: The updates, or messages, that became public with it.
    update_ids: Sequence[str]
    #: Whether nothing but those is new: without them there is no message.
    is_all_text: bool = False


def news_in(change: Change) -> News | None:
    """Return what is news to the public in a change; None where there is none.

    Changes that fire nothing, of imports and erasures, are no news, whatever they changed.
    """
    if change.next is None:
        return None
    return _of_incident(change) if change.kind == INCIDENT.name else _of_maintenance(change)


def _of_incident(change: Change) -> News | None:
    following, updates = change.next or {}, _published(change)
    system_ids = following["system_ids"]
    if change.prev is None:
        is_news = CREATED in change.events
        return News(type=NewsType.OPENED, system_ids=system_ids, update_ids=updates) if is_news else None
    if RESOLVED in change.events:
        return News(type=NewsType.RESOLVED, system_ids=system_ids, update_ids=updates)
    has_status = bool(change.events) and "status" in change.changed_fields
    if updates or has_status:
        return News(type=NewsType.UPDATED, system_ids=system_ids, update_ids=updates, is_all_text=not has_status)
    added = [system for system in following["system_ids"] if system not in change.prev["system_ids"]]
    if change.events and added:
        return News(type=NewsType.SPREAD, system_ids=added, update_ids=())
    return None


def _of_maintenance(change: Change) -> News | None:
    before, after, following = change.before or {}, change.after or {}, change.next or {}
    if after.get("visibility") != Visibility.PUBLIC:
        return None
    was_public = change.prev is not None and before.get("visibility", Visibility.PUBLIC) == Visibility.PUBLIC
    updates = _published(change)
    found = _type_of(change, was_public=was_public)
    if found is None and updates:
        found = NewsType.MESSAGE
    if found is None:
        return None
    is_all_text = found is NewsType.MESSAGE
    return News(type=found, system_ids=following["system_ids"], update_ids=updates, is_all_text=is_all_text)


def _type_of(change: Change, *, was_public: bool) -> NewsType | None:
    events, status = set(change.events), (change.next or {}).get("status")
    if maintenance.CANCELLED in events:
        # Of one that was hidden until then, nobody has to know.
        return NewsType.CANCELLED if was_public else None
    if maintenance.STARTED in events:
        return NewsType.STARTED
    if maintenance.ENDED in events:
        return NewsType.ENDED if was_public else None
    if maintenance.SCHEDULED in events or (events and not was_public and status not in _OVER):
        return NewsType.STARTED if status == MaintenanceStatus.ACTIVE else NewsType.PLANNED
    is_moved = not _TIMES.isdisjoint(change.described_fields) or any(
        part.part == "instances" for part in change.touched_for(Audience.PUBLIC)
    )
    return NewsType.CHANGED if maintenance.UPDATED in events and is_moved and status not in _OVER else None


def _published(change: Change) -> list[str]:
    """Return the ids of updates that became public with a change: written so, or shown later."""
    return [
        part.id
        for part in change.touched_for(Audience.PUBLIC)
        if part.part == "updates" and part.kind is TouchKind.ADDED
    ]
