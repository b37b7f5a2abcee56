"""Events of PagerDuty's Events API, version 2.

https://developer.pagerduty.com/docs/events-api-v2-overview
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from domain.alerts.errors import UnusableDeliveryError
from domain.alerts.formats.reading import given, moment_in, object_in, text_in, texts_in
from domain.alerts.signals import KEY_LENGTH, AlertSignal, SignalAction

INVALID = "Event object is invalid"
#: The member under which a change is kept: an event that says what was changed, and is about no alert.
CHANGE = "change_event"
_SEVERITIES = ("critical", "error", "warning", "info")
_CLASSES = ("source", "component", "group", "class")
_DIGITS = 32


def signals_of(body: Any) -> Iterator[AlertSignal]:
    """Yield the one signal of an event; a change has none.

    Raises:
        UnusableDeliveryError: it is no event.
    """
    event = object_in(body, "The event")
    change = event.get(CHANGE)
    payload = (event if change is None else object_in(change, "The change")).get("payload")
    problems = list(_problems(event, payload) if change is None else _problems_of_change(payload))
    if problems:
        raise UnusableDeliveryError(f"{INVALID}: {'; '.join(problems)}.", problems=problems)
    if change is not None:
        return
    details = payload if isinstance(payload, dict) else {}
    action, moment = SignalAction(event["event_action"]), moment_in(details.get("timestamp"))
    classes = texts_in({name: details.get(name) for name in _CLASSES})
    custom = details.get("custom_details")
    yield AlertSignal(
        key=key_of(event),
        action=action,
        starts_at=moment if action is SignalAction.TRIGGER else None,
        ends_at=moment if action is SignalAction.RESOLVE else None,
        title=text_in(details.get("summary")),
        description=_description(custom),
        severity=text_in(details.get("severity")),
        systems=given(classes, "component", "source"),
        links=tuple(_links(event)),
        labels=classes,
        scope={"event": event, "alert": details, "labels": classes, "details": custom, "body": event},
    )


def key_of(event: Mapping[str, Any]) -> str:
    """Return the key of an event's alert; one without gets its digest, so that a retry is the same alert."""
    key = text_in(event.get("dedup_key"))
    if key is not None:
        return key
    return hashlib.sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_DIGITS]


def _problems(event: Mapping[str, Any], payload: Any) -> Iterator[str]:
    action, key = event.get("event_action"), event.get("dedup_key")
    if action not in tuple(SignalAction):
        yield "'event_action' must be one of trigger, acknowledge, resolve"
    if key is not None and (not isinstance(key, str) or len(key) > KEY_LENGTH):
        yield f"'dedup_key' must be a text of at most {KEY_LENGTH} characters"
    if action == SignalAction.TRIGGER:
        yield from _problems_of_payload(payload)
    elif action in tuple(SignalAction) and text_in(key) is None:
        yield "'dedup_key' is missing or blank"


def _problems_of_payload(payload: Any) -> Iterator[str]:
    if not isinstance(payload, dict):
        yield "'payload' is missing"
        return
    for name in ("summary", "source"):
        if text_in(payload.get(name)) is None:
            yield f"'payload.{name}' is missing or blank"
    if payload.get("severity") not in _SEVERITIES:
        yield f"'payload.severity' must be one of {', '.join(_SEVERITIES)}"


def _problems_of_change(payload: Any) -> Iterator[str]:
    if text_in(payload.get("summary") if isinstance(payload, dict) else None) is None:
        yield "'payload.summary' is missing or blank"


def _description(custom: Any) -> str | None:
    if isinstance(custom, str):
        return text_in(custom)
    return "\n".join(f"{name}: {text}" for name, text in texts_in(custom).items()) or None


def _links(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind, address, label in (("links", ("href",), "text"), ("images", ("href", "src"), "alt")):
        listed = event.get(kind)
        for each in listed if isinstance(listed, list) else ():
            url = next(iter(given(texts_in(each), *address)), None)
            if url is not None:
                yield texts_in(each).get(label, "Image" if kind == "images" else "Link"), url
    client = text_in(event.get("client_url"))
    if client is not None:
        yield text_in(event.get("client")) or "Client", client
