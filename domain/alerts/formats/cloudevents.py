"""CloudEvents, version 1.0: one, or a batch, in the structured form; the route makes that of the binary one.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import (
    checked_alert_key,
    first_of,
    given,
    known_action,
    moment_in,
    object_in,
    read_each,
    texts_in,
)
from domain.alerts.signals import AlertSignal, SignalAction

_REQUIRED = ("id", "source", "type")
_VERSION = re.compile(r"v\d+", re.IGNORECASE)


def signals_of(body: Any) -> Iterator[AlertSignal | UnusableDeliveryError]:
    """Yield the signal of each event, or why it is refused."""
    events = body if isinstance(body, list) else [body]
    return read_each(events, lambda event: _signal(object_in(event, "An event")))


def _signal(event: Mapping[str, Any]) -> AlertSignal:
    texts = texts_in(event)
    if texts.get("specversion") != "1.0":
        raise UnusableDeliveryError("An event must have the `specversion` 1.0.")
    missing = [name for name in _REQUIRED if name not in texts]
    if missing:
        raise UnusableDeliveryError(f"An event must have {' and '.join(f'`{name}`' for name in missing)}.")
    data = event.get("data")
    known = texts_in(data)
    labels = texts_in(data.get("labels")) if isinstance(data, dict) else {}
    action = known_action([*given(known, "action", "status", "state"), *_words(texts["type"])]) or SignalAction.TRIGGER
    moment = moment_in(event.get("time"))
    return AlertSignal(
        key=_key(texts, known),
        action=action,
        starts_at=moment if action is SignalAction.TRIGGER else None,
        ends_at=moment if action is SignalAction.RESOLVE else None,
        title=first_of(known, "title", "summary", "message") or texts["type"],
        description=first_of(known, "description", "details"),
        severity=first_of(known, "severity", "priority"),
        systems=given(known, "system", "service"),
        links=tuple(
            (label, known[name]) for label, name in (("Link", "url"), ("Runbook", "runbook_url")) if name in known
        ),
        labels=labels,
        scope={"event": event, "alert": event, "data": data, "labels": labels, "body": event},
    )


def _key(texts: Mapping[str, str], known: Mapping[str, str]) -> str:
    """Return the key: that of the data, else the source with what the event is about, else the event itself."""
    own = first_of(known, "key", "dedup_key", "fingerprint")
    return checked_alert_key(own or f"{texts['source']} {texts.get('subject') or texts['id']}")


def _words(kind: str) -> list[str]:
    """Return the words of a type, the last one first, without its version: `com.example.disk.resolved.v1`."""
    words = [word for part in kind.split(".") for word in re.split(r"[-_/:]", part)]
    return [word for word in reversed(words) if word and not _VERSION.fullmatch(word)][:1]
