"""All metrics of one process, in the format that a monitor asks for."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from prometheus_client import ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

from domain.model.gauges import Gauges
from gql.web.metrics.families import by_one, counter, gauge, histogram
from gql.web.metrics.measured import Measured
from gql.web.metrics.operations import operation_families
from gql.web.metrics.work import database_families, domain_families, waiting_families

#: Reads the kernel's figures of this process under the names that all programs share.
_process = ProcessCollector(registry=None)


class _Collected(Collector):
    """Families that are there already, where the library expects to collect them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    @override
    def collect(self) -> Iterable[Metric]:
        return self._families


def shown(measured: Measured, gauges: Gauges | None, *, accept: str) -> tuple[bytes, str]:
    """Return all metrics as text, and its type; without what the database says where it said nothing."""
    encode, media = choose_encoder(accept)
    return encode(_Collected(families(measured, gauges))), media


def families(measured: Measured, gauges: Gauges | None) -> list[Metric]:
    """Return all families."""
    domain = measured.domain
    return [
        *domain_families(domain),
        *waiting_families(gauges, now=domain.clock.now()),
        *operation_families(measured),
        *database_families(domain.measures, is_up=gauges is not None),
        *_server_families(measured),
        *_process.collect(),
    ]


def _server_families(measured: Measured) -> Iterator[Metric]:
    connections = measured.connections
    yield counter(
        "status_pages_total", "Pages of the status page by whether they were kept.", by_one(measured.pages), ("result",)
    )
    yield gauge("connections_open", "Open connections.", len(connections) if connections is not None else 0)
    yield histogram(
        "event_loop_lag_seconds",
        "How late the event loop calls a timer, once a second: so long, everything waits.",
        measured.loop_lag,
    )
    names = (version("incidentql"), platform.python_version(), measured.domain.measures.kind_of_database)
    yield gauge("build_info", "The version that runs.", {names: 1}, ("version", "python", "database"))
