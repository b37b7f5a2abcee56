"""A check of daily cron expressions against clocks, minute by minute, around each change in all zones.

python -m tests.domain.automations.triggers.clock_changes --since 1970 --until 2040
"""

import argparse
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from domain.automations.triggers.cron import next_of_cron

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def firings(cron: str, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the moments between these two at which the expression is due."""
    moment = next_of_cron(cron, zone, after=begin)
    while moment < end:
        yield moment
        moment = next_of_cron(cron, zone, after=moment)


def local(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the time that the zone's clocks show."""
    return moment.astimezone(zone).replace(tzinfo=None)


@cache
def kinds_of_changes(*years: int) -> Sequence[tuple[str, datetime]]:
    """Return a zone, and the minute, for each change in these years; equal changes count once."""
    known: dict[tuple[datetime, Any, Any], str] = {}
    for name in sorted(available_timezones()):
        for year in years:
            for change in _changes(ZoneInfo(name), year):
                known.setdefault(change, name)
    return [(name, change[0]) for change, name in known.items()]


def check(name: str, change: datetime) -> None:
    """Fail unless a daily expression, at any time around the change, is due once on each day."""
    zone = ZoneInfo(name)
    minutes = [change - 36 * HOUR + count * MINUTE for count in range(84 * 60)]
    shown = [local(minute, zone) for minute in minutes]
    days = sorted({each.date() for each in shown})[1:-1]
    # Clocks that go back show nothing new until they are where they were.
    latest = list(accumulate(shown, max))
    times = {local(change + count * 30 * MINUTE, zone).time() for count in range(-3, 4)}
    times |= {local(change - MINUTE, zone).time(), local(change - 20 * MINUTE, zone).time(), time(0, 0), time(23, 59)}
    for at in sorted(times):
        found = list(firings(f"{at.minute} {at.hour} * * *", zone, minutes[0], minutes[-1]))
        expected = _due(at, days, minutes, latest)
        kept = [moment for moment in found if expected[0] <= moment <= expected[-1]]
        assert kept == expected, (name, change.isoformat(), at)


def _changes(zone: ZoneInfo, year: int) -> Iterator[tuple[datetime, Any, Any]]:
    """Yield the minutes of a year at which the zone's clocks change, with the offsets before and after."""
    begin = datetime(year, 1, 1, tzinfo=UTC)
    days = [begin + count * DAY for count in range(367)]
    offsets = [day.astimezone(zone).utcoffset() for day in days]
    for day, (before, after) in zip(days, pairwise(offsets), strict=False):
        if before != after:
            yield _minute_of_change(zone, day, after), before, after


def _minute_of_change(zone: ZoneInfo, day: datetime, after: timedelta | None) -> datetime:
    """Return the first minute of that day with that offset, which its last minutes have."""

    def is_changed(count: int) -> bool:
        return (day + count * MINUTE).astimezone(zone).utcoffset() == after

    return day + bisect_left(range(24 * 60 + 1), True, key=is_changed) * MINUTE


def _due(at: time, days: Sequence[date], minutes: Sequence[datetime], latest: Sequence[datetime]) -> list[datetime]:
    """Return for each day the first minute at which clocks show the time or a later one."""
    return [minutes[bisect_left(latest, datetime.combine(day, at))] for day in days]


def main() -> None:
    """Check all changes of some years."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", type=int, default=2020)
    parser.add_argument("--until", type=int, default=2030)
    arguments = parser.parse_args()
    kinds = kinds_of_changes(*range(arguments.since, arguments.until + 1))
    for name, change in kinds:
        check(name, change)
    print(f"{len(kinds)} changes of the clocks, each as it should be")


if __name__ == "__main__":
    main()
