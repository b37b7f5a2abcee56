"""Web hooks of Uptime Kuma, as its type `webhook` sends them in JSON.

https://github.com/louislam/uptime-kuma (server/notification-providers/webhook.js)
"""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import (
    checked_alert_key,
    first_of,
    given,
    moment_in,
    object_in,
    text_in,
    texts_in,
)
from domain.alerts.signals import AlertSignal, SignalAction

#: Of a heartbeat; 2 is pending and 3 maintenance, which say nothing about an alert.
_ACTIONS: Mapping[float, SignalAction] = {0: SignalAction.TRIGGER, 1: SignalAction.RESOLVE}
_SILENT = (2, 3)


def signals_of(body: Any) -> Iterator[AlertSignal]:
    """Yield the signal of a heartbeat; a test and a warning of a certificate have none.

    Raises:
        UnusableDeliveryError: it is no such body.
    """
    whole = object_in(body, "The body")
    if "msg" not in whole and "heartbeat" not in whole:
        raise UnusableDeliveryError("The body must have a `heartbeat` and a `msg`, as Uptime Kuma sends them in JSON.")
    if whole.get("heartbeat") is None:
        return
    beat, monitor = object_in(whole["heartbeat"], "`heartbeat`"), whole.get("monitor")
    status = beat.get("status")
    if status in _SILENT:
        return
    if isinstance(status, bool) or not isinstance(status, int | float) or status not in _ACTIONS:
        raise UnusableDeliveryError("The status of a heartbeat must be 0, 1, 2 or 3.")
    yield _signal(_ACTIONS[status], beat, monitor if isinstance(monitor, dict) else {}, whole)


def _signal(
    action: SignalAction, beat: Mapping[str, Any], monitor: Mapping[str, Any], whole: Mapping[str, Any]
) -> AlertSignal:
    name, moment = text_in(monitor.get("name")), moment_in(beat.get("time"))
    labels = _tags(monitor)
    url = text_in(monitor.get("url"))
    return AlertSignal(
        key=checked_alert_key(beat.get("monitorID", monitor.get("id"))),
        action=action,
        starts_at=moment if action is SignalAction.TRIGGER else None,
        ends_at=moment if action is SignalAction.RESOLVE else None,
        title=f"{name} is down" if name else text_in(whole.get("msg")),
        description=text_in(beat.get("msg")) or text_in(whole.get("msg")),
        severity=first_of(labels, "severity", "priority"),
        systems=(*given(labels, "service", "system"), *((name,) if name else ())),
        links=(("Monitor", url),) if url else (),
        labels=labels,
        scope={"alert": beat, "monitor": monitor, "labels": labels, "body": whole},
    )


def _tags(monitor: Mapping[str, Any]) -> dict[str, str]:
    tags = monitor.get("tags")
    named = [texts_in(tag) for tag in tags] if isinstance(tags, list) else []
    return {tag["name"]: tag.get("value", "true") for tag in named if "name" in tag}
