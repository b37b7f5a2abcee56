"""Durations as people write them: `5m`, `1h30m`, `00:05:00`, `{minutes: 5}`, or a number in the field's unit."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

_FORMS = "5m, 1h30m, 00:05:00, {minutes: 5}, or a number of"
FORMS = f"{_FORMS} seconds"

_LONGEST_TEXT = 80
#: More than any bound; beyond it numbers end, and so do not-a-numbers.
_LARGEST = 10**12
UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_PLAIN = re.compile(_NUMBER)
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,6})?)")
_PARTS = re.compile("".join(rf"(?:({_NUMBER}) ?{unit[0]} ?)?" for unit in UNITS))
TEXT_SCHEMA = {"type": "string", "examples": ["5m", "1h30m", "00:05:00"]}
_OBJECT = {
    "type": "object",
    "properties": {unit: {"type": "number", "minimum": 0} for unit in UNITS},
    "minProperties": 1,
    "additionalProperties": False,
}


def seconds_of(value: Any, *, unit: float = 1) -> float:
    """Return the seconds of a text or object; a number, also as a text, is multiplied by the unit.

    Raises:
        PydanticCustomError: it is no duration; the message says what is one.
    """
    if isinstance(value, str):
        seconds = _of_text(value.strip().lower(), unit) if len(value) <= _LONGEST_TEXT else None
    else:
        seconds = _of_object(value) if isinstance(value, Mapping) else _of_count(value, unit)
    if seconds is None:
        raise no_duration(unit=unit)
    return seconds


def no_duration(*, unit: float = 1) -> PydanticCustomError:
    """Return the error for something that is no duration, with examples in the field's unit."""
    counted = "minutes" if unit == UNITS["minutes"] else "seconds"
    return PydanticCustomError("duration", f"This is no duration: write {_FORMS} {counted}.")


class Forms:
    """An annotation that adds the other forms of a duration to the JSON Schema of a number."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_forms(handler(schema))


def with_forms(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema extended by those of a duration as a text and as an object."""
    return {"anyOf": [schema, TEXT_SCHEMA, _OBJECT]}


def _of_text(text: str, unit: float) -> float | None:
    if _PLAIN.fullmatch(text):
        return float(text) * unit
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    parts = _PARTS.fullmatch(text)
    if parts is None or not any(parts.groups()):
        return None
    return sum(float(count) * size for count, size in zip(parts.groups(), UNITS.values(), strict=True) if count)


def _of_object(value: Mapping[str, Any]) -> float | None:
    if not value or not set(value) <= set(UNITS):
        return None
    parts = [_of_count(count, UNITS[name]) for name, count in value.items()]
    known = [part for part in parts if part is not None and part >= 0]
    return sum(known) if len(known) == len(parts) else None


def _of_count(count: Any, unit: float) -> float | None:
    if isinstance(count, bool) or not isinstance(count, int | float) or not abs(count) <= _LARGEST:
        return None
    return count * unit


#: Before a number of seconds: any form of a duration.
IN_SECONDS = BeforeValidator(seconds_of)
#: Before a number of minutes: any form of a duration, of which a mere number counts minutes.
IN_MINUTES = BeforeValidator(lambda value: seconds_of(value, unit=60) / 60)

#: Any form of a duration, as seconds.
Seconds = Annotated[float, IN_SECONDS, Forms()]
#: Any form of a duration, as minutes.
Minutes = Annotated[float, IN_MINUTES, Forms()]
