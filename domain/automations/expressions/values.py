"""Conversions of JSON values to numbers, moments and texts."""

import math
import re
from datetime import UTC, datetime
from typing import Any

import orjson

#: No text that an expression makes is longer.
TEXT_LENGTH = 65_536
#: The largest integer of 64 bits: JSON writers, and both databases, take no larger one.
LARGEST_NUMBER = 2**63 - 1

_NUMERIC = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{0,18})?([eE][+-]?[0-9]{1,3})?")
_MOMENT_LENGTH = 40


def is_number(value: Any) -> bool:
    """Return whether it is an integer or a float, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_number(value: Any) -> int | float | None:
    """Return the finite number that it is or spells; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMERIC.fullmatch(text):
            return None
        value = float(text) if set(text) & set(".eE") else int(text)
    return value if is_number(value) and is_bounded(value) else None


def is_bounded(value: float) -> bool:
    """Return whether a result is within bounds: finite and, if an integer, within 64 bits."""
    return abs(value) <= LARGEST_NUMBER if isinstance(value, int) else math.isfinite(value)


def to_moment(value: Any) -> datetime | None:
    """Return the moment, in UTC, of an ISO 8601 text, a datetime or Unix seconds; None for anything else."""
    try:
        if isinstance(value, str) and len(value) <= _MOMENT_LENGTH:
            value = datetime.fromisoformat(value.strip())
        elif is_number(value):
            value = datetime.fromtimestamp(value, UTC)
        if not isinstance(value, datetime):
            return None
        # Reports of the outside may lack the offset; UTC is what every other moment here is in.
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def to_json(value: Any) -> str:
    """Return the JSON text of a value of the scope.

    Raises:
        TypeError: it holds a value that JSON cannot express.
    """
    return orjson.dumps(value).decode()


def to_text(value: Any) -> str:
    """Return a value as text: nothing for None, `true` and `false`, lists and objects as JSON.

    Raises:
        TypeError: it holds a value that JSON cannot express.
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else to_json(value)
