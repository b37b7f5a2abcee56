"""Days of systems as status pages show them."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.model.health_history import HealthPeriod
from domain.model.incident import Health
from domain.model.public_days import Day, days_of, uptime_of_days
from domain.model.series import Span

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = [Span(start=START + timedelta(days=day), end=START + timedelta(days=day + 1)) for day in range(3)]


def period(begins: float, hours: float, health: Health = Health.HEALTHY, *, maintained: bool = False) -> HealthPeriod:
    since = START + timedelta(hours=begins)
    until = since + timedelta(hours=hours)
    return HealthPeriod(since=since, until=until, reported=health, override=None, under_maintenance=maintained)


def test_what_lasts_over_midnight_counts_on_both_days() -> None:
    first, second, third = days_of([period(0, 23), period(23, 3, Health.UNHEALTHY), period(26, 22)], DAYS)
    assert (first.unhealthy, second.unhealthy, third.unhealthy) == (3_600, 7_200, 0)
    assert (first.known, second.known, third.known) == (86_400, 86_400, 0)


def test_what_is_lost_under_maintenance_is_maintenance() -> None:
    [day] = days_of([period(0, 2, Health.UNHEALTHY, maintained=True), period(2, 1, Health.DEGRADED)], DAYS[:1])
    assert (day.unhealthy, day.degraded, day.maintenance, day.known) == (0, 3_600, 7_200, 10_800)
    assert day.is_eventful


def test_days_before_a_system_was_known_are_not_known() -> None:
    days = days_of([period(50, 1)], DAYS)
    assert [day.known for day in days] == [0, 0, 3_600]
    assert not any(day.is_eventful for day in days)


@pytest.mark.parametrize(
    ("days", "share"),
    [
        ([], None),
        ([Day(start=START)], None),
        ([Day(start=START, known=100, maintenance=100)], None),
        ([Day(start=START, known=100, unhealthy=25)], 0.75),
        ([Day(start=START, known=200, maintenance=100, unhealthy=25)], 0.75),
        ([Day(start=START, known=100, degraded=50)], 1),
    ],
)
def test_uptime_is_the_share_without_maintenance(days: list[Day], share: float | None) -> None:
    assert uptime_of_days(days) == share
