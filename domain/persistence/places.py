"""Places in the log that no server has given out yet, at which a log goes on that was restored from a backup.

A restored log would give the same places again, to other changes, and readers that were further would miss those with
no sign. So its next place is one of the present: there are so many for each millisecond since 1970, far more than there
are changes. All fit into the numbers that JSON keeps exactly, for centuries.
"""

from datetime import datetime

PLACES_PER_MILLISECOND = 1024


def place_of(now: datetime, *, head: int) -> int:
    """Return the place after which a log with that head goes on: a multiple, by which its beginning is known."""
    passed = int(now.timestamp() * 1000)
    return max(passed, head // PLACES_PER_MILLISECOND + 1) * PLACES_PER_MILLISECOND
