"""Moments at which time alone could change the value of a condition."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain.automations.conditions.evaluation import health_of
from domain.automations.conditions.model import (
    All,
    AnyOf,
    Condition,
    Negation,
    NumericBounds,
    NumericState,
    SystemState,
    SystemStatus,
    TimeOfDay,
)
from domain.automations.conditions.time_windows import next_change
from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.flips import next_crossing_of, next_flip_of
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.values import to_moment


def next_flip(condition: Condition, scope: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """Return the earliest moment after now at which time alone could change its value; None if never."""
    flips = (_flip(leaf, scope, now) for leaf in leaves(condition))
    return min((flip for flip in flips if flip is not None and flip > now), default=None)


def leaves(condition: Condition) -> Iterator[str | NumericState | TimeOfDay | SystemState]:
    """Yield the parts of a condition that are no combination of others."""
    match condition:
        case All() | AnyOf():
            for part in condition.conditions:
                yield from leaves(part)
        case Negation():
            yield from leaves(condition.condition)
        case _:
            yield condition


def _flip(
    leaf: str | NumericState | TimeOfDay | SystemState, scope: Mapping[str, Any], now: datetime
) -> datetime | None:
    match leaf:
        case NumericState():
            return _crossing(leaf.numeric_state, scope, now)
        case TimeOfDay():
            return next_change(leaf.time, now)
        case SystemState():
            return _dwell_end(leaf.state, scope, now)
        case _:
            return next_flip_of(compile_expression(leaf), scope, now=now)


def _crossing(bounds: NumericBounds, scope: Mapping[str, Any], now: datetime) -> datetime | None:
    if not isinstance(bounds.value, str):
        return None
    return next_crossing_of(compile_expression(bounds.value), bounds.bounds, scope, now=now)


def _dwell_end(wanted: SystemStatus, scope: Mapping[str, Any], now: datetime) -> datetime | None:
    health = health_of(scope, wanted.entity)
    if wanted.dwell is None or health is None or health.get("status") != wanted.status:
        return None
    since = to_moment(health.get("in_status_since"))
    try:
        return since + timedelta(seconds=wanted.dwell.seconds_in(scope, now=now)) if since else None
    except (EvaluationError, OverflowError):
        return None
