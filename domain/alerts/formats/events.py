"""Any JSON: what its alerts are, and all of them, is what the integration's expressions say."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from domain.alerts.definition import AlertMapping
from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import list_in, text_in, texts_in
from domain.alerts.signals import AlertSignal, SignalAction
from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.language import compile_expression


def signals_of(body: Any, mapping: AlertMapping, *, now: datetime) -> Iterator[AlertSignal]:
    """Yield a signal for each alert of a body, whose key, action and times its mapping is yet to say.

    Raises:
        UnusableDeliveryError: the expression for its alerts has no value, or is no list.
    """
    items = [body]
    if mapping.items is not None:
        try:
            found = compile_expression(mapping.items).value({"body": body}, now=now)
        except EvaluationError as error:
            raise UnusableDeliveryError(f"mapping.items: {error.message}") from error
        items = list(list_in(list(found) if isinstance(found, tuple) else found, "`mapping.items`"))
    for item in items:
        known = texts_in(item)
        labels = texts_in(item.get("labels")) if isinstance(item, dict) else {}
        yield AlertSignal(
            key="",
            action=SignalAction.TRIGGER,
            title=text_in(known.get("title")),
            description=text_in(known.get("description")),
            severity=text_in(known.get("severity")),
            systems=tuple(known[name] for name in ("system", "service") if name in known),
            labels=labels,
            scope={"alert": item, "item": item, "labels": labels, "body": body},
        )
