"""The form of a definition: pydantic's errors as problems with people's paths and words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from domain.automations.conditions.model import TAG
from domain.automations.definitions.definition import STEPS, Definition, TriggerPart
from domain.automations.validation.problems import Problem, below

_UNKNOWN_KEY = "extra_forbidden"


def read_definition(document: Mapping[str, Any]) -> Definition | list[Problem]:
    """Return the definition of a document of bounded size, or the problems of its form."""
    try:
        return Definition.model_validate(document)
    except ValidationError as error:
        return [_problem(fault) for fault in error.errors(include_url=False)]


def _problem(fault: ErrorDetails) -> Problem:
    location = fault["loc"]
    if fault["type"] == _UNKNOWN_KEY:
        *outside, key = location
        return Problem(path=below(_path(outside), key), message=unknown_key(_keys_at(outside)))
    return Problem(path=_path(location), message=sentence(fault))


def sentence(fault: ErrorDetails) -> str:
    """Return an error as a sentence."""
    if fault["type"] == "missing":
        return "This is missing."
    if fault["type"] == "model_type":
        return "This has to be an object: keys with values."
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].upper() + message[1:]
    return message if message.endswith((".", ")")) else f"{message}."


def unknown_key(known: Sequence[str]) -> str:
    """Return the message for an unknown key, with the known ones if they are certain."""
    return f"This key is unknown; there are {', '.join(known)}." if known else "This key is unknown."


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a part, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _keys_at(outside: Sequence[int | str]) -> list[str]:
    """Return the keys of the part at that place, for the parts that people write most."""
    match outside:
        case []:
            return keys_of(Definition)
        case ["triggers", int()]:
            return keys_of(TriggerPart)
        case [*_, int(), str(tag)] if tag.removeprefix(TAG) in STEPS and tag.startswith(TAG):
            return keys_of(STEPS[tag.removeprefix(TAG)])
    return []


def _path(location: Iterable[int | str]) -> str:
    """Return the path without the tags of unions, and without the `[key]` that marks a faulty key."""
    return below("", *(part for part in location if not (isinstance(part, str) and _is_added(part))))


def _is_added(part: str) -> bool:
    return part.startswith(TAG) or part == "[key]"
