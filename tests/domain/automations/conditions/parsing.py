"""Parsing of a single condition, as definitions parse it, for tests of conditions."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.automations.conditions.model import TAG, Condition
from domain.errors import InvalidInputError

_ADAPTER: TypeAdapter[Condition] = TypeAdapter(Condition)


def parse_condition(document: Any) -> Condition:
    """Return the condition of a JSON value.

    Raises:
        InvalidInputError: it is none; the field is the path to what is wrong first.
    """
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidInputError(first["msg"], field=field_path(first["loc"])) from error


def field_path(location: Sequence[int | str]) -> list[str]:
    """Return the keys and indexes of an error's location, without pydantic's tags of unions."""
    return [str(part) for part in location if not (isinstance(part, str) and part.startswith(TAG))]
