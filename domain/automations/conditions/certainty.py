"""Three-valued evaluation of a condition when only a part of its scope is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.automations.conditions.model import All, AnyOf, Condition, Negation
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.language import compile_expression


def is_ruled_out(condition: Condition, known: Mapping[str, Any], *, now: datetime) -> bool:
    """Return whether the condition cannot hold, whatever the missing part of the scope is."""
    return _certain(condition, known, now) is False


def _certain(condition: Condition, known: Mapping[str, Any], now: datetime) -> bool | None:
    """Return whether the condition holds; None if that depends on the missing part."""
    match condition:
        case str():
            try:
                return compile_expression(condition).decided(known, now=now).value
            except ExpressionError:
                return None
        case All():
            return _together([_certain(part, known, now) for part in condition.conditions], decisive=False)
        case AnyOf():
            return _together([_certain(part, known, now) for part in condition.conditions], decisive=True)
        case Negation():
            inner = _certain(condition.condition, known, now)
            return None if inner is None else not inner
        case _:
            # Numbers, times and systems: no wait depends on its incident through them alone.
            return None


def _together(parts: list[bool | None], *, decisive: bool) -> bool | None:
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive
