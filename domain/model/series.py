"""Series of points in time, by the calendar of UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from domain.errors import InvalidInputError
from domain.model.counts import MOST_ROWS


class TimeBucket(StrEnum):
    """A length of time by the calendar of UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS = {
    TimeBucket.HOUR: timedelta(hours=1),
    TimeBucket.DAY: timedelta(days=1),
    TimeBucket.WEEK: timedelta(weeks=1),
    # The shortest one.
    TimeBucket.MONTH: timedelta(days=28),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time from a moment until right before another one."""

    start: datetime
    end: datetime


def spans_between(start: datetime, end: datetime, bucket: TimeBucket | None) -> Sequence[Span]:
    """Return the spans of the calendar in a time, the first and the last cut to it; without a bucket all of it as one.

    Raises:
        InvalidInputError: it ends before it begins, or has more than 1,000 of them.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        raise InvalidInputError("`from` has to lie before `to`.", field=["from"])
    if bucket is None:
        return [Span(start=start, end=end)]
    too_many = f"This time has more than {MOST_ROWS:,} points. Choose a longer `bucket` or a shorter time."
    # Before any of them is made: each may be long or short.
    if (end - start) / _LENGTHS[bucket] > 2 * MOST_ROWS:
        raise InvalidInputError(too_many, field=["bucket"])
    spans = []
    while start < end:
        following = min(end, _end_of(start, bucket))
        spans.append(Span(start=start, end=following))
        start = following
    if len(spans) > MOST_ROWS:
        raise InvalidInputError(too_many, field=["bucket"])
    return spans


def _end_of(moment: datetime, bucket: TimeBucket) -> datetime:
    try:
        if bucket is TimeBucket.HOUR:
            return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        if bucket is TimeBucket.DAY:
            return day + timedelta(days=1)
        if bucket is TimeBucket.WEEK:
            return day + timedelta(days=7 - day.weekday())
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
