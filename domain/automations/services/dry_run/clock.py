"""A virtual clock, which a dry run moves."""

import asyncio
from datetime import datetime, timedelta

from typing_extensions import override

from domain.clock import Clock

#: A wait for a past moment returns at once; after so many in a row, time has to advance.
_IMPATIENT = 100
_TICK = timedelta(milliseconds=1)


class VirtualClock(Clock):
    """A clock that stands still until it is moved; it knows the waits and their moments."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._impatient = 0
        self._numbers = 0
        self._waiting: dict[int, tuple[datetime, asyncio.Event]] = {}

    @override
    def now(self) -> datetime:
        """Return the simulation's present moment."""
        return self._now

    @override
    async def wait(self, wake: asyncio.Event, *, until: datetime) -> None:
        """Wait until something wakes the caller, or until time was moved to that moment."""
        if until <= self._now:
            self._impatient += 1
            if self._impatient < _IMPATIENT:
                wake.clear()
                return
            until = self._now + _TICK
        self._numbers += 1
        number = self._numbers
        self._waiting[number] = (until, wake)
        try:
            await wake.wait()
        finally:
            self._waiting.pop(number, None)
        wake.clear()

    def move(self, moment: datetime) -> None:
        """Move the clock to that moment."""
        if moment > self._now:
            self._now = moment
            self._impatient = 0

    def next_moment(self) -> datetime | None:
        """Return the first moment that a caller waits for, in whole milliseconds."""
        return min((_whole(until) for until, _ in self._waiting.values()), default=None)

    def wake_next(self) -> bool:
        """Wake the first of the waits that are due; return False if there is none."""
        due = [(until, number) for number, (until, _) in self._waiting.items() if until <= self._now]
        if not due:
            return False
        # One after the other, so that what they do comes in an order that another dry run has, too.
        _, event = self._waiting.pop(min(due)[1])
        event.set()
        return True


def _whole(moment: datetime) -> datetime:
    # The clock has whole milliseconds: what is due between two of them is due at the later one.
    over = moment.microsecond % 1000
    return moment if not over else moment + timedelta(microseconds=1000 - over)
