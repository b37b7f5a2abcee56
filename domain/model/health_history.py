"""The history of systems' health: periods by what was reported and what incidents set, and shares of time.

A report counts from the moment at which it was observed. An incident counts while it is open by its timeline, with the
override and the systems that it had at the time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import attrgetter

from domain.model.incident import Health, HealthOverride, Status
from domain.model.series import Span

MOST_PERIODS = 1_000
#: The end of what has not ended.
FAR = datetime(9999, 12, 31, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_ORDER = list(Health)
Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSpan:
    """A health that one cause set for a system: reports, or an incident with an override."""

    system_id: str
    status: Health
    #: None for what was reported.
    incident_id: str | None
    began_at: datetime
    ended_at: datetime
    #: From when to when the incident had the override on this system, as recorded; None without an end there.
    set_at: datetime | None = None
    unset_at: datetime | None = None
    #: The beginning of the incident.
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusStep:
    """A status that an incident's timeline gives it from a moment on."""

    at: datetime
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPeriod:
    """A period in which a system's health had the same causes."""

    since: datetime
    until: datetime
    reported: Health
    #: The worst that open incidents set; None where none did.
    override: HealthOverride | None
    under_maintenance: bool = False

    @property
    def status(self) -> Health:
        """The worst of both."""
        return worst_of(self.reported, self.override)


@dataclass(frozen=True, slots=True, kw_only=True)
class UptimePoint:
    """The seconds that a system spent in each health, of one bucket of time."""

    since: datetime
    until: datetime
    seconds: Mapping[Health, float]
    #: The seconds of these that it was under maintenance.
    maintenance_seconds: float = 0.0

    @property
    def uptime(self) -> float | None:
        """The share of the known time in which it was not unhealthy; None where nothing is known."""
        known = sum(self.seconds.values())
        return None if known == 0 else (known - self.seconds[Health.UNHEALTHY]) / known


def worst_of(reported: Health, override: HealthOverride | None) -> Health:
    """Return the worst of a reported health and an override."""
    return reported if override is None else max(reported, Health(override), key=_ORDER.index)


def open_periods(occurred_at: datetime, steps: Iterable[StatusStep]) -> list[Interval]:
    """Return the periods in which an incident is open, by the steps of its timeline in their order."""
    periods: list[Interval] = []
    began: datetime | None = occurred_at
    for step in steps:
        at = max(step.at, occurred_at)
        if step.status is Status.RESOLVED and began is not None:
            periods.append((began, at))
            began = None
        elif step.status is not Status.RESOLVED and began is None:
            began = at
    return periods if began is None else [*periods, (began, FAR)]


def periods_of(
    spans: Iterable[HealthSpan],
    timelines: Mapping[str, Sequence[StatusStep]],
    *,
    since: datetime,
    until: datetime,
    maintenance: Iterable[Interval] = (),
) -> list[HealthPeriod]:
    """Return the periods of one system's health between two moments, oldest first and without a gap.

    `maintenance` has the periods in which it was under maintenance, in no order.
    """
    if since >= until:
        return []
    causes = chain(_edges(spans, timelines, since, until), _edges_of(maintenance, _MAINTENANCE, since, until))
    steps = sorted(causes, key=lambda edge: edge[0])
    counts: Counter[_Cause] = Counter()
    periods: list[HealthPeriod] = []
    at = since
    for moment, edges in groupby(steps, key=lambda edge: edge[0]):
        _append(periods, counts, at, moment)
        at = moment
        for _, cause, difference in edges:
            counts[cause] += difference
    _append(periods, counts, at, until)
    return periods


def uptime_of(periods: Sequence[HealthPeriod], buckets: Sequence[Span]) -> list[UptimePoint]:
    """Return how long each health lasted in each of these buckets, which are in their order."""
    points, first = [], 0
    for bucket in buckets:
        since, until = bucket.start, bucket.end
        seconds, maintained = dict.fromkeys(Health, 0.0), 0.0
        while first < len(periods) and periods[first].until <= since:
            first += 1
        for period in periods[first:]:
            if period.since >= until:
                break
            within = min(period.until, until) - max(period.since, since)
            seconds[period.status] += within.total_seconds()
            maintained += within.total_seconds() if period.under_maintenance else 0.0
        points.append(UptimePoint(since=since, until=until, seconds=seconds, maintenance_seconds=maintained))
    return points


#: Whether an incident set it, and the health; None for maintenance.
_Cause = tuple[bool, Health] | None
_Edge = tuple[datetime, _Cause, int]
_MAINTENANCE: _Cause = None


def _edges(
    spans: Iterable[HealthSpan], timelines: Mapping[str, Sequence[StatusStep]], since: datetime, until: datetime
) -> Iterator[_Edge]:
    for span in spans:
        cause = (span.incident_id is not None, span.status)
        yield from _edges_of(_lasting(span, timelines), cause, since, until)


def _edges_of(intervals: Iterable[Interval], cause: _Cause, since: datetime, until: datetime) -> Iterator[_Edge]:
    for began, ended in intervals:
        began, ended = max(began, since), min(ended, until)  # noqa: PLW2901 - cut to the span
        if began < ended:
            yield began, cause, 1
            yield ended, cause, -1


def _lasting(span: HealthSpan, timelines: Mapping[str, Sequence[StatusStep]]) -> Iterator[Interval]:
    if span.incident_id is None:
        yield span.began_at, span.ended_at
        return
    for began, ended in open_periods(span.occurred_at or span.began_at, timelines.get(span.incident_id, ())):
        yield max(began, span.set_at or _EARLIEST), min(ended, span.unset_at or FAR)


def _append(periods: list[HealthPeriod], counts: Mapping[_Cause, int], since: datetime, until: datetime) -> None:
    if since >= until:
        return
    reported, override = (
        max((status for status in Health if counts.get((is_set, status))), key=_ORDER.index, default=Health.HEALTHY)
        for is_set in (False, True)
    )
    period = HealthPeriod(
        since=since,
        until=until,
        reported=reported,
        override=None if override is Health.HEALTHY else HealthOverride(override),
        under_maintenance=bool(counts.get(_MAINTENANCE)),
    )
    last = periods[-1] if periods else None
    if last is not None and _CAUSES(last) == _CAUSES(period):
        periods[-1] = replace(period, since=last.since)
    else:
        periods.append(period)


_CAUSES = attrgetter("reported", "override", "under_maintenance")
