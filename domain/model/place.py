"""Places in the past, as of which things are read again."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A moment of the past: all that was written up to it, or up to a position in the log."""

    moment: datetime
    #: The position, where one was named; `moment` is then that of its change.
    seq: int | None = None
