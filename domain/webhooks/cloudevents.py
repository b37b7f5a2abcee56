"""CloudEvents 1.0 of changes, in structured mode (cloudevents/spec)."""

import hashlib
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from domain.ids import with_prefix
from domain.model.change import Change
from domain.model.identities import shown_to
from domain.model.moment import iso
from domain.model.viewer import Audience

CONTENT_TYPE = "application/cloudevents+json"
SOURCE = "/incidentql"
_TYPES = "dev.incidentql"
#: The digits of a place of the log, as many for each, so that texts compare as places do.
_PLACE_DIGITS = 20


def event_of(change: Change, audience: Audience, *, cursor: str) -> dict[str, Any]:
    """Return the event of a change that fired a trigger, as an audience sees it."""
    [trigger, *_] = change.events
    previous = {to_camel(name): change.prev.get(name) for name in change.changed_fields} if change.prev else {}
    return {
        "specversion": "1.0",
        "id": f"{with_prefix(change.id, 'evt')}:{trigger.rpartition('.')[2]}",
        "source": SOURCE,
        "type": f"{_TYPES}.{trigger}.v1",
        "subject": f"incident/{change.entity_id}",
        "time": iso(change.occurred_at),
        "datacontenttype": "application/json",
        "sequence": f"{change.seq:0{_PLACE_DIGITS}d}",
        "traceparent": trace_of(change),
        "data": {
            "incidentId": change.entity_id,
            "version": change.version,
            "changeId": change.id,
            "cursor": cursor,
            "changedFields": [to_camel(name) for name in change.changed_fields],
            "previous": previous,
            "payload": dict(shown_to(audience, change.payload or {})),
        },
    }


def test_event(webhook_id: str, message_id: str, *, now: datetime) -> dict[str, Any]:
    """Return the event that a test sends."""
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": SOURCE,
        "type": f"{_TYPES}.webhook.test.v1",
        "subject": f"webhook/{webhook_id}",
        "time": iso(now),
        "datacontenttype": "application/json",
        "traceparent": traceparent_of(message_id),
        "data": {},
    }


def trace_of(change: Change) -> str:
    """Return the W3C trace context of a change: that of the request that led to it, where it had one."""
    return change.cause.traceparent or traceparent_of(change.id)


def traceparent_of(identifier: str) -> str:
    """Return the W3C trace context of all that is sent of one change: one trace, the same for every attempt."""
    digits = hashlib.sha256(identifier.encode()).hexdigest()
    return f"00-{digits[:32]}-{digits[32:48]}-01"
