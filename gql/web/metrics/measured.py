"""The parts of one process that are measured."""

from collections import Counter
from dataclasses import dataclass, field

from domain.bootstrap import Domain
from domain.counting import Histogram, counted_from_zero
from gql.transport.connections import Connections
from gql.transport.endpoint import Endpoint


def _pages() -> Counter[str]:
    return counted_from_zero(("kept", "made", "failed"))


@dataclass(slots=True, kw_only=True)
class Measured:
    """All that metrics are read from."""

    domain: Domain
    endpoint: Endpoint
    #: What became of the status page's pages.
    pages: Counter[str] = field(default_factory=_pages)
    #: How much later than it asked for the event loop's timer is called.
    loop_lag: Histogram = field(default_factory=Histogram)
    #: The connections of the server, where there is one around the application.
    connections: Connections | None = None
