"""The current time, injected so that tests can control it."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime


class Clock:
    """The system's clock in aware UTC, cut to the milliseconds that every database and client keeps."""

    def now(self) -> datetime:
        """Return the current moment in UTC, in whole milliseconds."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    async def wait(self, wake: asyncio.Event, *, until: datetime) -> None:
        """Wait until the event is set, but no longer than until that moment; the event is cleared."""
        seconds = (until - self.now()).total_seconds()
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wake.wait()
        wake.clear()
