"""The form of a definition: pydantic's errors as problems with people's paths and words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.automations.conditions.model import TAG
from domain.automations.definitions.definition import STEPS, Definition, TriggerPart
from domain.automations.definitions.faults import UNKNOWN_KEY, keys_of, sentence, unknown_key
from domain.automations.validation.problems import Problem, below


def read_definition(document: Mapping[str, Any]) -> Definition | list[Problem]:
    """Return the definition of a document of bounded size, or the problems of its form."""
    try:
        return Definition.model_validate(document)
    except ValidationError as error:
        return [_problem(fault) for fault in error.errors(include_url=False)]


def _problem(fault: ErrorDetails) -> Problem:
    location = fault["loc"]
    if fault["type"] == UNKNOWN_KEY:
        *outside, key = location
        return Problem(path=below(_path(outside), key), message=unknown_key(_keys_at(outside)))
    return Problem(path=_path(location), message=sentence(fault))


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
