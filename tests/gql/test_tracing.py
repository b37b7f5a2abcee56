"""Traces of requests: a caller's own is kept with what it writes, and spans say what an operation is and no more."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.settings import Settings
from domain.tracing import SpanKind
from gql.app import create_app
from gql.cli import tracing as cli_tracing
from gql.cli.otel import OtelTracer
from gql.cli.tracing import tracing
from tests.client import mutation_document
from tests.conftest import SteppingClock
from tests.factories import log_of, make_system

SECRET = "an-admin-token-for-tests"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CREATE = mutation_document("createIncident")
INPUT = {"title": "Checkout fails", "severity": "MAJOR", "systemIds": ["payments"]}
Client = Callable[..., AbstractAsyncContextManager[tuple[httpx.AsyncClient, Domain, InMemorySpanExporter]]]


@pytest.fixture
def dialect() -> str:
    return "sqlite"


@pytest.fixture
def client(settings: Settings) -> Client:
    """Yield a client of an application, with a tracer if that is wanted, and its spans."""

    @asynccontextmanager
    async def connected(
        *, traces: bool = True, with_documents: bool = False
    ) -> AsyncIterator[tuple[httpx.AsyncClient, Domain, InMemorySpanExporter]]:
        spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(spans))
        tracer = OtelTracer(provider, with_documents=with_documents) if traces else None
        async with running_domain(settings, clock=SteppingClock(), tracer=tracer) as domain:
            await domain.tokens.ensure_admin(SECRET)
            await make_system(domain)
            headers = {"authorization": f"Bearer {SECRET}"}
            transport = httpx.ASGITransport(app=create_app(domain))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://incidents.test", headers=headers
            ) as http:
                yield http, domain, spans

    return connected


async def create(http: httpx.AsyncClient, **headers: str) -> Any:
    return await http.post("/graphql", json={"query": CREATE, "variables": {"input": INPUT}}, headers=headers)


async def traces_in_the_log(domain: Domain) -> set[str | None]:
    return {change.cause.traceparent for change in await log_of(domain) if change.kind == "incident"}


def shown(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


async def test_a_callers_trace_is_kept_with_what_it_writes_also_without_a_tracer(client: Client) -> None:
    async with client(traces=False) as (http, domain, _):
        await create(http, traceparent=PARENT)
        assert await traces_in_the_log(domain) == {PARENT}


async def test_what_is_no_trace_context_is_passed_over(client: Client) -> None:
    async with client(traces=False) as (http, domain, _):
        await create(http, traceparent=f"{PARENT}; drop")
        assert await traces_in_the_log(domain) == {None}


async def test_spans_lead_from_the_caller_to_the_write(client: Client) -> None:
    async with client() as (http, domain, spans):
        await create(http, traceparent=PARENT)
        found = shown(spans)
        request, write = found["mutation"], found["write"]
        assert request.parent is not None
        assert write.parent is not None
        assert f"{request.context.trace_id:032x}" == TRACE
        assert write.parent.span_id == request.context.span_id
        assert await traces_in_the_log(domain) == {f"00-{TRACE}-{write.context.span_id:016x}-01"}


async def test_a_query_has_one_span_with_its_type_and_name(client: Client) -> None:
    async with client() as (http, _, spans):
        for _ in range(3):
            await http.post("/graphql", json={"query": "query WhoAmI { viewer { role } }"})
        found = spans.get_finished_spans()
    assert [span.name for span in found] == ["query"] * 3
    assert [dict(span.attributes or {}) for span in found] == [
        {"graphql.operation.type": "query", "graphql.operation.name": "WhoAmI"}
    ] * 3


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_document_is_in_a_span_where_that_is_wanted(client: Client, *, wanted: bool) -> None:
    async with client(with_documents=wanted) as (http, _, spans):
        await http.post("/graphql", json={"query": "{ viewer { role } }"})
        [span] = spans.get_finished_spans()
    assert ((span.attributes or {}).get("graphql.document") is not None) == wanted


def test_of_a_failure_a_span_has_the_type_alone() -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    tracer = OtelTracer(provider, with_documents=False)
    with pytest.raises(ValueError, match="a secret"), tracer.span("write", kind=SpanKind.INTERNAL, attributes={}):
        raise ValueError("a secret")
    [span] = spans.get_finished_spans()
    assert "a secret" not in span.to_json()
    assert span.status.description == "ValueError"


async def test_nothing_is_traced_where_nobody_says_where_to() -> None:
    async with tracing(Settings(), {}) as tracer:
        assert tracer is None
    async with tracing(Settings(traces_url="http://127.0.0.1:9"), {"OTEL_SDK_DISABLED": "true"}) as tracer:
        assert tracer is None


async def test_a_missing_library_stops_the_start_only_where_a_setting_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: str) -> None:
        raise ModuleNotFoundError("No module named 'opentelemetry'")

    monkeypatch.setattr(cli_tracing, "late", missing)
    async with tracing(Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}) as tracer:
        assert tracer is None
    assert "incidentql[otel]" in caplog.text
    with pytest.raises(StartupError, match="incidentql"):
        async with tracing(Settings(traces_url="http://127.0.0.1:9"), {}):
            pass
