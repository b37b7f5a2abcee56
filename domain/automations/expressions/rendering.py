"""Settings with templates in them, rendered: a field that is one expression keeps its value's type."""

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
    """Rendered settings in which secrets are sealed: what data from elsewhere looks like one is left as it is."""

    names: frozenset[str]
    sealed: Any
    mark: str

    @property
    def masked(self) -> Any:
        """The settings as everybody may see them."""
        return unseal(self.sealed, self.mark, dict.fromkeys(self.names, MASK))

    def filled(self, values: Mapping[str, str]) -> Any:
        """The settings with the secrets in them; for what leaves the process at once, and is kept nowhere.

        Raises:
            NotFoundError: one of the secrets is not there.
        """
        return unseal(self.sealed, self.mark, values)


def render(value: Any, scope: Mapping[str, Any], *, now: datetime) -> Rendered:
    """The value with every template in it rendered.

    Raises:
        ExpressionError: a template is not valid, has a secret in an expression, or hangs on something that the scope
            does not have.
        InvalidInputError: a reference to a secret is none.
    """
    mark = f"s{secrets.token_hex(12)}s"
    sealed = _rendered(seal(value, mark), scope, now)
    return Rendered(names=frozenset(secret_names(value)), sealed=sealed, mark=mark)


def mentions_state(value: Any) -> bool:
    """Whether a template in the value may look at health or state."""
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
