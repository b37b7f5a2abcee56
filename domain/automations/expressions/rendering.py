"""Rendering of settings: a field that is a single expression keeps its value's type."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.automations.expressions.secret_references import seal, secret_names, unseal
from domain.automations.expressions.templates import compile_template
from domain.entities.masking import MASK

_STATE = re.compile(r"\b(?:health|state)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """Rendered settings with sealed secrets; data that looks like a reference to a secret is left alone."""

    names: frozenset[str]
    sealed: Any
    mark: str

    @property
    def masked(self) -> Any:
        """The settings with secrets redacted."""
        return unseal(self.sealed, self.mark, dict.fromkeys(self.names, MASK))

    def filled(self, values: Mapping[str, str]) -> Any:
        """Return the settings with the secrets filled in; never store the result.

        Raises:
            NotFoundError: one of the secrets is missing.
        """
        return unseal(self.sealed, self.mark, values)


def render(value: Any, scope: Mapping[str, Any], *, now: datetime) -> Rendered:
    """Return the value with all its templates rendered.

    Raises:
        ExpressionError: a template is not valid, has a secret in an expression, or depends on something missing in
            the scope.
        InvalidInputError: a reference to a secret is malformed.
    """
    mark = f"s{secrets.token_hex(12)}s"
    sealed = _rendered(seal(value, mark), scope, now)
    return Rendered(names=frozenset(secret_names(value)), sealed=sealed, mark=mark)


def mentions_state(value: Any) -> bool:
    """Return whether a template in the value may read health or state."""
    if isinstance(value, str):
        return "{{" in value and _STATE.search(value) is not None
    if isinstance(value, Mapping):
        return any(mentions_state(item) for item in value.values())
    return isinstance(value, list) and any(mentions_state(item) for item in value)


def _rendered(value: Any, scope: Mapping[str, Any], now: datetime) -> Any:
    if isinstance(value, str):
        return compile_template(value).value(scope, now=now) if "{" in value else value
    if isinstance(value, Mapping):
        return {key: _rendered(item, scope, now) for key, item in value.items()}
    if isinstance(value, list):
        return [_rendered(item, scope, now) for item in value]
    return value
