"""How long something lasts, as definitions say it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.fields import TemplateText
from domain.automations.expressions.templates import compile_template
from domain.automations.expressions.values import to_number

#: Thirty days.
LONGEST_SECONDS = 2_592_000


class Definition(BaseModel):
    """A part of a definition: exactly these keys, exactly these types, never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Duration(Definition):
    """Exactly one of seconds, minutes, hours or a template that gives seconds; at most 30 days."""

    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None = Field(None, description="So many seconds.")
    minutes: Annotated[int, Field(ge=1, le=43_200)] | None = Field(None, description="So many minutes.")
    hours: Annotated[int, Field(ge=1, le=720)] | None = Field(None, description="So many hours.")
    template: TemplateText | None = Field(None, description="A template that gives the seconds.")

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        if sum(unit is not None for unit in (self.seconds, self.minutes, self.hours, self.template)) != 1:
            raise PydanticCustomError("duration", "A duration has exactly one of seconds, minutes, hours or template.")
        return self

    def seconds_in(self, scope: Mapping[str, Any], *, now: datetime) -> float:
        """Its length in seconds, more than 0.

        Raises:
            EvaluationError: its template gives no such number.
        """
        if self.template is None:
            return self.seconds or (self.minutes or 0) * 60 + (self.hours or 0) * 3600
        seconds = to_number(compile_template(self.template).value(scope, now=now))
        if seconds is None or not 0 < seconds <= LONGEST_SECONDS:
            raise EvaluationError(f"The duration is no number of seconds above 0 and up to {LONGEST_SECONDS}.")
        return seconds
