"""Evaluation of conditions, with a result for each of their parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

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
    TimeWindow,
)
from domain.automations.conditions.time_windows import is_within
from domain.automations.expressions.errors import EvaluationError, UndefinedValueError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.values import to_moment, to_number


@dataclass(frozen=True, slots=True)
class Verdict:
    """The value of a condition; `details` is JSON: kind, value and inputs, parts within parts."""

    value: bool
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Inputs:
    scope: Mapping[str, Any]
    now: datetime


def evaluate(condition: Condition, scope: Mapping[str, Any], *, now: datetime) -> Verdict:
    """Evaluate the condition; `and` and `or` stop at the part that decides, later parts are not in the details.

    Raises:
        EvaluationError: an expression has no value, such as a division by 0; the field is the path to it.
    """
    return _evaluate(condition, _Inputs(scope, now), ())


def undefined_in(details: Mapping[str, Any]) -> list[str]:
    """Return the paths whose absence decided, from the details of an evaluation."""
    found, waiting = [], [details]
    while waiting:
        part = waiting.pop()
        if "undefined" in part:
            found.append(part["undefined"])
        waiting += part.get("parts", [])[::-1]
    return found


def health_of(scope: Mapping[str, Any], entity: str) -> Mapping[str, Any] | None:
    """Return the system's health in the scope; None if it is not there."""
    health = scope.get("health")
    systems = health.get("systems") if isinstance(health, Mapping) else None
    found = systems.get(entity) if isinstance(systems, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _evaluate(condition: Condition, inputs: _Inputs, path: tuple[str, ...]) -> Verdict:
    match condition:
        case All():
            return _each(condition.conditions, inputs, (*path, "and"), decisive=False)
        case AnyOf():
            return _each(condition.conditions, inputs, (*path, "or"), decisive=True)
        case Negation():
            inner = _evaluate(condition.condition, inputs, (*path, "not"))
            return _verdict("not", value=not inner.value, parts=[inner.details])
        case TimeOfDay():
            return _time(condition.time, inputs)
    try:
        return _leaf(condition, inputs)
    except EvaluationError as error:
        error.field = list(path)
        raise


def _leaf(condition: str | NumericState | SystemState, inputs: _Inputs) -> Verdict:
    match condition:
        case NumericState():
            return _numeric(condition.numeric_state, inputs)
        case SystemState():
            return _state(condition.state, inputs)
        case _:
            decided = compile_expression(condition).decided(inputs.scope, now=inputs.now)
            undefined = {} if decided.undefined is None else {"undefined": decided.undefined}
            return _verdict("expression", value=decided.value is True, expression=condition, **undefined)


def _each(conditions: list[Condition], inputs: _Inputs, path: tuple[str, ...], *, decisive: bool) -> Verdict:
    parts: list[dict[str, Any]] = []
    for index, condition in enumerate(conditions):
        verdict = _evaluate(condition, inputs, (*path, str(index)))
        parts.append(verdict.details)
        if verdict.value is decisive:
            return _verdict(path[-1], value=decisive, parts=parts)
    return _verdict(path[-1], value=not decisive, parts=parts)


def _numeric(bounds: NumericBounds, inputs: _Inputs) -> Verdict:
    given, undefined = _given(bounds.value, inputs)
    number = to_number(given)
    holds = (
        number is not None
        and (bounds.above is None or number > bounds.above)
        and (bounds.below is None or number < bounds.below)
    )
    seen = {"number": number, "above": bounds.above, "below": bounds.below}
    return _verdict("numeric_state", value=holds, **seen, **({} if undefined is None else {"undefined": undefined}))


def _given(value: str | float, inputs: _Inputs) -> tuple[Any, str | None]:
    """Return the value, or the missing path that it depends on."""
    if not isinstance(value, str):
        return value, None
    try:
        return compile_expression(value).value(inputs.scope, now=inputs.now), None
    except UndefinedValueError as error:
        return None, error.path


def _time(window: TimeWindow, inputs: _Inputs) -> Verdict:
    local = inputs.now.astimezone(ZoneInfo(window.timezone))
    return _verdict(
        "time", value=is_within(window, inputs.now), local=local.isoformat(timespec="seconds"), timezone=window.timezone
    )


def _state(wanted: SystemStatus, inputs: _Inputs) -> Verdict:
    health = health_of(inputs.scope, wanted.entity) or {}
    status, since = health.get("status"), health.get("in_status_since")
    holds = status == wanted.status
    seconds = wanted.dwell.seconds_in(inputs.scope, now=inputs.now) if wanted.dwell and holds else None
    if seconds is not None:
        moment = to_moment(since)
        holds = moment is not None and (inputs.now - moment).total_seconds() >= seconds
    return _verdict(
        "state", value=holds, entity=wanted.entity, status=status, in_status_since=since, for_seconds=seconds
    )


def _verdict(kind: str, *, value: bool, **seen: Any) -> Verdict:
    return Verdict(value, {"kind": kind, "value": value, **seen})
