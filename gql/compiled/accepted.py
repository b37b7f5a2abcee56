"""Variables that nothing was wrong about before, with what was read of them: who polls sends the same ones again."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from domain.model.selection import Wanted

#: The variables of one operation that are kept, and how long they may be: each takes a few kilobytes with its filter.
_MOST, _MOST_BYTES = 32, 400


class Read(NamedTuple):
    """The reading of some variables: what the operation wants with them, what its answer needs, and what it costs."""

    wanted: Wanted
    names: Sequence[Any]
    cost: int


class Accepted:
    """The variables with which one operation was run last."""

    def __init__(self) -> None:
        self._read: dict[bytes, Read] = {}

    def find(self, variables: Mapping[str, Any]) -> tuple[bytes | None, Read | None]:
        """Return the name to `keep` them under, and what was read of them; None for those that are not kept."""
        try:
            # One text for each of them: true is no 1 there, and neither is 1.0.
            name = orjson.dumps(variables)
        except TypeError:
            return None, None
        return (None, None) if len(name) > _MOST_BYTES else (name, self._read.get(name))

    def keep(self, name: bytes, read: Read) -> None:
        """Keep what was read of the variables of that name."""
        if len(self._read) >= _MOST:
            del self._read[next(iter(self._read))]
        self._read[name] = read
