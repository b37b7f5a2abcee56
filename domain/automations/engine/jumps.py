"""Jumps of the wall clock: set by hand or by the network, or after the machine slept."""

import asyncio
import logging
import time
from collections.abc import Callable

from domain.automations.engine.wakes import WakeIndex
from domain.clock import Clock

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
#: Far more than a clock that is only slewed gains between two checks.
_JUMP_SECONDS = 0.25


class ClockJumps:
    """A detector of differences between wall clock and elapsed time, which then wakes every wait.

    A wait sleeps until its deadline by elapsed time. A poll of the clock by each of thousands of waits would cost more
    than this one poll for all of them.
    """

    def __init__(self, *, clock: Clock, wakes: WakeIndex, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wakes = wakes
        self._elapsed = elapsed
        self._apart = self._difference()

    async def run(self, stopping: asyncio.Event) -> None:
        """Check twice a second, until stopped."""
        while not stopping.is_set():
            self.check()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stopping.wait()
            except TimeoutError:
                continue

    def check(self) -> None:
        """Wake every wait if the clock has jumped since the last check."""
        apart = self._difference()
        jump = apart - self._apart
        self._apart = apart
        if abs(jump) > _JUMP_SECONDS:
            logger.warning("the clock jumped by %.1f s; all waits check it again", jump)
            self._wakes.wake_all()

    def _difference(self) -> float:
        return self._clock.now().timestamp() - self._elapsed()
