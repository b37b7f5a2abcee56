"""Spans of operations, named and described by OpenTelemetry's conventions for GraphQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.tracing import SpanKind, Tracer, checked_traceparent, span_of
from gql.context import Context
from gql.requests.incoming import Incoming

TRACEPARENT = b"traceparent"


@contextmanager
def operation_span(
    tracer: Tracer | None, context: Context, query: str | None, *, request: Incoming | None = None
) -> Iterator[None]:
    """Trace an operation as a part of its caller's trace; what it is, its context says at its end."""
    parent = checked_traceparent(request.header(TRACEPARENT)) if request is not None else None
    # By its type: there is no end to the names that clients may give.
    with span_of(tracer, "graphql", kind=SpanKind.SERVER, parent=parent) as span:
        try:
            yield
        finally:
            if span is not None:
                span.rename(context.kind)
                span.set(graphql_operation_type=context.kind)
                if context.name is not None:
                    span.set(graphql_operation_name=context.name)
                if query and tracer is not None and tracer.with_documents:
                    span.set(graphql_document=query)
