"""Metrics of GraphQL: operations, how they are run, and subscriptions."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from gql.counting import QUERY, SUBSCRIPTION
from gql.web.metrics.families import by_one, by_two, counter, gauge, histogram
from gql.web.metrics.measured import Measured

#: Why an operation took the generic path, as the compiled path says it, and as a label does.
_REASONS = {
    "no connection": "no_connection",
    "not validated": "not_seen_before",
    "not compiled": "not_compiled",
    "permissions": "permissions",
    "variables": "variables",
    "large": "large",
    "arguments": "arguments",
    "the database": "database",
}


def operation_families(measured: Measured) -> Iterator[Metric]:
    """Yield the families of operations and subscriptions."""
    yield from _operations(measured)
    yield from _subscriptions(measured)


def _operations(measured: Measured) -> Iterator[Metric]:
    counts, claims = measured.endpoint.counts, measured.endpoint.groups.claims
    requests = dict(counts.requests)
    requests[QUERY, "ok"] += counts.at_once
    requests[SUBSCRIPTION, "ok"], requests[SUBSCRIPTION, "refused"] = claims.admitted, claims.refused
    yield counter(
        "graphql_requests_total",
        "Operations by what they came to; subscriptions when they are admitted.",
        by_two(requests),
        ("operation_type", "outcome"),
    )
    yield histogram(
        "graphql_request_seconds",
        "How long queries and mutations took, without the network.",
        {(kind,): seconds for kind, seconds in counts.seconds.items()},
        ("operation_type",),
    )
    yield counter("graphql_errors_total", "Errors of operations by their code.", by_one(counts.errors), ("code",))
    compiled = measured.endpoint.compiled.cache
    yield counter("graphql_compiled_total", "Operations that ran as compiled functions.", compiled.hits)
    yield counter(
        "graphql_generic_total",
        "Operations that ran by the executor, by the reason.",
        {(label,): compiled.reasons[reason] for reason, label in _REASONS.items()},
        ("reason",),
    )
    yield counter("rate_limited_total", "Requests of callers over their rate limit.", measured.domain.buckets.refused)


def _subscriptions(measured: Measured) -> Iterator[Metric]:
    endpoint = measured.endpoint
    active = {("websocket",): endpoint.sockets.subscriptions(), ("sse",): endpoint.groups.claims.streams}
    yield gauge("subscriptions_active", "Subscriptions, those that begin among them.", active, ("transport",))
    yield gauge("websockets_open", "Open WebSockets.", len(endpoint.sockets))
    yield gauge("subscription_groups", "Groups of equal subscriptions, each executed once.", len(endpoint.groups))
    yield gauge(
        "subscription_lag_seq",
        "How many changes of the log the last group is behind what this process has read.",
        endpoint.groups.lag(),
    )
    dropped = {**endpoint.groups.dropped, "silent": endpoint.sockets.silent}
    yield counter(
        "subscription_dropped_total",
        "Subscriptions that the server has ended, and that their clients resume, by the reason.",
        by_one(dropped),
        ("reason",),
    )
