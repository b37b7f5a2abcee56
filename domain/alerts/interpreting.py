"""From the body of a delivery to its signals, by the format of its integration and its expressions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from domain.alerts.definition import AlertMapping, mapping_of
from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats import alertmanager, cloudevents, events, healthchecks, pagerduty, uptime_kuma
from domain.alerts.formats.reading import checked_action, checked_alert_key, moment_in
from domain.alerts.signals import AlertSignal, SignalAction
from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.templates import compile_template
from domain.entities.masking import MASK
from domain.model.integration import Integration, IntegrationType
from domain.model.texts import is_line

#: The most alerts of one delivery.
MOST_ALERTS = 1000
#: The most reasons that are named where all alerts are refused.
_MOST_REASONS = 20
#: Masked in every body, because they are tokens.
_ALWAYS_MASKED = frozenset({"routing_key", "service_key"})
#: Bodies are no deeper than this: the reader of JSON takes more.
_DEPTH = 100

_FORMATS: Mapping[IntegrationType, Callable[[Any], Iterator[AlertSignal | UnusableDeliveryError]]] = {
    IntegrationType.ALERTMANAGER: alertmanager.signals_of,
    IntegrationType.GRAFANA: alertmanager.signals_of,
    IntegrationType.PAGERDUTY: pagerduty.signals_of,
    IntegrationType.UPTIME_KUMA: uptime_kuma.signals_of,
    IntegrationType.HEALTHCHECKS: healthchecks.signals_of,
    IntegrationType.CLOUDEVENTS: cloudevents.signals_of,
}


@dataclass(frozen=True, slots=True)
class Interpreted:
    """The signals of a body in their order, and why others of its alerts are refused."""

    signals: Sequence[AlertSignal]
    refusals: Sequence[str] = ()


def signals_in(integration: Integration, body: Any, *, now: datetime) -> Interpreted:
    """Return the signals of a body, which is masked already, without alerts that are malformed.

    Raises:
        UnusableDeliveryError: it is no body of the format, has too many alerts, or all of them are malformed.
    """
    mapping = mapping_of(integration.mapping)
    read = _FORMATS.get(integration.type)
    found = events.signals_of(body, mapping, now=now) if read is None else read(body)
    alerts = list(islice(found, MOST_ALERTS + 1))
    if len(alerts) > MOST_ALERTS:
        raise UnusableDeliveryError(f"A delivery may have {MOST_ALERTS} alerts at most; send several.")
    signals, refusals, first = list[AlertSignal](), list[str](), None
    for index, alert in enumerate(alerts):
        try:
            signals.append(_finished(alert, mapping, now))
        except UnusableDeliveryError as error:
            first = first or error
            refusals.append(f"The alert at index {index}: {error.message}")
    if first is not None and not signals:
        raise first if len(alerts) == 1 else UnusableDeliveryError("\n".join(refusals[:_MOST_REASONS]))
    return Interpreted(signals, refusals)


def masked(body: Any, fields: frozenset[str]) -> Any:
    """Return a body without the values of these fields, at any depth; names count in any case.

    Raises:
        UnusableDeliveryError: it is nested too deeply.
    """
    return _masked(body, fields | _ALWAYS_MASKED, _DEPTH)


def value_of(expression: str, name: str, scope: Mapping[str, Any], now: datetime) -> Any:
    """Return the value of an integration's expression.

    Raises:
        UnusableDeliveryError: it has none.
    """
    try:
        return compile_expression(expression).value(scope, now=now)
    except EvaluationError as error:
        raise UnusableDeliveryError(f"{name}: {error.message}") from error


def text_of(template: str, name: str, scope: Mapping[str, Any], now: datetime) -> str:
    """Return the text of an integration's template.

    Raises:
        UnusableDeliveryError: an expression in it has no value.
    """
    try:
        return compile_template(template).text(scope, now=now)
    except EvaluationError as error:
        raise UnusableDeliveryError(f"{name}: {error.message}") from error


def _check_key(key: str) -> None:
    # Databases refuse some characters, and of others two keys would look alike.
    if not (key.isascii() and key.isprintable()) and not is_line(key):
        raise UnusableDeliveryError("The key of an alert must be one line without control characters.")


def _masked(value: Any, fields: frozenset[str], depth: int) -> Any:
    if depth == 0:
        raise UnusableDeliveryError(f"The body is nested deeper than {_DEPTH}.")
    if isinstance(value, dict):
        return {
            name: MASK if name.lower() in fields else _masked(each, fields, depth - 1) for name, each in value.items()
        }
    return [_masked(each, fields, depth - 1) for each in value] if isinstance(value, list) else value


def _finished(alert: AlertSignal | UnusableDeliveryError, mapping: AlertMapping, now: datetime) -> AlertSignal:
    """Return a signal as its mapping has it, checked, and with no moment that is yet to come."""
    if isinstance(alert, UnusableDeliveryError):
        raise alert
    signal = _mapped(alert, mapping, now)
    _check_key(signal.key)
    if signal.starts_at is not None and signal.starts_at > now:
        # The next repeat is cut at another moment: it would look like another firing.
        signal = replace(signal, starts_at=now, repeats_start=False)
    if signal.ends_at is not None and signal.ends_at > now:
        signal = replace(signal, ends_at=now)
    return signal


def _mapped(signal: AlertSignal, mapping: AlertMapping, now: datetime) -> AlertSignal:
    scope = signal.scope
    if mapping.key is not None:
        signal = replace(signal, key=checked_alert_key(text_of(mapping.key, "mapping.key", scope, now)))
    if mapping.action is not None:
        signal = replace(signal, action=checked_action(value_of(mapping.action, "mapping.action", scope, now)))
    if mapping.starts_at is not None and signal.action is SignalAction.TRIGGER:
        starts_at = moment_in(value_of(mapping.starts_at, "mapping.startsAt", scope, now))
        signal = replace(signal, starts_at=starts_at, repeats_start=starts_at is not None)
    if mapping.ends_at is not None and signal.action is SignalAction.RESOLVE:
        signal = replace(signal, ends_at=moment_in(value_of(mapping.ends_at, "mapping.endsAt", scope, now)))
    return signal
