"""Secrets: values that automations use and that cannot be read back."""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.errors import InvalidInputError
from domain.model.actor import Actor

#: Shorter values occur everywhere by chance, so that masking them would hide half of every text.
SHORTEST_VALUE = 4
LARGEST_VALUE_BYTES = 16_384
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret's name and history, without its value."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    created_by: Actor


def checked_secret_name(name: str) -> str:
    """Return a secret's name: letters, digits, underscores and dashes, at most 64.

    Raises:
        InvalidInputError: it has another form.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "Name must be 1 to 64 letters, digits, underscores or dashes, such as STATUS_PAGE_KEY.", field=["name"]
        )
    return name


def checked_secret_value(value: str) -> str:
    """Return a secret's value unchanged: at least 4 characters and at most 16 kB.

    Raises:
        InvalidInputError: it is too short to be masked, too long, or no text.
    """
    # Outer spaces do not count: a value of spaces alone would be masked in every indented text.
    if len(value.strip()) < SHORTEST_VALUE:
        raise InvalidInputError(
            f"Value must have at least {SHORTEST_VALUE} characters: a shorter one could not be masked.",
            field=["value"],
        )
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError:
        # Not chained: that error quotes the value.
        raise InvalidInputError("Value must be valid Unicode text.", field=["value"]) from None
    if size_bytes > LARGEST_VALUE_BYTES:
        raise InvalidInputError(f"Value must have at most {LARGEST_VALUE_BYTES} bytes.", field=["value"])
    return value
