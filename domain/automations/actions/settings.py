"""Texts in the settings of actions: what a template came to need not be one to be shown as one."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from domain.automations.expressions.values import to_text


def _as_text(value: Any) -> Any:
    """Numbers and truth values as they stand in the midst of other text; what is neither is left to be judged."""
    return to_text(value) if isinstance(value, bool | int | float) else value


#: A text, or a number or truth value in its place.
Text = Annotated[str, BeforeValidator(_as_text)]
