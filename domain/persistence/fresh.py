"""The changes that this process committed last, for its own reader of the log: it need not read them again."""

from collections.abc import Sequence

import orjson

from domain.model.change import Change
from domain.model.copies import changed

#: More than this are forgotten: then nobody here takes them.
_MOST = 500
#: The parts of a change that the log holds as JSON.
_JSON = ("prev", "next", "delta", "before", "after", "payload")


class FreshChanges:
    """Changes by their positions, as the log has them, until they are taken."""

    def __init__(self) -> None:
        self._changes: dict[int, Change] = {}

    def add(self, changes: Sequence[Change], last: int) -> None:
        """Add changes with consecutive positions, of which that of the last one is given."""
        if len(self._changes) + len(changes) > _MOST:
            self._changes.clear()
        for seq, change in enumerate(changes, start=last - len(changes) + 1):
            self._changes[seq] = _as_logged(change, seq)

    def take(self, after: int) -> Sequence[Change]:
        """Take the changes that follow a position without a gap, oldest first."""
        for seq in [seq for seq in self._changes if seq <= after]:
            del self._changes[seq]
        taken = []
        while (change := self._changes.pop(after + 1, None)) is not None:
            taken.append(change)
            after += 1
        return taken


def _as_logged(change: Change, seq: int) -> Change:
    parts = orjson.loads(orjson.dumps([getattr(change, name) for name in _JSON]))
    return changed(change, seq=seq, **dict(zip(_JSON, parts, strict=True)))
