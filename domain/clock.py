"""The current time, injected so that tests can control it."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime


class Clock:
    """The system's clock in aware UTC, cut to the milliseconds that every database and client keeps."""

    def now(self) -> datetime:
        """Return the current moment in UTC, in whole milliseconds."""
        # To cut a moment down takes twice as long.
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    async def wait(self, wake: asyncio.Event, *, until: datetime) -> None:
        """Wait until the event is set, but no longer than until that moment; the event is cleared."""
        seconds = (until - self.now()).total_seconds()
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wake.wait()
        wake.clear()
