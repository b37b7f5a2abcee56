"""The one rule of timelines: what an incident's beginning and its entries make of its status and its times.

The opening status, dated with the beginning, is the first element of every timeline, with or without an entry.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from domain.model.incident import OPENING, Incident, Status
from domain.model.viewer import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An entry that names a status, without its text; a comment where that status held at its date anyway."""

    id: str
    at: datetime
    status: Status
    visibility: Visibility = Visibility.PUBLIC
    is_opening: bool = False
    is_comment: bool = False


def settled(incident: Incident, marks: Iterable[Mark]) -> tuple[Incident, list[Mark]]:
    """The incident as its timeline has it, and the marks in their order, each a comment or not by what held before it.

    They are read in the order of their dates, then ids, whatever order they were written in.
    """
    header = replace(incident, status=OPENING, identified_at=None, fixing_at=None, monitoring_at=None, resolved_at=None)
    read = []
    for mark in sorted(marks, key=_place):
        read.append(replace(mark, is_comment=mark.status is header.status and not mark.is_opening))
        # Nothing lies before the beginning; a process of an older version may still have written something there.
        header = header.with_status(mark.status, at=max(mark.at, incident.occurred_at))
    return header, read


def _place(mark: Mark) -> tuple[datetime, bool, str]:
    return mark.at, not mark.is_opening, mark.id
