"""Windows of time on the clocks of a zone, right across changes of these clocks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from domain.automations.conditions.model import TimeWindow

# A week and a day: every window has begun or ended once by then, whatever its weekdays.
_DAYS_AHEAD = 8


def is_within(window: TimeWindow, now: datetime) -> bool:
    """Return whether the moment lies in the window."""
    local = now.astimezone(ZoneInfo(window.timezone))
    clock = local.time()
    started = clock >= window.start
    ended = window.end is not None and clock >= window.end
    if window.end is None or window.start < window.end:
        return started and not ended and _is_day(window, local.date())
    if started:
        return _is_day(window, local.date())
    # After midnight the window is still the one that began the day before.
    return not ended and _is_day(window, local.date() - timedelta(days=1))


def next_change(window: TimeWindow, now: datetime) -> datetime | None:
    """Return the first moment after now at which the window begins or ends; None if it never does."""
    present = is_within(window, now)
    moments = sorted(moment for moment in _boundaries(window, now) if moment > now)
    return next((moment for moment in moments if is_within(window, moment) is not present), None)


def _is_day(window: TimeWindow, day: date) -> bool:
    return window.weekday is None or day.weekday() in window.weekday


def _boundaries(window: TimeWindow, now: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(window.timezone)
    today = now.astimezone(zone).date()
    clocks = {time.min, window.start, window.end or time.min}
    for day in (today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD + 1)):
        for clock in clocks:
            # When clocks are set back a time comes twice; both count.
            for fold in (0, 1):
                yield datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC)
        yield from _clock_change(zone, day)


def _clock_change(zone: ZoneInfo, day: date) -> Iterator[datetime]:
    """Yield the second of that day at which the clocks change, if any: a boundary may be skipped or repeated then."""
    low = datetime.combine(day, time.min, zone).astimezone(UTC)
    high = low + timedelta(days=1)
    before = low.astimezone(zone).utcoffset()
    if high.astimezone(zone).utcoffset() == before:
        return
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    yield high
