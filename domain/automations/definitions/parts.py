"""The parts of definitions that say how often."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.automations.expressions.durations import Minutes, Seconds
from domain.automations.expressions.fields import ExpressionText


class Part(BaseModel):
    """A part of a definition; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FiringWindow(Part):
    """A count of firings within so many minutes, which a trigger has to reach."""

    count: int = Field(ge=1, le=1000, description="How many firings it takes.")
    minutes: Minutes = Field(gt=0, le=1440, description="Within how many minutes.")
    refire: Literal["every", "once"] = Field(
        default="every",
        description="Whether each further firing within the window counts, or only the one that fills it.",
    )
    partition_by: ExpressionText | None = Field(
        default=None, description="The partition of firings; by default what the trigger is about."
    )


class Retry(Part):
    """The attempts at a failing step."""

    attempts: int = Field(default=3, ge=1, le=10, description="How often it is tried in all.")
    delay_seconds: Seconds = Field(
        default=1.0, ge=0, le=3600, description="The first pause; each further one is twice it."
    )


class RateLimit(Part):
    """The most runs within so many minutes; further firings lead to none."""

    count: int = Field(ge=1, le=1000, description="How many runs.")
    minutes: Minutes = Field(gt=0, le=1440, description="Within how many minutes.")
