"""Spans by OpenTelemetry's library, which is an extra of the installation, sent by OTLP over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from domain.ids import new_id
from domain.tracing import SpanKind, current_trace

_KINDS = {kind: trace.SpanKind[kind.name] for kind in SpanKind}
_PATH = "/v1/traces"
#: How long the last spans may take at the end.
_LAST_MILLIS = 3_000
_HEX = 16


class OtelSpan:
    """A span of the library."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        """Name the span by what is known only now."""
        self._span.update_name(name)

    def set(self, **attributes: str | float) -> None:
        """Say more of the work; the names' underscores stand for dots."""
        self._span.set_attributes({name.replace("_", "."): value for name, value in attributes.items()})

    def fail(self, reason: str) -> None:
        """Note that the work has failed."""
        self._span.set_status(trace.StatusCode.ERROR, reason)


class OtelTracer:
    """A maker of spans. Parents are W3C texts, the same within a process, in the log, and in requests."""

    def __init__(self, provider: TracerProvider, *, with_documents: bool) -> None:
        self.with_documents = with_documents
        self._provider = provider
        self._tracer = provider.get_tracer("incidentql", version("incidentql"))

    @contextmanager
    def span(
        self, name: str, *, kind: SpanKind, parent: str | None = None, attributes: Mapping[str, str | float]
    ) -> Iterator[OtelSpan]:
        """Trace the block as a part of `parent`, else of the current trace, else as a new one."""
        context = _context_of(parent or current_trace.get())
        span = self._tracer.start_span(name, context, kind=_KINDS[kind], attributes=dict(attributes))
        token = current_trace.set(_text_of(span.get_span_context()))
        try:
            yield OtelSpan(span)
        except Exception as error:
            # The type alone: a message may quote what people wrote.
            span.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            current_trace.reset(token)
            span.end()

    def close(self) -> None:
        """Send what has ended, and stop; it may block for seconds."""
        self._provider.force_flush(_LAST_MILLIS)
        self._provider.shutdown()


def make_tracer(url: str | None, *, with_documents: bool) -> OtelTracer:
    """Return a tracer that sends spans to an address, else to where OpenTelemetry's own variables say."""
    endpoint = None if url is None else url if url.endswith(_PATH) else url.rstrip("/") + _PATH
    own = {"service.name": "incidentql", "service.version": version("incidentql"), "service.instance.id": new_id("prc")}
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts more.
    said = OTELResourceDetector().detect()
    provider = TracerProvider(resource=Resource.create(own).merge(said), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return OtelTracer(provider, with_documents=with_documents)


def _context_of(parent: str | None) -> Context:
    if parent is None:
        # Not the library's own current span: that is always this module's business.
        return trace.set_span_in_context(trace.INVALID_SPAN)
    _, trace_id, span_id, flags = parent.split("-")[:4]
    spanning = trace.SpanContext(
        int(trace_id, _HEX), int(span_id, _HEX), is_remote=True, trace_flags=trace.TraceFlags(int(flags, _HEX))
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(spanning))


def _text_of(context: trace.SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
