"""The cursor that an answer has to have reached, as a request names it."""

from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidCursorError
from domain.model.cursor import CursorCodec
from domain.model.freshness import ANY, Freshness

#: The header that names the cursor, and the member of `extensions` that does, where a transport has no headers.
AFTER_HEADER = "IncidentQL-After"
AFTER = "after"
_HEADER = AFTER_HEADER.lower().encode()


def freshness_of(
    headers: Mapping[bytes, bytes], extensions: Mapping[str, Any] | None, cursors: CursorCodec
) -> Freshness:
    """Return how recent an answer has to be: of two cursors, the later one counts.

    Raises:
        InvalidCursorError: one was not issued by this database for its log.
    """
    given = headers.get(_HEADER)
    named = extensions.get(AFTER) if extensions else None
    if given is None and named is None:
        return ANY
    found: list[Freshness] = []
    for cursor, field in ((given and given.decode("latin-1"), [AFTER_HEADER]), (named, ["extensions", AFTER])):
        if cursor is None:
            continue
        if not isinstance(cursor, str):
            raise InvalidCursorError(field=field)
        found.append(Freshness(after=_position(cursor, cursors, field), field=field))
    return max(found, key=lambda each: each.after or 0)


def _position(cursor: str, cursors: CursorCodec, field: list[str]) -> int:
    try:
        return cursors.read_position(cursor)
    except InvalidCursorError as error:
        raise InvalidCursorError(field=field) from error
