"""Metrics of incidents, automations, deliveries and the database."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import Metric

from domain.bootstrap import Domain
from domain.model.automation import RunStatus
from domain.model.gauges import Gauges
from domain.model.incident import Severity, Status
from domain.model.webhook import WebhookDeliveryStatus
from domain.services.measures import Measures
from gql.web.metrics.families import by_one, by_two, counter, gauge, histogram

_RESULTS = {
    WebhookDeliveryStatus.PENDING: "retried",
    WebhookDeliveryStatus.DELIVERED: "delivered",
    WebhookDeliveryStatus.PARKED: "parked",
}


def domain_families(domain: Domain) -> Iterator[Metric]:
    """Yield the families of what this process has done."""
    yield from _incidents(domain.measures, skipped=domain.automations.admission.skipped)
    yield from _deliveries(domain)


def _incidents(measures: Measures, *, skipped: int) -> Iterator[Metric]:
    tallies = measures.tallies
    opened = {severity.name.lower(): count for severity, count in tallies.opened.items()}
    yield counter("incidents_opened_total", "Incidents that this process has opened.", by_one(opened), ("severity",))
    for name, seconds in (
        ("acknowledge", tallies.to_acknowledge),
        ("identify", tallies.to_identify),
        ("resolve", tallies.to_resolve),
    ):
        text = f"How long after an incident's beginning people did {name} it, by this process."
        yield histogram(f"incident_time_to_{name}_seconds", text, seconds)
    yield counter(
        "changes_total", "Changes that this process has written to the log.", by_one(tallies.changes), ("kind",)
    )
    yield counter(
        "automation_runs_total",
        "How often a run has come into a status, by this process.",
        # A firing that leads to no run leaves a row, and no change of the log.
        by_one({**tallies.runs, RunStatus.SKIPPED: skipped}),
        ("status",),
    )
    yield gauge(
        "events_last_read_seq", "The position of the last change that this process has read.", measures.last_read
    )
    yield gauge(
        "reader_lag_seq",
        "How many changes a durable reader of this process is behind.",
        by_one(measures.behind()),
        ("reader",),
    )


def _deliveries(domain: Domain) -> Iterator[Metric]:
    results = {name: domain.webhooks.results[status] for status, name in _RESULTS.items()}
    yield counter("webhook_deliveries_total", "Attempts to deliver to webhooks.", by_one(results), ("result",))
    visitors = {(kind.value, _RESULTS[status]): count for (kind, status), count in domain.visitors.results.items()}
    yield counter("visitor_messages_total", "Attempts to notify visitors.", visitors, ("kind", "result"))
    yield counter("notifications_total", "Messages to channels.", by_one(domain.channels.results), ("result",))
    receiver = domain.integrations.receiver
    deliveries = {(kind.value, outcome.value): count for (kind, outcome), count in receiver.deliveries.items()}
    yield counter("alert_deliveries_total", "Deliveries of monitors.", by_two(deliveries), ("integration", "result"))
    yield counter("alerts_received_total", "Alerts in them.", by_one(receiver.alerts), ("integration",))


def waiting_families(gauges: Gauges | None, *, now: datetime) -> Iterator[Metric]:
    """Yield the families of what is open and what waits, in the whole database; none where it said nothing."""
    if gauges is None:
        return
    open_ones = {
        (severity.name.lower(), status.value): gauges.open.get((severity, status), 0)
        for severity in Severity
        for status in Status
        if status is not Status.RESOLVED
    }
    yield gauge("incidents_open", "Incidents that are not resolved.", open_ones, ("severity", "status"))
    yield gauge("events_last_seq", "The position of the last change in the log.", gauges.head)
    yield gauge("events_floor_seq", "The position up to which changes were pruned.", gauges.floor)
    for status in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.WAITING):
        yield gauge(f"automation_{status}", f"Runs of automations that are {status}.", gauges.runs.get(status, 0))
    pending = {name: queue.pending for name, queue in gauges.queues.items()}
    yield gauge("outbox_pending", "What waits to be done or sent.", by_one(pending), ("queue",))
    ages = {
        name: max(0.0, (now - queue.oldest).total_seconds()) if queue.oldest is not None else 0.0
        for name, queue in gauges.queues.items()
    }
    yield gauge("outbox_oldest_age_seconds", "How long the first of them has waited.", by_one(ages), ("queue",))


def database_families(measures: Measures, *, is_up: bool) -> Iterator[Metric]:
    """Yield the families of the database."""
    counts, pools = measures.transactions, measures.pools()
    yield gauge("database_up", "1 while the database can be read within two seconds.", int(is_up and measures.is_up))
    yield counter("database_outages_total", "Outages of the database that this process has met.", measures.outages)
    yield counter("database_errors_total", "Transactions that failed.", by_one(counts.errors), ("reason",))
    yield counter("database_retries_total", "Transactions that were attempted again.", counts.retries)
    yield from _replicas(measures)
    yield histogram("database_write_wait_seconds", "How long writes waited for their turn.", counts.write_wait)
    yield histogram("database_write_seconds", "How long writes took, with that.", counts.write_seconds)
    yield histogram("database_commit_writes", "How many writes shared a commit.", counts.together)
    for name, text, values in (
        ("in_use", "Connections in use.", {name: pool.in_use for name, pool in pools.items()}),
        ("most", "Connections that there may be.", {name: pool.most for name, pool in pools.items()}),
        ("waiting", "Writes that wait for it, on SQLite.", {name: pool.waiting for name, pool in pools.items()}),
    ):
        yield gauge(f"database_connections_{name}", text, by_one(values), ("pool",))


def _replicas(measures: Measures) -> Iterator[Metric]:
    replicas = measures.replicas
    yield counter(
        "replica_answers_total",
        "Queries that a replica answered, and those that the primary answered in its place, by reason.",
        by_one(replicas.answers),
        ("outcome",),
    )
    yield gauge("replicas", "Replicas that are set.", replicas.count)
    yield gauge("replicas_used", "Those that queries are sent to.", replicas.used)
    yield gauge("replica_lag_seconds", "How far the last one of those is behind the primary.", replicas.lag_seconds)
