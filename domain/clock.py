"""The current time, injected so that tests decide what it is."""

from datetime import UTC, datetime


class Clock:
    """The system's clock in aware UTC, cut to the milliseconds that every database and client keeps."""

    def now(self) -> datetime:
        """The current moment, UTC, whole milliseconds."""
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
