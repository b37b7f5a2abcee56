"""Cron expressions in time zones, right across changes of the clocks.

A time of day is due once on each day that the zone has. If clocks go back and it comes twice, it is due the first time;
if they go forward past it, it is due at the change. An expression for every hour (`*/15 * * * *`) goes by elapsed time
instead, also through an hour that comes twice. Both are as in Debian's cron (cron(8), "Notes"), except that hours with
steps are not skipped or doubled here either.

The library is only given clocks without changes: in a zone it fires twice when clocks go back.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

_SECOND = timedelta(seconds=1)
#: The largest change of a clock: a time that comes twice comes again within it.
_LONGEST_CHANGE = timedelta(hours=12)


def next_of_cron(cron: str, zone: ZoneInfo, *, after: datetime) -> datetime:
    """Return the first moment after that one at which the expression is due, in UTC."""
    after = after.astimezone(UTC)
    every_hour = croniter.expand(cron)[0][1] == ["*"]
    return _by_elapsed_time(cron, zone, after) if every_hour else _by_the_clock(cron, zone, after)


def _by_the_clock(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    moments = (_first(local, zone) for local in _times(cron, _local(after, zone)))
    # While clocks show an hour for the second time, the next times were shown before.
    return next(moment for moment in moments if moment is not None and moment > after)


def _first(local: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first moment at which the zone's clocks show that time or later; None on a day that they skip."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _local(moment, zone) == local:
        return moment
    # Of a skipped time, fold=1 gives a moment before the change, and fold=0 one after it (PEP 495).
    change = _change(local.replace(tzinfo=zone, fold=1).astimezone(UTC), moment, zone)
    is_day_skipped = _local(change - _SECOND, zone).date() < local.date() < _local(change, zone).date()
    return None if is_day_skipped else change


def _by_elapsed_time(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    since, begin = after, after
    while True:
        offset = _offset(since, zone)
        found = next(_times(cron, (begin + offset).replace(tzinfo=None))).replace(tzinfo=UTC) - offset
        near = min(found, since + _LONGEST_CHANGE)
        if _offset(near, zone) != offset:
            since = _change(since, near, zone)
        elif _offset(found, zone) != offset:
            since = _change(near, found, zone)
        else:
            return found
        # The moment of the change may be due itself.
        begin = since - _SECOND


def _times(cron: str, after: datetime) -> Iterator[datetime]:
    """Yield the times after that one, on a clock without changes."""
    schedule = croniter(cron, after)
    while True:
        yield schedule.get_next(datetime)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment, to the second, at which the zone's clocks change between these two."""
    before, offset = before.replace(microsecond=0), _offset(before, zone)
    seconds, most = 0, int((after - before) / _SECOND) + 1
    while most - seconds > 1:
        middle = (seconds + most) // 2
        if _offset(before + middle * _SECOND, zone) == offset:
            seconds = middle
        else:
            most = middle
    return before + most * _SECOND


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None, "a zone has one"
    return offset
