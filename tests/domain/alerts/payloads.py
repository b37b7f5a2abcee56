"""Bodies as the pages of their senders document them, with values of our own."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.model.moment import iso

Json = dict[str, Any]
NEVER = "0001-01-01T00:00:00Z"


def prometheus_alert(name: str, starts_at: datetime, ends_at: datetime | None = None, **labels: str) -> Json:
    """Return an alert as Alertmanager sends it; its fingerprint follows from its name."""
    return {
        "status": "firing" if ends_at is None else "resolved",
        "labels": {"alertname": name, "severity": "critical", "service": "checkout", **labels},
        "annotations": {
            "summary": f"{name} on checkout",
            "description": "Half of all requests fail.",
            "runbook_url": "https://example.com/runbooks/errors",
        },
        "startsAt": iso(starts_at).replace("Z", "123456Z"),
        "endsAt": NEVER if ends_at is None else iso(ends_at),
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=up",
        "fingerprint": f"{abs(hash_of(name)):016x}"[:16],
    }


def hash_of(name: str) -> int:
    """Return a number that follows from a name, the same in every process."""
    return sum((place + 1) * 1_000_003 ** (place % 3 + 1) * ord(letter) for place, letter in enumerate(name))


def alertmanager(*alerts: Json, **others: Any) -> Json:
    """Return a group of alerts, as version 4 of Alertmanager's web hook has it."""
    firing = any(alert["status"] == "firing" for alert in alerts)
    return {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrors"}',
        "truncatedAlerts": 0,
        "status": "firing" if firing else "resolved",
        "receiver": "incidents",
        "groupLabels": {"alertname": "HighErrors"},
        "commonLabels": {"severity": "critical"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": list(alerts),
        **others,
    }


def grafana(*alerts: Json) -> Json:
    """Return a group of alerts as Grafana sends it: Alertmanager's, with pages of its own."""
    pages = {
        "silenceURL": "https://grafana.example/alerting/silence/new?alertmanager=grafana",
        "dashboardURL": "https://grafana.example/d/abc?orgId=1",
        "panelURL": "https://grafana.example/d/abc?orgId=1&viewPanel=2",
        "values": {"B": 44.23943737541908, "C": 1},
    }
    title = {"orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "**Firing**", "version": "1"}
    return alertmanager(*({**alert, **pages} for alert in alerts), **title)


def pagerduty(action: str = "trigger", key: str | None = "disk-1", at: datetime | None = None, **payload: Any) -> Json:
    """Return an event of the Events API, version 2."""
    event: Json = {"routing_key": "0" * 32, "event_action": action}
    if key is not None:
        event["dedup_key"] = key
    if action == "trigger" or at is not None:
        moment = {} if at is None else {"timestamp": iso(at)}
        event["payload"] = {
            "summary": "Disk of db-1 is full",
            "source": "db-1.example.com",
            "severity": "error",
            "component": "postgres",
            "group": "prod-datapipe",
            "class": "deploy",
            "custom_details": {"free": "1%", "load": 0.75},
            **moment,
            **payload,
        }
        event |= {
            "client": "Monitoring",
            "client_url": "https://monitoring.example/",
            "links": [{"href": "https://example.com/runbook", "text": "Runbook"}],
            "images": [{"src": "https://example.com/chart.png", "alt": "Chart"}],
        }
    return event


def uptime_kuma(status: int, at: datetime, monitor: int = 7) -> Json:
    """Return a heartbeat as Uptime Kuma's web hook has it: its times are UTC, without saying so."""
    moment = iso(at).replace("T", " ").removesuffix("Z")
    return {
        "heartbeat": {
            "monitorID": monitor,
            "status": status,
            "time": moment,
            "msg": "timeout of 16000ms exceeded" if status == 0 else "200 - OK",
            "ping": None if status == 0 else 12,
            "important": True,
            "duration": 36,
            "timezone": "Europe/Berlin",
            "timezoneOffset": "+02:00",
            "localDateTime": moment,
        },
        "monitor": {
            "id": monitor,
            "name": "Payments API",
            "url": "https://payments.example/health",
            "type": "http",
            "interval": 60,
            "active": True,
            "tags": [{"tag_id": 1, "monitor_id": monitor, "name": "team", "value": "checkout", "color": "#059669"}],
        },
        "msg": "[Payments API] [Down] timeout of 16000ms exceeded",
    }


def healthchecks(status: str, at: datetime) -> Json:
    """Return the body that `docs/integrations.md` has Healthchecks send."""
    return {
        "code": "9ecb8cb4-2a2b-4d6f-8b7a-5c1d2b3a4f5e",
        "status": status,
        "now": at.isoformat(),
        "check": {
            "name": "Nightly backup",
            "slug": "nightly-backup",
            "tags": "prod db",
            "desc": "Dumps all databases.",
            "grace": 3600,
            "n_pings": 17,
            "status": status,
            "timeout": 86400,
        },
    }


def cloudevent(kind: str, at: datetime, subject: str = "disk-1", **data: Any) -> Json:
    """Return an event in the structured form."""
    return {
        "specversion": "1.0",
        "id": f"{subject}-{kind}-{iso(at)}",
        "source": "https://monitor.example/checks",
        "type": f"com.example.check.{kind}.v1",
        "subject": subject,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": {"title": "Disk is full", "severity": "major", "system": "database", **data},
    }


def event(status: str, at: datetime, key: str = "queue-1") -> Json:
    """Return JSON of no known format, for the expressions of EVENTS_MAPPING."""
    return {"check": {"id": key, "name": "Queue grows"}, "state": status, "since": iso(at), "host": "worker-1"}


EVENTS_MAPPING: Mapping[str, Any] = {
    "key": "{{ body.check.id }}",
    "action": "body.state",
    "startsAt": "body.since",
    "endsAt": "body.since",
    "title": "{{ body.check.name }}",
}


def series(kind: str, at: datetime) -> Sequence[Json]:
    """Return three deliveries of one alert in a format: it fires, it is sent once more, and it ends."""
    end = at + timedelta(minutes=10)
    made: Mapping[str, Sequence[Json]] = {
        "alertmanager": [
            alertmanager(prometheus_alert("HighErrors", at)),
            alertmanager(prometheus_alert("HighErrors", at)),
            alertmanager(prometheus_alert("HighErrors", at, end)),
        ],
        "grafana": [
            grafana(prometheus_alert("HighErrors", at)),
            grafana(prometheus_alert("HighErrors", at)),
            grafana(prometheus_alert("HighErrors", at, end)),
        ],
        "pagerduty": [pagerduty(at=at), pagerduty(at=at), pagerduty("resolve", at=end)],
        "uptime_kuma": [uptime_kuma(0, at), uptime_kuma(0, at + timedelta(minutes=1)), uptime_kuma(1, end)],
        "healthchecks": [healthchecks("down", at), healthchecks("down", at), healthchecks("up", end)],
        "cloudevents": [cloudevent("failed", at), cloudevent("failed", at), cloudevent("resolved", end)],
        "events": [event("firing", at), event("firing", at), event("ok", end)],
    }
    return made[kind]
