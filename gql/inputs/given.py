"""Translation of input values to those of commands: absent, null or a value."""

from typing import TypeVar

from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.commands import KEEP, Keep

T = TypeVar("T")


def value_or_none(value: T | UnsetType | None) -> T | None:
    """Return the value; None where it was absent or null."""
    return None if isinstance(value, UnsetType) else value


def kept_or_cleared(value: T | UnsetType | None) -> T | Keep | None:
    """Return the value; KEEP where it was absent."""
    return KEEP if isinstance(value, UnsetType) else value


def kept_or_set(value: T | UnsetType | None, field: str) -> T | Keep:
    """Return the value; KEEP where it was absent.

    Raises:
        InvalidInputError: the value was null, and this field cannot be cleared.
    """
    if value is None:
        raise InvalidInputError("This cannot be null. Leave it out to keep it as it is.", field=[field])
    return KEEP if isinstance(value, UnsetType) else value
