"""The moment and the scope of these tests' evaluations."""

from datetime import UTC, datetime
from typing import Any

#: A Sunday.
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def make_scope(**extra: Any) -> dict[str, Any]:
    return {
        "trigger": {"event": "incident.created", "payload": {"title": "Down", "count": 3, "items": ["a", "b"]}},
        "variables": {"id": "inc_1", "none": None, "empty": "", "kind": "incident"},
        "artifacts": {"open": {"incident": {"incidentId": "inc_9"}}},
        "health": {
            "systems": {
                "api": {"status": "healthy", "in_status_since": "2026-03-01T09:20:00Z", "latency_ms": 250},
            }
        },
        **extra,
    }
