"""The days of a system as status pages show them: what was lost in each, maintenance aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.model.health_history import HealthPeriod
from domain.model.incident import Health
from domain.model.series import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day by the calendar of UTC, in seconds; the last one up to now."""

    start: datetime
    #: The time of which the health is known.
    known: float = 0.0
    #: The time that the system was unhealthy, and that it was degraded, without maintenance.
    unhealthy: float = 0.0
    degraded: float = 0.0
    maintenance: float = 0.0

    @property
    def is_eventful(self) -> bool:
        """Return whether there is more to say of it than that all went well."""
        return bool(self.unhealthy or self.degraded or self.maintenance)


def days_of(periods: Sequence[HealthPeriod], spans: Sequence[Span]) -> list[Day]:
    """Return the day of each of these spans, which are in their order, as are the periods."""
    days, first = [], 0
    for span in spans:
        while first < len(periods) and periods[first].until <= span.start:
            first += 1
        known = unhealthy = degraded = maintenance = 0.0
        for period in periods[first:]:
            if period.since >= span.end:
                break
            seconds = (min(period.until, span.end) - max(period.since, span.start)).total_seconds()
            known += seconds
            if period.under_maintenance:
                maintenance += seconds
            elif period.status is Health.UNHEALTHY:
                unhealthy += seconds
            elif period.status is Health.DEGRADED:
                degraded += seconds
        days.append(Day(start=span.start, known=known, unhealthy=unhealthy, degraded=degraded, maintenance=maintenance))
    return days


def uptime_of_days(days: Sequence[Day]) -> float | None:
    """Return the share of the known time, maintenance aside, in which it was not unhealthy; None without any."""
    counted = sum(day.known - day.maintenance for day in days)
    return None if counted <= 0 else 1 - sum(day.unhealthy for day in days) / counted
