"""The rules of alerts: from the state of an alert and a signal to what happens, the same in every order."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from domain.alerts.signals import AlertSignal, SignalAction
from domain.model.integration import AlertState

_TICK = timedelta(milliseconds=1)
_LAST = datetime.max.replace(tzinfo=UTC) - _TICK


class Step(Enum):
    """The step that a signal leads to."""

    OPEN = "open"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Decision:
    """A step, and the alert's state after it."""

    step: Step
    state: AlertState


def decide(state: AlertState, signal: AlertSignal, *, now: datetime, repeat_seconds: float) -> Decision:
    """Return what a signal leads to.

    What is older than what is known changes nothing. A monitor that gives no moments is taken by the order of arrival.
    """
    if signal.action is SignalAction.TRIGGER:
        return _triggered(state, signal, now, timedelta(seconds=repeat_seconds))
    if signal.action is SignalAction.RESOLVE:
        return _resolved(state, signal, now)
    step = Step.ACKNOWLEDGE if state.is_firing and state.is_open else Step.NOTHING
    return Decision(step, state)


def _triggered(state: AlertState, signal: AlertSignal, now: datetime, repeat: timedelta) -> Decision:
    at = signal.starts_at
    if not state.is_firing:
        if at is not None and state.ended_at is not None and at <= state.ended_at:
            return Decision(Step.NOTHING, state)
        return Decision(Step.OPEN, _firing(state, at or now))
    if at is not None and state.fired_at is not None and at < state.fired_at:
        return Decision(Step.NOTHING, state)
    later = state if at is None or at == state.fired_at else replace(state, fired_at=at)
    if state.is_open or not _is_new(state, signal, now, repeat):
        return Decision(Step.NOTHING, later)
    return Decision(Step.OPEN, _firing(state, at or now))


def _is_new(state: AlertState, signal: AlertSignal, now: datetime, repeat: timedelta) -> bool:
    """Return whether a trigger is another firing than the one whose incident a person has resolved or deleted."""
    if signal.repeats_start and signal.starts_at is not None:
        return state.fired_at is None or signal.starts_at > state.fired_at
    over = state.resolved_at or state.updated_at
    return over is None or now > over + repeat


def _firing(state: AlertState, at: datetime) -> AlertState:
    # Where nothing says when it fired, it did after the last end, also where clocks differ.
    fired_at = at if state.ended_at is None else max(at, min(state.ended_at, _LAST) + _TICK)
    return replace(state, is_firing=True, fired_at=fired_at, incident_id=None, group_key=None)


def _resolved(state: AlertState, signal: AlertSignal, now: datetime) -> Decision:
    at = signal.ends_at
    if state.is_firing:
        if at is not None and state.fired_at is not None and at < state.fired_at:
            return Decision(Step.NOTHING, state)
        ended_at = at or max(now, state.fired_at or now)
        return Decision(Step.RESOLVE, replace(state, is_firing=False, ended_at=ended_at))
    if state.ended_at is not None and (at is None or at <= state.ended_at):
        return Decision(Step.NOTHING, state)
    return Decision(Step.NOTHING, replace(state, ended_at=at or now))
