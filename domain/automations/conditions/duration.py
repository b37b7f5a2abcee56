"""Durations and delays as fields of definitions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from typing_extensions import override

from domain.automations.expressions.durations import FORMS, TEXT_SCHEMA, UNITS, no_duration, seconds_of, with_forms
from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.fields import TemplateText
from domain.automations.expressions.templates import compile_template
from domain.automations.expressions.values import is_number

#: Thirty days.
LONGEST_SECONDS = 2_592_000


class StrictPart(BaseModel):
    """A part of a definition: immutable, with exactly these keys and types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Duration(StrictPart):
    """Seconds, minutes, hours and days added up, or a template that gives seconds; at most 30 days."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = Field(None, description="So many seconds.")
    minutes: Annotated[float, Field(gt=0, le=43_200)] | None = Field(None, description="So many minutes.")
    hours: Annotated[float, Field(gt=0, le=720)] | None = Field(None, description="So many hours.")
    days: Annotated[float, Field(gt=0, le=30)] | None = Field(None, description="So many days.")
    template: TemplateText | None = Field(None, description="A template that gives a duration.")

    @model_validator(mode="before")
    @classmethod
    def _of_other_forms(cls, value: Any) -> Any:
        return in_parts(value, cls)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.template is None) is not bool(self._units):
            raise no_duration()
        if self._units and seconds_of(self._units) > LONGEST_SECONDS:
            raise no_duration()
        return self

    @override
    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "number"}, TEXT_SCHEMA]}

    @property
    def _units(self) -> Mapping[str, float]:
        """The units that are set."""
        return {name: count for name in UNITS if (count := getattr(self, name)) is not None}

    def seconds_in(self, scope: Mapping[str, Any], *, now: datetime) -> float:
        """Return its length in seconds, more than 0.

        Raises:
            EvaluationError: its template gives no such number.
        """
        if self.template is None:
            return seconds_of(self._units)
        seconds = rendered_seconds(compile_template(self.template).value(scope, now=now))
        if seconds is None or not 0 < seconds <= LONGEST_SECONDS:
            raise EvaluationError(f"The duration is not above 0 and up to {LONGEST_SECONDS} seconds: write {FORMS}.")
        return seconds


class Delay(StrictPart):
    """The length of a wait."""

    seconds: float | None = Field(default=None, ge=0, le=86_400, description="That many seconds.")
    template: TemplateText | None = Field(default=None, description="A template that gives a duration.")

    @model_validator(mode="before")
    @classmethod
    def _of_other_forms(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value and set(value) <= set(UNITS):
            # A lone `seconds` is validated by its own field.
            return in_parts(value, cls) if set(value) == {"seconds"} else {"seconds": seconds_of(value)}
        return in_parts(value, cls)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.seconds is None) is (self.template is None):
            raise no_duration()
        return self

    @override
    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return with_forms({"anyOf": [handler(schema), {"type": "number"}]})


def in_parts(value: Any, model: type[BaseModel]) -> Any:
    """Return a number or text as an object of units; return an object unchanged if its keys are the model's.

    Raises:
        PydanticCustomError: it is no form of a duration.
    """
    if isinstance(value, Mapping):
        if not set(value) <= set(model.model_fields):
            raise no_duration()
        if not all(is_number(value[name]) for name in UNITS if value.get(name) is not None):
            raise no_duration()
        return value
    if isinstance(value, model):
        return value
    if isinstance(value, str) and "{{" in value:
        return {"template": value}
    return {"seconds": seconds_of(value)}


def rendered_seconds(value: Any) -> float | None:
    """Return the seconds of a rendered template; None if it is no duration."""
    try:
        return seconds_of(value)
    except PydanticCustomError:
        return None
