"""The endpoint: HTTP, WebSocket and SSE under one path."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, cast

import orjson
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry import Schema
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET, UnsetType
from typing_extensions import override

from domain.bootstrap import Domain
from domain.errors import DomainError, InvalidCursorError, UnavailableError
from domain.model.viewer import Viewer
from gql.compiled.running import CompiledOperations, Ready
from gql.context import Context
from gql.counting import OperationCounts, measured
from gql.limits.cache import DocumentCache
from gql.requests.admission import address_of
from gql.requests.bodies import decode, read_json
from gql.requests.current import note_viewer
from gql.requests.freshness import freshness_of
from gql.requests.headers import VARIES, request_id_of
from gql.requests.incoming import Incoming
from gql.requests.origins import origin_of
from gql.requests.refusals import answered
from gql.requests.session_cookie import SessionCookie
from gql.requests.slow import SlowOperations
from gql.requests.statuses import JSON, HttpOutcome, RefusalError
from gql.transport.adapter import TextAdapter
from gql.transport.answering import answer, batch_answer, shown
from gql.transport.credentials import authorization_of
from gql.transport.documents import Documents
from gql.transport.groups import Groups
from gql.transport.joining import admit, joining_of
from gql.transport.members import SharedResult
from gql.transport.negotiation import Accepted, is_for_browsers, negotiate
from gql.transport.operations import OperationRequest, operation_in, operation_in_url
from gql.transport.refusing import error_of, refusal_of, refused, unresolved, wrong_transport
from gql.transport.sharing import may_subscribe
from gql.transport.shortcut import Begun, Shortcut
from gql.transport.sockets import Sockets
from gql.transport.sse import ResumableSSE, SharedResponse, counted, masked, shared_results, until, until_outage
from gql.transport.tracing import TRACEPARENT, operation_span
from gql.transport.websocket import TransportHandler

_INIT_TIMEOUT = timedelta(seconds=5)
_PING_SECONDS = 20.0
#: Methods that must not write. Only the headers of an answer to HEAD are sent.
_READING = frozenset({"GET", "HEAD"})
_QUERIES = frozenset({OperationType.QUERY})
_QUERIES_AND_MUTATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
_SUBSCRIPTIONS = frozenset({OperationType.SUBSCRIPTION})
#: Returns the page that browsers get.
Page = Callable[[], Response]


class Endpoint(GraphQL[Context, None]):
    """Strawberry's ASGI view with its own HTTP handling, which answers every failure in JSON.

    Raises:
        StartupError: the registered documents cannot be read.
    """

    graphql_transport_ws_handler_class = TransportHandler
    websocket_adapter_class = TextAdapter
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = MappingProxyType(
        {GRAPHQL_SSE_PROTOCOL: ResumableSSE}
    )

    def __init__(
        self,
        schema: Schema,
        domain: Domain,
        closing: asyncio.Event,
        *,
        documents: DocumentCache,
        page: Page | None = None,
    ) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=_INIT_TIMEOUT,
            allowed_origins=[*domain.settings.cors_origins, *filter(None, [origin_of(domain.settings.public_url)])],
        )
        #: Finds the text of operations that name a document.
        self.documents = Documents(domain.settings)
        self._domain = domain
        self._cursors = domain.reads.cursors
        self._closing = closing
        self._cookie = SessionCookie(domain.settings)
        self._most_bytes = domain.settings.max_body_bytes
        self._body_seconds = domain.settings.body_timeout_seconds
        self._page_for_browsers = page
        #: The operations of this process, on all transports.
        self.counts = OperationCounts(SlowOperations(domain.settings.slow_operation_millis))
        self.groups = Groups(schema, domain)
        #: The compiled path for queries that come again.
        self.compiled = CompiledOperations(schema, documents, domain)
        #: What answers whole requests without ASGI's layers and messages.
        self.shortcut = Shortcut(domain, self.documents, self.compiled, self.respond, self.counts)
        self.sockets = Sockets()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ping the sockets while the block runs; stop all shared subscriptions at its end."""
        pinging = asyncio.create_task(self._ping())
        try:
            yield
        finally:
            pinging.cancel()
            await asyncio.wait({pinging})
            await self.groups.stop()

    async def close(self, *, seconds: float) -> None:
        """End all streams and close all sockets, spread over this many seconds."""
        self._closing.set()
        await self.sockets.drain(seconds=seconds)

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            self.groups.report()
            await self.sockets.ping()

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        response = await self.respond(Incoming(scope, receive))
        if response is not None:
            await response(scope, receive, send)

    async def respond(self, request: Incoming, begun: Begun | None = None) -> ASGIApp | None:
        """Return the response to a request, of which the operation may have begun; None where its client is gone."""
        return await answered(request, partial(self._answer, begun=begun), most_bytes=self._most_bytes)

    @override
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        """Return the context of a WebSocket, whose caller is yet to introduce itself."""
        return Context(
            domain=self._domain,
            request_id=request_id_of(request.scope),
            authorization=self._authorization_of_upgrade(request),
            address=address_of(request),
        )

    def _authorization_of_upgrade(self, request: Request | WebSocket) -> str | None:
        # Several are one that is no token (RFC 9110, 5.3), where the first one of them would be.
        given = ", ".join(request.headers.getlist("authorization"))
        return given or self._cookie.authorization_of(request.scope, dict(reversed(request.scope["headers"])))

    @override
    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        # They are not needed again: neither the memory nor the secret is kept for as long as the socket is open.
        parameters, context.connection_params = context.connection_params or {}, None
        upgrade, context.authorization = context.authorization, None
        authorization = authorization_of(parameters, upgrade)
        try:
            context.viewer = await self._domain.tokens.viewer_of(authorization)
        except UnavailableError:
            raise
        except DomainError as error:
            raise ConnectionRejectionError({"code": error.code}) from error
        self.groups.claims.check_socket(context)
        no_payload: UnsetType = UNSET
        return no_payload

    @override
    def decode_json(self, data: str | bytes) -> object:
        return decode(data)

    @override
    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    @override
    async def process_result(self, request: Request, result: ExecutionResult | SharedResult) -> GraphQLHTTPResponse:
        if isinstance(result, SharedResult):
            return cast("GraphQLHTTPResponse", SharedResponse(result))
        return shown(result)

    @override
    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        sessions, viewer = self._domain.sessions, request.state.viewer
        ends: list[Callable[[], Awaitable[object]]] = [self._closing.wait]
        cut: asyncio.Event = request.state.cut
        ends.append(cut.wait)
        if viewer.can_lapse:
            ends.append(partial(sessions.wait_invalid, viewer))

        def until_end() -> AsyncIterator[str]:
            return until(ends, lambda: sessions.why_invalid(viewer) is not None, stream())

        return await super().create_streaming_response(request, until_end, sub_response, headers)

    async def _answer(self, request: Incoming, begun: Begun | None) -> ASGIApp:
        if begun is not None:
            context = self._context_of(request, begun.viewer)
            context.is_paid, context.cost, context.allowance = True, begun.ready.cost, begun.allowance
            return await self._single(request, begun.operation, context, begun.accepted, ready=begun.ready)
        reads = request.method in _READING
        if reads and is_for_browsers(request):
            return self._page()
        if not reads and request.method != "POST":
            allowed = {"allow": "GET, HEAD, POST"}
            raise RefusalError(HttpOutcome.WRONG_METHOD, "Send a POST or, for queries, a GET.", headers=allowed)
        accepted = negotiate(request.header(b"accept"))
        request.media = accepted.media or JSON
        request.require_single_headers()
        authorization = self._cookie.authorization_of(request.scope, request.headers)
        context = self._context_of(request, await self._domain.tokens.viewer_of(authorization))
        if reads:
            operation = operation_in_url(request.scope["query_string"])
            return await self._single(request, operation, context, accepted)
        body = await read_json(request, most_bytes=self._most_bytes, seconds=self._body_seconds)
        if isinstance(body, list):
            return await self._batch(body, context, accepted, request.headers)
        return await self._single(request, operation_in(body), context, accepted)

    def _context_of(self, request: Incoming, viewer: Viewer) -> Context:
        note_viewer(viewer.role)
        return Context(
            domain=self._domain,
            request_id=request_id_of(request.scope),
            viewer=viewer,
            address=request.address,
            last_event_id=request.header(b"last-event-id"),
        )

    def _page(self) -> Response:
        if self._page_for_browsers is None:
            raise RefusalError(HttpOutcome.NOT_FOUND, "There is no page here: send an operation.", code="NOT_FOUND")
        return self._page_for_browsers()

    async def _single(
        self,
        request: Incoming,
        operation: OperationRequest,
        context: Context,
        accepted: Accepted,
        *,
        ready: Ready | None = None,
    ) -> ASGIApp:
        tracer = self._domain.measures.tracer
        if tracer is None and TRACEPARENT not in request.headers:
            return await self._run(request, operation, context, accepted, ready)
        with operation_span(tracer, context, operation.query, request=request):
            return await self._run(request, operation, context, accepted, ready)

    async def _run(
        self,
        request: Incoming,
        operation: OperationRequest,
        context: Context,
        accepted: Accepted,
        ready: Ready | None,
    ) -> ASGIApp:
        began = time.perf_counter()
        operation = self._with_text(operation)
        context.freshness = freshness_of(request.headers, operation.extensions, self._cursors)
        allowed = _QUERIES if request.method in _READING else _QUERIES_AND_MUTATIONS
        if accepted.media is None:
            return await self._stream(request, operation, context, allowed | _SUBSCRIPTIONS)
        try:
            if ready is not None:
                result = await self.compiled.run(ready, operation.variables, context)
            else:
                result = await self.compiled.execute(
                    operation.query,
                    operation.variables,
                    operation.operation_name,
                    context,
                    may_write=OperationType.MUTATION in allowed,
                )
            result = result or await self._execute(operation, context, allowed)
        except InvalidOperationTypeError as error:
            if error.operation_type is OperationType.SUBSCRIPTION and accepted.streams:
                return await self._stream(request, operation, context, _SUBSCRIPTIONS)
            raise wrong_transport(error.operation_type) from error
        self.counts.answered(context, result.errors, began)
        return answer(result, accepted.media, outage=context.outage)

    async def run_known(self, operation: OperationRequest, context: Context) -> ExecutionResult:
        """Return the result of a query or mutation that this server knows itself, on the path of those of requests."""
        began = time.perf_counter()
        result = await self.compiled.execute(operation.query, operation.variables, operation.operation_name, context)
        result = result or await self._execute(operation, context, _QUERIES_AND_MUTATIONS)
        self.counts.answered(context, result.errors, began)
        return result

    async def _batch(
        self, items: list[Any], context: Context, accepted: Accepted, headers: Mapping[bytes, bytes]
    ) -> ASGIApp:
        most = self._domain.settings.batching_max
        if accepted.media is None or not 0 < len(items) <= most:
            raise RefusalError(
                HttpOutcome.ILL_FORMED,
                f"Batching is limited to {most} queries." if most else "Batching is not enabled: send one operation.",
            )

        async def one(item: object) -> ExecutionResult:
            try:
                began, own, operation = time.perf_counter(), context.for_operation(), operation_in(item)
                own.freshness = freshness_of(headers, operation.extensions, self._cursors)
                result = await self._execute(self._with_text(operation), own, _QUERIES)
            except InvalidOperationTypeError:
                return refused("BAD_USER_INPUT", "A batch holds queries only.")
            except InvalidCursorError as error:
                return PreExecutionError(data=None, errors=[error_of(error)])
            except RefusalError as error:
                return refused(error.extensions["code"], error.message)
            self.counts.answered(own, result.errors, began)
            return result

        return batch_answer(await asyncio.gather(*map(one, items)), accepted.media)

    def _with_text(self, operation: OperationRequest) -> OperationRequest:
        try:
            text = self.documents.resolve(operation.query, operation.extensions, operation.document_id)
        except GraphQLError as error:
            raise refusal_of(error) from error
        return operation if text is operation.query else replace(operation, query=text)

    async def _execute(
        self, operation: OperationRequest, context: Context, allowed: frozenset[OperationType]
    ) -> ExecutionResult:
        try:
            return await self.schema.execute(
                operation.query,
                variable_values=operation.variables,
                context_value=context,
                operation_name=operation.operation_name,
                allowed_operation_types=allowed,
                operation_extensions=operation.extensions,
            )
        except CannotGetOperationTypeError as error:
            message = unresolved(error.operation_name)
            raise RefusalError(HttpOutcome.ILL_FORMED, message, code="OPERATION_RESOLUTION_FAILURE") from error

    async def _stream(
        self, incoming: Incoming, operation: OperationRequest, context: Context, allowed: frozenset[OperationType]
    ) -> Response:
        transport = ResumableSSE()
        if incoming.method == "HEAD":
            return Response(headers={**transport.headers, **VARIES})
        request = Request(incoming.scope, incoming.receive)
        request.state.viewer, request.state.cut = context.viewer, asyncio.Event()
        query, name = operation.query or "", operation.operation_name
        joining = joining_of(self.groups, context, query, name, operation.variables)
        alone = joining is None and may_subscribe(query, name)
        admit(self.groups.claims, context, joining, alone=alone)
        if joining is not None:
            await joining.start_now()
        shared = shared_results(joining, request.state.cut) if joining is not None else None
        results: Any = shared or await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
            allowed_operation_types=allowed,
            operation_extensions=operation.extensions,
        )
        results = results if shared is not None else measured(results, context, self.counts)
        results = counted(results, self.groups.claims, context, alone=alone)
        results = until_outage(masked(results, context), request.state.cut, operation.query, operation.operation_name)
        events = self._stream_result(request, results, transport)
        plain = await self.get_sub_response(request)
        return await self.create_streaming_response(request, events, plain, {**transport.headers, **VARIES})
