"""Metrics of incidents over time: how many were opened, resolved and open, and how long they took."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.model.counts import Group
from domain.model.series import Span


class Lapse(StrEnum):
    """A time that an incident takes, from its beginning to a moment of its life, which is named like this."""

    ACKNOWLEDGE = "acknowledged_at"
    IDENTIFY = "identified_at"
    RESOLVE = "resolved_at"


class Tally(StrEnum):
    """A kind of step that is counted."""

    OPENED = "opened"
    RESOLVED = "resolved"
    REOPENED = "reopened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Figures about how long something took; of percentiles, the shortest time that so many did not exceed."""

    count: int
    mean_seconds: float
    p50_seconds: float
    p90_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPoint:
    """The metrics of one span."""

    span: Span
    opened: int
    resolved: int
    reopened: int
    open_at_end: int
    lapses: Mapping[Lapse, Durations]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentMetrics:
    """The metrics of one group of incidents, a point for each span."""

    group: Group
    points: Sequence[MetricsPoint]


@dataclass(slots=True)
class Figures:
    """Figures of one group as they are read: by the number of their span, the last of which is the time afterwards."""

    open_now: int = 0
    steps: Counter[tuple[Tally, int]] = field(default_factory=Counter)
    lapses: dict[tuple[Lapse, int], Durations] = field(default_factory=dict)

    def points(self, spans: Sequence[Span]) -> list[MetricsPoint]:
        """Return a point for each span. What was open at its end follows from what is now, going back in time."""
        open_at_end = self._before(len(spans), self.open_now)
        points = []
        for number, span in reversed(list(enumerate(spans))):
            lapses = {lapse: self.lapses[lapse, number] for lapse in Lapse if (lapse, number) in self.lapses}
            counted = {tally.value: self.steps[tally, number] for tally in Tally}
            points.append(MetricsPoint(span=span, open_at_end=open_at_end, lapses=lapses, **counted))
            open_at_end = self._before(number, open_at_end)
        return points[::-1]

    def _before(self, number: int, open_at_end: int) -> int:
        opened, resolved, reopened = (self.steps[tally, number] for tally in Tally)
        return open_at_end - opened + resolved - reopened


def metrics_of(figures: Mapping[Group, Figures], spans: Sequence[Span]) -> Iterable[IncidentMetrics]:
    """Return the metrics of each group."""
    for group, found in figures.items():
        yield IncidentMetrics(group=group, points=found.points(spans))
