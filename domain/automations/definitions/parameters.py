"""The parameters that all ready-made automations have, and the words for durations in their texts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Parameters(BaseModel):
    """The parameters that every template has."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    system_ids: list[str] | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="The ids of the systems that it is for; all, unless given.",
    )


def literal_of(texts: Sequence[str]) -> str:
    """Return a list of texts as an expression."""
    return json.dumps(list(texts))


def plain_text(text: str) -> str:
    """Return a template that gives just this text."""
    return f"{{{{ {json.dumps(text)} }}}}" if "{" in text else text


def filter_of(given: Parameters, *conditions: str) -> Mapping[str, Any]:
    """Return the filter of a trigger of incidents: all of the conditions, and one of the systems that are given."""
    wanted = list(conditions)
    if given.system_ids is not None:
        named = " or ".join(f"{literal_of([each])[1:-1]} in trigger.payload.systemIds" for each in given.system_ids)
        wanted.append(f"({named})")
    return {"filter": " and ".join(wanted)} if wanted else {}


def duration_text(seconds: float) -> str:
    """Return a duration in words, such as 30 minutes."""
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        count = seconds / size
        if count >= 1:
            return f"{count:g} {unit}" if count == 1 else f"{count:g} {unit}s"
    return f"{seconds:g} seconds"
