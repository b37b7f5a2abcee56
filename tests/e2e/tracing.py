"""A collector of traces, as OpenTelemetry's own is one: it takes spans by OTLP over HTTP and keeps them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.domain.webhooks.receiver import Receiver, receiving

_PROCESS = "service.instance.id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A span as it was sent."""

    #: The process that sent it.
    process: str
    trace: str
    id: str
    parent: str
    name: str
    kind: int
    attributes: dict[str, str]


class Collector:
    """The spans that were sent so far."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.url = receiver.url.rpartition("/")[0]

    def spans(self) -> Sequence[Told]:
        """Return all spans."""
        return [span for request in self._receiver.received for span in spans_in(request.body)]


def spans_in(body: bytes) -> Sequence[Told]:
    """Return the spans of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Told(
            process=next(each.value.string_value for each in of.resource.attributes if each.key == _PROCESS),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            name=span.name,
            kind=span.kind,
            attributes={each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes},
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Yield a collector on a port of its own."""
    async with receiving() as receiver:
        yield Collector(receiver)
