"""Settings with templates in them, rendered: a field that is one expression keeps its value's type."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.automations.expressions.templates import compile_template
from domain.entities.masking import MASK

#: `${{ secrets.NAME }}`: put in where it leaves the process, and nowhere else.
SECRET = re.compile(r"\$\{\{\s*secrets\.([A-Za-z0-9_-]{1,64})\s*\}\}")
_STATE = re.compile(r"\b(?:health|state)\b")


def render(value: Any, scope: Mapping[str, Any], *, now: datetime, keep_secrets: bool = False) -> Any:
    """The value with every template in it rendered; secrets stay as they are named, or are masked.

    Raises:
        ExpressionError: a template is not valid, or hangs on something that the scope does not have.
    """
    if isinstance(value, str):
        return _text(value, scope, now, keep_secrets=keep_secrets)
    if isinstance(value, Mapping):
        return {key: render(item, scope, now=now, keep_secrets=keep_secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, scope, now=now, keep_secrets=keep_secrets) for item in value]
    return value


def mentions_state(value: Any) -> bool:
    """Whether a template in the value may look at health or state."""
    if isinstance(value, str):
        return "{{" in value and _STATE.search(value) is not None
    if isinstance(value, Mapping):
        return any(mentions_state(item) for item in value.values())
    return isinstance(value, list) and any(mentions_state(item) for item in value)


def _text(text: str, scope: Mapping[str, Any], now: datetime, *, keep_secrets: bool) -> Any:
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return text
    if SECRET.search(text) is None:
        return compile_template(text).value(scope, now=now)
    # What lies between two secrets is a template of its own.
    rendered, position = [], 0
    for secret in SECRET.finditer(text):
        rendered.append(compile_template(text[position : secret.start()]).text(scope, now=now))
        rendered.append(secret.group() if keep_secrets else MASK)
        position = secret.end()
    rendered.append(compile_template(text[position:]).text(scope, now=now))
    return "".join(rendered)
