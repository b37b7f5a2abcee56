"""Cron expressions in all zones, on the days of clock changes."""

from datetime import UTC, datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest

from domain.automations.triggers.cron import next_of_cron
from tests.domain.automations.triggers.clock_changes import DAY, HOUR, MINUTE, check, firings, kinds_of_changes, local
from tests.examples import some

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_daily_time_is_due_once_a_day_in_all_zones() -> None:
    for name, change in some(kinds_of_changes(2026)):
        check(name, change)


def test_every_quarter_hour_is_due_by_elapsed_time_in_all_zones() -> None:
    for name, change in some(kinds_of_changes(2026)):
        found = list(firings("*/15 * * * *", ZoneInfo(name), change - 6 * HOUR, change + 6 * HOUR))
        assert {later - earlier for earlier, later in pairwise(found)} == {15 * MINUTE}, name


@pytest.mark.parametrize(
    ("cron", "day", "due"),
    [
        ("30 2 * * *", "2026-10-24T12:00", ["25 00:30", "26 01:30"]),
        ("30 2 * * *", "2026-03-28T12:00", ["29 01:00", "30 00:30"]),
        ("0,30 2,3 * * *", "2026-03-28T12:00", ["29 01:00", "29 01:30", "30 00:00", "30 00:30"]),
        ("*/15 2 * * *", "2026-03-28T12:00", ["29 01:00", "30 00:00", "30 00:15"]),
        ("0 */2 * * *", "2026-10-24T21:30", ["24 22:00", "25 00:00", "25 03:00", "25 05:00"]),
        ("0 * * * *", "2026-10-24T23:30", ["25 00:00", "25 01:00", "25 02:00"]),
        ("*/30 * 25 10 *", "2026-10-25T00:45", ["25 01:00", "25 01:30", "25 02:00"]),
    ],
)
def test_cron_follows_berlins_changes_of_the_clock(cron: str, day: str, due: list[str]) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found = list(islice(firings(cron, BERLIN, begin, begin + 400 * DAY), len(due)))
    assert [f"{moment:%d %H:%M}" for moment in found] == due


def test_samoas_skipped_day_is_no_day() -> None:
    check("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC))


@pytest.mark.parametrize("cron", ["30 2 * * *", "30 2 30 12 *", "0 0 * * *", "*/20 3 * * *"])
def test_samoas_skipped_day_has_no_times(cron: str) -> None:
    zone = ZoneInfo("Pacific/Apia")
    begin, end = datetime(2011, 12, 28, 12, tzinfo=UTC), datetime(2012, 1, 2, 12, tzinfo=UTC)
    days = [local(moment, zone).date().day for moment in firings(cron, zone, begin, end)]
    assert 30 not in days
    assert days == sorted(days, key=lambda day: (day < 20, day))
    assert cron == "30 2 30 12 *" or {29, 31, 1, 2} <= set(days)


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 * 1 1 *", "5 4 29 2 *"])
def test_within_a_repeated_hour_the_next_time_lies_in_the_future(cron: str) -> None:
    for minute in range(0, 180, 7):
        after = datetime(2026, 10, 24, 23, 30, 0, 500, tzinfo=UTC) + minute * MINUTE
        assert next_of_cron(cron, BERLIN, after=after) > after
