"""Text settings of actions, which accept the numbers and booleans that a template renders to."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from domain.automations.expressions.values import to_text


def _as_text(value: Any) -> Any:
    """Return numbers and booleans as they would stand within other text; leave anything else to validation."""
    return to_text(value) if isinstance(value, bool | int | float) else value


#: A text, or a number or truth value in its place.
Text = Annotated[str, BeforeValidator(_as_text)]
