"""Time that passes when the simulation says so, and a way to know that nothing goes on before it does."""

import asyncio
import selectors
from collections.abc import Callable
from datetime import datetime, timedelta

from typing_extensions import override

from domain.clock import Clock

#: Whoever waits for a moment that is over goes on at once; so often in a row, and it is time that has to go on.
_IMPATIENT = 100
_TICK = timedelta(milliseconds=1)


class VirtualClock(Clock):
    """Stands still until it is moved; it knows who waits for which moment."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._impatient = 0
        self._numbers = 0
        self._waiting: dict[int, tuple[datetime, asyncio.Event]] = {}

    @override
    def now(self) -> datetime:
        """The moment that the simulation is at."""
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
        """Let it be that moment."""
        if moment > self._now:
            self._now = moment
            self._impatient = 0

    def next_moment(self) -> datetime | None:
        """The first moment that somebody waits for, in whole milliseconds."""
        return min((_whole(until) for until, _ in self._waiting.values()), default=None)

    def wake_next(self) -> bool:
        """Wake the first of those whose moment has come; False where there is none."""
        due = [(until, number) for number, (until, _) in self._waiting.items() if until <= self._now]
        if not due:
            return False
        # One after the other, so that what they do comes in an order that another dry run has, too.
        _, event = self._waiting.pop(min(due)[1])
        event.set()
        return True


class Stillness(selectors.DefaultSelector):
    """The selector of an event loop of its own, by which it can be awaited that the loop has nothing left to do.

    A loop that is about to block asks its selector to; nothing is ready then. If no other thread is at work for it
    either, only the waits for time and for changes are left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_idle: Callable[[], bool] = lambda: True
        #: Whether nobody wants to wait any longer, however much there is to do.
        self.is_over: Callable[[], bool] = lambda: False
        self._reached: asyncio.Future[None] | None = None

    async def reached(self) -> None:
        """Wait until all others wait, or until it is over."""
        self._reached = asyncio.get_running_loop().create_future()
        await self._reached

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Block as long as that, unless somebody awaits just this moment."""
        if self._reached is not None and (self.is_over() or self._is_still(timeout)):
            reached, self._reached = self._reached, None
            if not reached.done():
                reached.set_result(None)
            timeout = 0
        return super().select(timeout)

    def _is_still(self, timeout: float | None) -> bool:
        return (timeout is None or timeout > 0) and self.is_idle()


def _whole(moment: datetime) -> datetime:
    # The clock has whole milliseconds: what is due between two of them is due at the later one.
    over = moment.microsecond % 1000
    return moment if not over else moment + timedelta(microseconds=1000 - over)
