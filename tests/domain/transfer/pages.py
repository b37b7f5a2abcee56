"""Documents as Statuspage's public API answers them."""

from typing import Any

PAGE = {
    "id": "4kzy8l",
    "name": "Acme",
    "url": "https://status.example.com",
    "time_zone": "America/Chicago",
    "updated_at": "2026-02-20T13:40:58.586-06:00",
}


def component(identifier: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "page_id": PAGE["id"],
        "group_id": None,
        "name": name,
        "description": None,
        "position": 1,
        "status": "operational",
        "showcase": False,
        "only_show_if_degraded": False,
        "group": False,
        "start_date": "2024-01-01",
        "created_at": "2024-01-01T00:00:00.000-06:00",
        "updated_at": "2026-02-20T13:40:58.586-06:00",
        **fields,
    }


def update(identifier: str, status: str, at: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of 20 February 2026 in Chicago, recorded when it happened unless a field says else."""
    moment = f"2026-02-20T{at}-06:00"
    return {
        "id": identifier,
        "incident_id": "x0ljvc",
        "status": status,
        "body": f"It is {status}.",
        "display_at": moment,
        "created_at": moment,
        "updated_at": moment,
        "deliver_notifications": False,
        "affected_components": None,
        "custom_tweet": None,
        "tweet_id": None,
        **fields,
    }


def incident(identifier: str = "x0ljvc", *updates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an incident that began at 12:00 and was written down at 12:07, the newest entry first."""
    return {
        "id": identifier,
        "page_id": PAGE["id"],
        "name": "Some requests fail",
        "status": "resolved",
        "impact": "major",
        "shortlink": "https://stspg.io/7a0d3a4d2",
        "started_at": "2026-02-20T12:00:19.418-06:00",
        "created_at": "2026-02-20T12:07:00.000-06:00",
        "updated_at": "2026-02-20T15:00:00.000-06:00",
        "monitoring_at": None,
        "resolved_at": "2026-02-20T13:40:58.572-06:00",
        "incident_updates": list(updates) or ENTRIES,
        "components": [component("c1", "API (EU)")],
        **fields,
    }


ENTRIES = [
    update("u5", "postmortem", "14:30:00.000", body="It was the cache.\r\nNever again."),
    update("u4", "resolved", "13:40:58.572", created_at="2026-02-20T13:55:00.000-06:00"),
    update("u3", "monitoring", "13:11:24.478"),
    update(
        "u2",
        "identified",
        "12:32:43.413",
        affected_components=[
            {"code": "c2", "name": "Zahlungen", "old_status": "operational", "new_status": "major_outage"}
        ],
    ),
    update("u1", "investigating", "12:00:19.418", created_at="2026-02-20T12:07:00.000-06:00"),
]


def document(*incidents: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"page": PAGE, "incidents": list(incidents), **fields}
