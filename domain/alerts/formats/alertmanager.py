"""Web hooks of Prometheus' Alertmanager, version 4, and of Grafana, which adds to it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config and
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import (
    first_of,
    given,
    list_in,
    moment_in,
    object_in,
    read_each,
    text_in,
    texts_in,
)
from domain.alerts.signals import KEY_LENGTH, AlertSignal, SignalAction

_ACTIONS = {"firing": SignalAction.TRIGGER, "resolved": SignalAction.RESOLVE}
_ANNOTATED = (
    ("Runbook", "runbook_url"),
    ("Runbook", "runbook"),
    ("Dashboard", "dashboard_url"),
    ("Dashboard", "dashboard"),
)
_SENT = (
    ("Dashboard", "dashboardURL"),
    ("Panel", "panelURL"),
    ("Silence", "silenceURL"),
    ("Image", "imageURL"),
    ("Source", "generatorURL"),
)


def signals_of(body: Any) -> Iterator[AlertSignal | UnusableDeliveryError]:
    """Yield the signal of each alert in a body, or why it is refused, whatever the status of their group is.

    Raises:
        UnusableDeliveryError: it is no such body.
    """
    whole = object_in(body, "The body")
    shared = {name: value for name, value in whole.items() if name != "alerts"}
    alerts = list_in(whole.get("alerts"), "`alerts`")
    yield from read_each(alerts, lambda alert: _signal(object_in(alert, "An alert"), shared))


def _signal(alert: Mapping[str, Any], shared: Mapping[str, Any]) -> AlertSignal:
    labels, annotations = texts_in(alert.get("labels")), texts_in(alert.get("annotations"))
    action = _ACTIONS.get(str(alert.get("status")))
    if action is None:
        raise UnusableDeliveryError("The status of an alert must be firing or resolved.")
    return AlertSignal(
        key=_key(alert, labels),
        action=action,
        starts_at=moment_in(alert.get("startsAt")),
        ends_at=moment_in(alert.get("endsAt")) if action is SignalAction.RESOLVE else None,
        repeats_start=True,
        title=first_of(annotations, "summary", "title", "message") or labels.get("alertname"),
        description=first_of(annotations, "description", "message"),
        severity=first_of(labels, "severity", "priority"),
        systems=given(labels, "service", "system", "job"),
        links=tuple(_links(alert, annotations)),
        labels=labels,
        scope={"alert": alert, "labels": labels, "annotations": annotations, "body": shared},
    )


def _key(alert: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    fingerprint = text_in(alert.get("fingerprint"))
    if fingerprint is not None and len(fingerprint) <= KEY_LENGTH:
        return fingerprint
    if not labels and fingerprint is not None:
        raise UnusableDeliveryError(f"The `fingerprint` is too long: it may have {KEY_LENGTH} characters at most.")
    if not labels:
        raise UnusableDeliveryError("An alert needs a `fingerprint`, or labels that make one.")
    # Older senders have none; the labels of an alert are what it is.
    text = "\0".join(f"{name}\0{value}" for name, value in sorted(labels.items()))
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _links(alert: Mapping[str, Any], annotations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for label, name in _ANNOTATED:
        if name in annotations:
            yield label, annotations[name]
    for label, name in _SENT:
        url = text_in(alert.get(name))
        if url is not None:
            yield label, url
