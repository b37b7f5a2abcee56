"""Translation of input values to those of commands: absent, null or a value."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.scalar import DEFAULT_SCALAR_REGISTRY
from strawberry.types.arguments import convert_argument
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.commands import KEEP, Keep

T = TypeVar("T")
_USUAL = StrawberryConfig()


def read_input(kind: type[T], given: Mapping[str, Any] | None) -> T | None:
    """Return an input of that kind, as resolvers get it, from the values of its fields."""
    return cast("T | None", convert_argument(given, kind, DEFAULT_SCALAR_REGISTRY, _USUAL))


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
