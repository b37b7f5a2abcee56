"""The endpoint: HTTP, WebSocket and SSE under one path."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

import orjson
from anyio import CancelScope
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.http.streaming import HTTPStreamTransport
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UNSET, UnsetType
from typing_extensions import override

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.ids import new_id
from gql.context import Context
from gql.transport.ide import Ide, is_for_browsers
from gql.transport.sse import ResumableSSE
from gql.transport.websocket import TextAdapter, TransportHandler

logger = logging.getLogger(__name__)

_INIT_TIMEOUT = timedelta(seconds=5)


_NOT_HERE = {
    OperationType.QUERY: "Queries are not allowed here.",
    OperationType.MUTATION: "Mutations need POST.",
    OperationType.SUBSCRIPTION: "Subscriptions need a WebSocket, or `Accept: text/event-stream`.",
}


class Endpoint(GraphQL[Context, None]):
    """Strawberry's ASGI view, answering in JSON whatever happens."""

    graphql_transport_ws_handler_class = TransportHandler
    websocket_adapter_class = TextAdapter
    stream_transport_classes_by_protocol: Mapping[str, type[HTTPStreamTransport]] = MappingProxyType(
        {GRAPHQL_SSE_PROTOCOL: ResumableSSE}
    )

    def __init__(self, schema: BaseSchema, domain: Domain, closing: asyncio.Event, *, ide: Ide | None = None) -> None:
        super().__init__(
            schema,
            graphql_ide=None if ide is None else "graphiql",
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=_INIT_TIMEOUT,
        )
        self._domain = domain
        self._closing = closing
        self._ide = ide

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        try:
            response = await self.run(Request(scope, receive))
        except ClientDisconnect:
            return  # it hung up before its request was read: nobody is left to answer
        except HTTPException as error:
            response = _refusal(error.status_code, "BAD_USER_INPUT", error.reason)
        except InvalidOperationTypeError as error:
            response = _refusal(400, "BAD_USER_INPUT", _NOT_HERE[error.operation_type])
        except CannotGetOperationTypeError as error:
            response = _refusal(400, "OPERATION_RESOLUTION_FAILURE", _unresolved(error.operation_name))
        except DomainError as error:
            status = 401 if error.code == "UNAUTHENTICATED" else 400
            response = _refusal(status, error.code, error.message)
        await response(scope, receive, send)

    @override
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        context = Context(domain=self._domain, request_id=new_id("req"))
        if isinstance(request, Request):
            context = await self._known(context, request.headers.get("authorization"))
            context.last_event_id = _last_event_id(request)
            request.state.viewer = context.viewer
        return context

    @override
    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        parameters = context.connection_params or {}
        authorization = parameters.get("Authorization", parameters.get("authorization"))
        try:
            known = await self._known(context, None if authorization is None else str(authorization))
        except DomainError as error:
            raise ConnectionRejectionError({"code": error.code}) from error
        context.viewer = known.viewer
        no_payload: UnsetType = UNSET
        return no_payload

    @override
    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        return is_for_browsers(request)

    @override
    async def render_graphql_ide(self, request: Request) -> Response:
        assert self._ide is not None, "otherwise it was refused with 404"
        return self._ide.page()

    @override
    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)

    @override
    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(data)

    @override
    def parse_json(self, data: str | bytes) -> Any:
        parsed = super().parse_json(data)
        if not isinstance(parsed, dict | list):
            raise HTTPException(400, "The body must be a JSON object.")
        return parsed

    @override
    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        try:
            return await self.schema.execute(
                request_data.query,
                root_value=root_value,
                variable_values=request_data.variables,
                context_value=context,
                operation_name=request_data.operation_name,
                # The library's own would run a subscription as if it were a query.
                allowed_operation_types=OperationType.from_http(request_adapter.method) - {OperationType.SUBSCRIPTION},
                operation_extensions=request_data.extensions,
            )
        except MissingQueryError as error:
            raise HTTPException(400, "There is no GraphQL document in the request: send `query`.") from error

    @override
    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        data = await super().process_result(request, result)
        if not data.get("extensions"):
            data.pop("extensions", None)
        if result.errors and all(error.path is None for error in result.errors):
            # Nothing was executed, so there is no data that could be null.
            data.pop("data", None)
        return data

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
        if viewer.can_lapse:
            ends.append(partial(sessions.wait_invalid, viewer))

        def until_end() -> AsyncIterator[str]:
            return _until(ends, lambda: sessions.why_invalid(viewer) is not None, stream())

        return await super().create_streaming_response(request, until_end, sub_response, headers)

    async def _known(self, context: Context, authorization: str | None) -> Context:
        viewer = await self._domain.tokens.viewer_of(authorization)
        return Context(domain=self._domain, request_id=context.request_id, viewer=viewer)


async def _until(
    ends: Sequence[Callable[[], Awaitable[object]]], is_over: Callable[[], bool], stream: AsyncIterator[str]
) -> AsyncIterator[str]:
    """The stream, cut off when one of its ends comes: its client comes back with the last cursor it saw."""
    waiting: set[asyncio.Future[Any]] = {asyncio.ensure_future(end()) for end in ends}
    following: asyncio.Future[str] | None = None
    assert isinstance(stream, AsyncGenerator)
    async with aclosing(stream):
        try:
            while True:
                following = asyncio.ensure_future(anext(stream))
                await asyncio.wait({following, *waiting}, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    return
                event = following.result()
                if is_over():
                    return
                yield event
        except StopAsyncIteration:
            return
        finally:
            # Shielded: a client that went away is a cancellation which anyio repeats at every further wait.
            with CancelScope(shield=True):
                for future in (*waiting, *([following] if following else [])):
                    if future.cancel():
                        await asyncio.wait({future})


def _last_event_id(connection: HTTPConnection) -> str | None:
    return connection.headers.get("last-event-id") or None


def _unresolved(operation_name: str | None) -> str:
    if operation_name is None:
        return "There is no operation in the document."
    return f"There is no operation {operation_name[:80]!r} in the document."


def _refusal(status: int, code: str, message: str) -> Response:
    error = GraphQLError(message, extensions={"code": code})
    # RFC 9110, 15.5.6 and 11.6.1
    headers = {405: {"allow": "GET, POST"}, 401: {"www-authenticate": "Bearer"}}.get(status, {})
    body = json.dumps({"errors": [error.formatted]})
    return Response(body, status_code=status, media_type="application/json", headers=headers)
