"""The rule of timelines: an incident's status and times follow from its beginning and its entries.

The opening status, dated with the beginning, is the first element of every timeline, with or without an entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.model.incident import OPENING, Incident, Status
from domain.model.viewer import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An entry that names a status, without its text; a comment where that status was already in effect."""

    id: str
    at: datetime
    status: Status
    visibility: Visibility = Visibility.PUBLIC
    is_opening: bool = False
    is_comment: bool = False


def settled(incident: Incident, marks: Iterable[Mark]) -> tuple[Incident, list[Mark]]:
    """Return the incident by its timeline, and the marks in order, each with its `is_comment` set.

    Marks count in the order of their dates, then ids, regardless of the order in which they were written.
    """
    header = replace(incident, status=OPENING, identified_at=None, fixing_at=None, monitoring_at=None, resolved_at=None)
    read = []
    for mark in sorted(marks, key=_place):
        read.append(replace(mark, is_comment=mark.status is header.status and not mark.is_opening))
        # No entry may lie before the beginning, but a process of an older version may have written one.
        header = header.with_status(mark.status, at=max(mark.at, incident.occurred_at))
    return header.following(incident), read


def _place(mark: Mark) -> tuple[datetime, bool, str]:
    return mark.at, not mark.is_opening, mark.id
