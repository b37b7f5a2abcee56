"""Jumps of the wall clock: set by hand or by the network, or gone on while the machine slept."""

import asyncio
import logging
import time
from collections.abc import Callable

from domain.automations.engine.wakes import WakeIndex
from domain.clock import Clock

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5
#: What a clock that is merely slowed down or sped up gains in one look is far less.
_JUMP_SECONDS = 0.25


class ClockJumps:
    """Notices that the wall clock and elapsed time parted, and has every wait look at the clock again.

    A wait sleeps for as long as it is until its moment; a look of each of thousands of waits every second would cost
    more than this one look for all of them.
    """

    def __init__(self, *, clock: Clock, wakes: WakeIndex, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wakes = wakes
        self._elapsed = elapsed
        self._apart = self._difference()

    async def run(self, stopping: asyncio.Event) -> None:
        """Look twice a second, until told to stop."""
        while not stopping.is_set():
            self.look()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stopping.wait()
            except TimeoutError:
                continue

    def look(self) -> None:
        """Wake every wait where the clock has jumped since the last look."""
        apart = self._difference()
        jump = apart - self._apart
        self._apart = apart
        if abs(jump) > _JUMP_SECONDS:
            logger.warning("the clock jumped by %.1f s; waits look at it again", jump)
            self._wakes.wake_all()

    def _difference(self) -> float:
        return self._clock.now().timestamp() - self._elapsed()
