"""The reading of bodies: checks of their form, and their usual parts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.signals import KEY_LENGTH, AlertSignal, SignalAction
from domain.automations.expressions.values import to_moment
from domain.model.moment import cut
from domain.model.texts import fitted_line

#: Earlier moments are how some languages write "none".
_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
#: What monitors say for each action.
_ACTIONS = {
    SignalAction.TRIGGER: (
        *(
            "trigger",
            "triggered",
            "firing",
            "fired",
            "fire",
            "alerting",
            "down",
            "problem",
            "open",
            "opened",
            "created",
        ),
        *("new", "error", "failed", "failure", "critical", "warning", "unhealthy", "degraded", "true", "1", "active"),
    ),
    SignalAction.ACKNOWLEDGE: ("acknowledge", "acknowledged", "ack", "acked"),
    SignalAction.RESOLVE: (
        *("resolve", "resolved", "ok", "up", "recovered", "recovery", "close", "closed", "cleared", "clear"),
        *("healthy", "normal", "success", "succeeded", "false", "0", "inactive", "done"),
    ),
}
_ACTION_OF = {word: action for action, words in _ACTIONS.items() for word in words}


def object_in(value: Any, what: str) -> Mapping[str, Any]:
    """Return a JSON object.

    Raises:
        UnusableDeliveryError: it is none.
    """
    if not isinstance(value, dict):
        raise UnusableDeliveryError(f"{what} must be a JSON object, not {_kind(value)}.")
    return value


def list_in(value: Any, what: str) -> Sequence[Any]:
    """Return a JSON list.

    Raises:
        UnusableDeliveryError: it is none.
    """
    if not isinstance(value, list):
        raise UnusableDeliveryError(f"{what} must be a list, not {_kind(value)}.")
    return value


def read_each(
    items: Iterable[Any], read: Callable[[Any], AlertSignal]
) -> Iterator[AlertSignal | UnusableDeliveryError]:
    """Yield the signal of each item, or why it is refused: one that is malformed leaves the others as they are."""
    for item in items:
        try:
            yield read(item)
        except UnusableDeliveryError as error:
            yield error


def texts_in(value: Any) -> dict[str, str]:
    """Return the texts, numbers and truths of an object as texts; an absent object has none."""
    if not isinstance(value, dict):
        return {}
    return {str(name): text for name, each in value.items() if (text := text_in(each)) is not None}


def text_in(value: Any) -> str | None:
    """Return a text that shows something, a number or a truth as a text; None for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def first_of(values: Mapping[str, str], *names: str) -> str | None:
    """Return the first of these values that is there."""
    return next((values[name] for name in names if values.get(name)), None)


def given(values: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """Return those of these values that are there."""
    return tuple(values[name] for name in names if values.get(name))


def moment_in(value: Any) -> datetime | None:
    """Return a moment, cut to milliseconds; None where there is none, or the one that stands for none."""
    found = to_moment(_without_nanoseconds(value) if isinstance(value, str) else value)
    return cut(found) if found is not None and found >= _EARLIEST else None


def checked_alert_key(value: Any) -> str:
    """Return the key of an alert.

    Raises:
        UnusableDeliveryError: it is no text or number, shows nothing, or is too long.
    """
    text = text_in(value)
    key = None if text is None else fitted_line(text, longest=KEY_LENGTH + 1)
    if key is None:
        raise UnusableDeliveryError("The key of an alert must be a text or a number.")
    if len(key) > KEY_LENGTH:
        raise UnusableDeliveryError(f"The key of an alert must have at most {KEY_LENGTH} characters.")
    return key


def checked_action(value: Any) -> SignalAction:
    """Return the action that a monitor's word stands for.

    Raises:
        UnusableDeliveryError: the word is not known.
    """
    text = text_in(value)
    action = None if text is None else _ACTION_OF.get(text.strip().lower())
    if action is None:
        shown = _kind(value) if text is None else repr(text[:40])
        raise UnusableDeliveryError(
            f"The action of an alert must be trigger, acknowledge or resolve, or a usual word for it, not {shown}."
        )
    return action


def known_action(words: Iterable[Any]) -> SignalAction | None:
    """Return the action of the first word that stands for one."""
    texts = (text_in(word) for word in words)
    return next((_ACTION_OF[text.lower()] for text in texts if text and text.lower() in _ACTION_OF), None)


def _without_nanoseconds(text: str) -> str:
    """Return a moment with at most six digits of a second: Go writes nine, which Python refuses to read."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth", type(None): "null"}
    return names.get(type(value), "a number")
