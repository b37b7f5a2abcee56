"""graphql-transport-ws: one context per operation, text frames, and errors that leave the socket open."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any

from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.schema import StreamResult
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, SubscribeMessage
from strawberry.types.execution import ExecutionResult, PreExecutionError
from typing_extensions import override

from gql.context import Context
from gql.errors import public_error

#: The official client takes this for a reason to try again with fresh `connectionParams`; 4401 would end it for good.
_FORBIDDEN = 4403


class TextAdapter(ASGIWebSocketAdapter):
    """Sends text frames, which the protocol demands, whatever the encoder returns."""

    @override
    async def send_json(self, message: Mapping[str, object]) -> None:
        encoded = self.view.encode_json(message)
        try:
            await self.ws.send_text(encoded.decode() if isinstance(encoded, bytes) else encoded)
        except (WebSocketDisconnect, RuntimeError) as error:
            # Starlette raises RuntimeError for a send after the close that raced with it.
            raise WebSocketDisconnected from error

    @override
    async def close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError):
            await self.ws.close(code=code, reason=reason)


class TransportHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """The library's handler, with a fresh context for every operation of the socket, which ends with its credential."""

    _lapse: asyncio.Task[None] | None = None

    @override
    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        if message.get("payload") is None:
            message = ConnectionInitMessage(type="connection_init")
        await super().handle_connection_init(message)
        if self.connection_acknowledged and self._lapse is None and self.context.viewer.can_lapse:
            self._lapse = asyncio.create_task(self._close_when_invalid())

    @override
    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if not self._is_invalid():
            await super().handle_subscribe(message)

    @override
    async def shutdown(self) -> None:
        if self._lapse is not None and self._lapse.cancel():
            await asyncio.wait({self._lapse})
        await super().shutdown()

    @override
    async def run_operation(self, operation: Operation[Context, None]) -> None:
        context = self.context.for_operation()
        try:
            try:
                results = await self.schema.stream(
                    operation.query,
                    variable_values=operation.variables,
                    context_value=context,
                    root_value=self.root_value,
                    operation_name=operation.operation_name,
                )
                async with aclosing(results):
                    await self._send_result_stream(operation, results)
            except (WebSocketDisconnected, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - whatever failed, the client hears of it, masked
                failure = error if isinstance(error, GraphQLError) else GraphQLError("failed", original_error=error)
                await operation.send_initial_errors([public_error(failure, context.request_id)])
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            self.operations.pop(operation.id, None)

    @override
    async def _send_result_stream(self, operation: Operation[Context, None], result_source: StreamResult) -> None:
        async for result in result_source:
            if self._is_invalid():
                raise WebSocketDisconnected  # nothing more may leave; the socket is being closed
            if isinstance(result, PreExecutionError) or _is_end(result):
                await operation.send_initial_errors(list(getattr(result, "errors", None) or ()))
                return
            if isinstance(result, ExecutionResult):
                await operation.send_next(result)

    def _is_invalid(self) -> bool:
        return self.context.domain.sessions.why_invalid(self.context.viewer) is not None

    async def _close_when_invalid(self) -> None:
        reason = await self.context.domain.sessions.wait_invalid(self.context.viewer)
        for identifier in list(self.operations):
            await self.cleanup_operation(identifier)
        with suppress(WebSocketDisconnect):
            await self.websocket.close(code=_FORBIDDEN, reason=reason)


def _is_end(result: Any) -> bool:
    """Whether the source of events failed, as opposed to the execution of one of them: no path leads to that."""
    errors = getattr(result, "errors", None) or ()
    return getattr(result, "data", None) is None and any(error.path is None for error in errors)
