"""Sentences for what pydantic finds wrong with a document that a person wrote."""

from collections.abc import Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

UNKNOWN_KEY = "extra_forbidden"
_FIXED = {"missing": "This is missing.", "model_type": "This has to be an object: keys with values."}
_BOUNDS = {
    "too_long": "This has at most {max_length} entries.",
    "too_short": "This has at least {min_length} entries.",
    "string_too_long": "This has at most {max_length} characters.",
    "string_too_short": "This has at least {min_length} characters.",
}
_EXPECTED = "Input should be "


def sentence(fault: ErrorDetails) -> str:
    """Return an error as a sentence."""
    if (fixed := _FIXED.get(fault["type"])) is not None:
        return fixed
    if (bound := _BOUNDS.get(fault["type"])) is not None:
        return _singular(bound.format_map(fault["ctx"]))
    message = fault["msg"].removeprefix("Value error, ")
    if message.startswith(_EXPECTED):
        message = f"This has to be {message.removeprefix(_EXPECTED)}"
    message = message[:1].upper() + message[1:]
    return message if message.endswith((".", ")")) else f"{message}."


def unknown_key(known: Sequence[str]) -> str:
    """Return the message for an unknown key, with the known ones if they are certain."""
    return f"This key is unknown; there are {', '.join(known)}." if known else "This key is unknown."


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a part, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def explained(model: type[BaseModel], fault: ErrorDetails) -> str:
    """Return an error of that model as a sentence, with its keys where one is unknown."""
    if fault["type"] == UNKNOWN_KEY:
        return unknown_key(keys_of(model) if len(fault["loc"]) == 1 else [])
    return sentence(fault)


def _singular(text: str) -> str:
    return text.replace(" 1 entries", " 1 entry").replace(" 1 characters", " 1 character")
