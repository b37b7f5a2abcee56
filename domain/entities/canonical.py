"""Canonical texts of values, by which they are compared and kept in histories."""

import json
import math
from collections.abc import Mapping
from typing import Any

#: Beyond it a JSON number loses digits in many readers, so larger integers are texts.
_LARGEST_EXACT = 2**53 - 1
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def canonical_text(value: Any) -> str:
    """Return canonical JSON: keys sorted at every depth, non-finite numbers as null, lists in their order."""
    return _encode(_canonical(value))


def value_text(value: Any) -> str:
    """Return the text of a field's value in its history: strings as they are, everything else as canonical JSON."""
    return str(value) if isinstance(value, str) else canonical_text(value)


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_EXACT:
        return str(value)
    return value
