"""An event loop's selector that notices when the loop is idle."""

import asyncio
import selectors
from collections.abc import Callable

from typing_extensions import override


class IdleSelector(selectors.DefaultSelector):
    """The selector of a dry run's own event loop, by which a caller can await that the loop is idle.

    A loop that is about to block calls its selector; nothing is ready then. If no other thread works for it
    either, only the waits for time and for changes are left.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_idle: Callable[[], bool] = lambda: True
        #: Whether the dry run has to stop, however much there is left to do.
        self.is_over: Callable[[], bool] = lambda: False
        self._reached: asyncio.Future[None] | None = None

    async def idle(self) -> None:
        """Wait until everything else waits, or until the dry run is over."""
        self._reached = asyncio.get_running_loop().create_future()
        await self._reached

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Block for that long, unless a caller awaits that the loop is idle."""
        if self._reached is not None and (self.is_over() or self._is_still(timeout)):
            reached, self._reached = self._reached, None
            if not reached.done():
                reached.set_result(None)
            timeout = 0
        return super().select(timeout)

    def _is_still(self, timeout: float | None) -> bool:
        return (timeout is None or timeout > 0) and self.is_idle()
