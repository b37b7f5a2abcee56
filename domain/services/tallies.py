"""Counts of what this process has written, after each commit: incidents, their times, and runs of automations."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.counting import Histogram, counted_from_zero
from domain.entities.incident import ACKNOWLEDGED, CREATED, INCIDENT, RESOLVED
from domain.entities.run import RUN
from domain.model.automation import RunStatus
from domain.model.change import Change
from domain.model.incident import Severity, Status

#: A minute to a week: how long people take.
_LONG = (60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0, 259_200.0, 604_800.0)


class Tallies:
    """Counts of committed changes. What is imported or made up as a past fires no trigger, and is not counted."""

    def __init__(self) -> None:
        self.opened = counted_from_zero(Severity)
        self.to_acknowledge = Histogram(_LONG)
        self.to_identify = Histogram(_LONG)
        self.to_resolve = Histogram(_LONG)
        #: How often a run has come into each status.
        self.runs = counted_from_zero(RunStatus)
        #: Changes of the log, by kind of entity.
        self.changes = counted_from_zero((INCIDENT.name, RUN.name))

    def take(self, changes: Sequence[Change]) -> None:
        """Count the changes of a commit."""
        for change in changes:
            self.changes[change.kind] += 1
            if change.kind == RUN.name:
                self._take_run(change)
            elif change.kind == INCIDENT.name and change.events:
                self._take_incident(change, change.after or {})

    def _take_run(self, change: Change) -> None:
        status = (change.next or {}).get("status")
        if status is not None and status != (change.prev or {}).get("status"):
            self.runs[RunStatus(status)] += 1

    def _take_incident(self, change: Change, after: Mapping[str, Any]) -> None:
        if CREATED in change.events:
            self.opened[Severity(after["severity"])] += 1
        if ACKNOWLEDGED in change.events:
            _add(self.to_acknowledge, after, "acknowledged_at")
        if RESOLVED in change.events:
            _add(self.to_resolve, after, "resolved_at")
        status, former = after.get("status"), (change.prev or {}).get("status")
        if status == Status.IDENTIFIED and former != status:
            _add(self.to_identify, after, "identified_at")


def _add(histogram: Histogram, after: Mapping[str, Any], name: str) -> None:
    end = after.get(name)
    if end is not None:
        seconds = (_moment(end) - _moment(after["occurred_at"])).total_seconds()
        histogram.add(max(0.0, seconds))


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)
