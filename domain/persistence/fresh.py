"""The changes that this process committed last, for its own reader of the log: it need not read them again."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import orjson

from domain.model.change import Change
from domain.model.copies import changed

#: More than this are forgotten: then nobody here takes them.
_MOST = 500
#: The classes of values that both databases spell alike.
_SIMPLE = frozenset({str, int, bool, type(None)})
#: The parts of a change that the log holds as JSON.
_JSON = ("prev", "next", "delta", "before", "after", "payload")


class FreshChanges:
    """Changes by their positions, as the log has them, until they are taken."""

    def __init__(self, *, is_sqlite: bool) -> None:
        self._is_sqlite = is_sqlite
        self._changes: dict[int, Change] = {}

    def add(self, changes: Sequence[Change], last: int) -> None:
        """Add changes with consecutive positions, of which that of the last one is given."""
        if len(self._changes) + len(changes) > _MOST:
            self._changes.clear()
        for seq, change in enumerate(changes, start=last - len(changes) + 1):
            parts = orjson.loads(orjson.dumps([getattr(change, name) for name in _JSON]))
            try:
                logged = parts if self._is_sqlite else _as_jsonb(parts)
            except _UnknownError:
                return  # nobody takes what follows on a gap: it is read from the log
            self._changes[seq] = changed(change, seq=seq, **dict(zip(_JSON, logged, strict=True)))

    def take(self, after: int) -> Sequence[Change]:
        """Take the changes that follow a position without a gap, oldest first."""
        for seq in [seq for seq in self._changes if seq <= after]:
            del self._changes[seq]
        taken = []
        while (change := self._changes.pop(after + 1, None)) is not None:
            taken.append(change)
            after += 1
        return taken


class _UnknownError(Exception):
    """A value that PostgreSQL may spell differently."""


def _as_jsonb(value: Any) -> Any:
    """Return what JSON says as it comes out of PostgreSQL, which sorts names by their length and then by their bytes.

    Raises:
        _UnknownError: it has a number with a point.
    """
    if isinstance(value, dict):
        return {
            name: each if type(each := value[name]) in _SIMPLE else _as_jsonb(each) for name in _sorted(tuple(value))
        }
    if isinstance(value, list):
        return [each if type(each) in _SIMPLE else _as_jsonb(each) for each in value]
    if isinstance(value, float):
        raise _UnknownError
    return value


@lru_cache(maxsize=200)
def _sorted(names: tuple[str, ...]) -> list[str]:
    return sorted(names, key=lambda name: (len(name.encode()), name.encode()))
