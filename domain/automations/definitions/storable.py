"""A check that both databases can store a document."""

import re
from collections.abc import Mapping
from typing import Any

from domain.errors import InvalidInputError

_REFUSED = re.compile("[\0\ud800-\udfff]")


def storable(document: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the document if both databases can store it unchanged.

    Raises:
        InvalidInputError: there is a text in it that PostgreSQL refuses.
    """
    left: list[Any] = [document]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left.extend(value)
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
        elif isinstance(value, str) and _REFUSED.search(value):
            raise InvalidInputError("No text in it may contain a NUL character or half of a pair.", field=[field])
    return document
