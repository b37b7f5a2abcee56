"""The graphql-transport-ws protocol, with subscriptions that are executed once for all clients that share them."""

import asyncio
import json
from contextlib import aclosing, suppress
from contextvars import ContextVar
from typing import Any, Protocol, cast

from graphql import GraphQLError
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    CompleteMessage,
    ConnectionInitMessage,
    Message,
    PingMessage,
    SubscribeMessage,
)
from strawberry.types.execution import ExecutionResult, PreExecutionError
from typing_extensions import override

from domain.errors import InvalidCursorError, UnavailableError
from domain.model.freshness import ANY, Freshness
from domain.services.sessions import Held
from gql.context import Context
from gql.counting import OperationCounts, measured
from gql.errors import refused, report
from gql.requests.current import doing, note_viewer
from gql.requests.freshness import freshness_of
from gql.transport.adapter import TextAdapter
from gql.transport.claims import Claim
from gql.transport.credentials import MisplacedTokenError
from gql.transport.documents import Documents
from gql.transport.frames import framing_of
from gql.transport.groups import Group, Groups
from gql.transport.joining import Joining, joining_of
from gql.transport.members import SharedResult
from gql.transport.messages import problem_of
from gql.transport.outages import TRY_AGAIN_LATER, is_lost_to_outage, reports_outage
from gql.transport.outbox import Outbox, wire_protocol
from gql.transport.outcomes import source_failed, was_executed
from gql.transport.refusing import error_of, send_refused
from gql.transport.sharing import is_subscription, may_subscribe
from gql.transport.sockets import Sockets
from gql.transport.tracing import operation_span

_TRY_AGAIN_LATER = 1013
_FAILED = (4500, "Internal server error")
_SLOW = (_TRY_AGAIN_LATER, "SLOW_CONSUMER")
#: After this code the official client retries with fresh `connectionParams`; after 4401 it would give up for good.
_FORBIDDEN = 4403
#: How recent the answer has to be of the operation whose task is started.
_freshness: ContextVar[Freshness] = ContextVar("freshness", default=ANY)


class SocketEndpoint(Protocol):
    """The part of the endpoint that its sockets use."""

    groups: Groups
    sockets: Sockets
    documents: Documents
    counts: OperationCounts


class SocketMember:
    """One socket's subscription as a member of a group."""

    __slots__ = ("_framing", "_handler", "_outbox", "claim", "group", "id", "last", "open")

    def __init__(self, handler: "TransportHandler", operation_id: str) -> None:
        self.id = operation_id
        self.last = 0
        self.open = True
        self.group: Group | None = None
        self.claim: Claim | None = None
        self._handler = handler
        self._outbox = handler.outbox
        credential = handler.held.credential if handler.held is not None else None
        self._framing = framing_of(operation_id, credential, wired=handler.outbox.is_wired)

    def deliver(self, result: SharedResult) -> None:
        """Put a result into the socket's outbox, as long as the caller's credential is valid."""
        framing = self._framing
        # Of all that follow each other with the same framing, the first alone has to ask for the frame.
        frame = result.frame if result.framing is framing else framing.frame_of(result)
        if frame is not None and not self._outbox.send_at_once(frame):
            self._outbox.put(frame, self.is_open)

    def finish(self, errors: list[Any] | None) -> None:
        """Send the client the end of the subscription; after an outage, close the socket so that it retries."""
        self._release_claim()
        if reports_outage(errors):
            self._handler.ask_to_reconnect()
            return
        message: dict[str, Any] = {"id": self.id, "type": "complete"}
        if errors:
            message = {"id": self.id, "type": "error", "payload": errors}
        self._outbox.put(self._outbox.form_of(json.dumps(message).encode()), self.is_open)
        self._handler.members.pop(self.id, None)

    def is_open(self) -> bool:
        """Return whether the client is still subscribed."""
        return self.open

    def leave(self) -> None:
        """Leave the group and release the claim."""
        self.open = False
        self._release_claim()
        if self.group is not None:
            self.group.leave(self)

    def _release_claim(self) -> None:
        if self.claim is not None:
            self.claim.leave()


class TransportHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """The handler of one socket."""

    outbox: Outbox

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members: dict[str, SocketMember] = {}
        self.is_alive = True
        #: The hold on the caller's credential, where the credential can end.
        self.held: Held | None = None
        #: The caller that the socket is counted for.
        self.counted: str | None = None

    @property
    def endpoint(self) -> SocketEndpoint:
        """The endpoint that accepted the socket."""
        return cast("SocketEndpoint", self.view)

    @property
    def adapter(self) -> TextAdapter:
        """The connection under the socket."""
        assert isinstance(self.websocket, TextAdapter)
        return self.websocket

    @property
    def subscriptions(self) -> int:
        """The number of its subscriptions, with those that begin."""
        return len(self.members) + len(self.operations)

    def reached(self) -> str | None:
        """Return the cursor of the place up to which all was sent; None while a subscription catches up.

        A resumption behind it misses nothing, so that one with a narrow filter does not fall behind the log's floor.
        """
        groups = self.endpoint.groups
        if any(may_subscribe(each.query, each.operation_name) for each in self.operations.values()):
            return None
        places = [each.group.reached(each) for each in self.members.values() if each.group is not None]
        return groups.cursor_of(min(places, default=self.context.domain.events.last_read))

    @override
    async def handle(self) -> None:
        self.adapter.forget_handshake()
        protocol = wire_protocol(self.adapter.protocol)
        self.outbox = self.adapter.outbox = Outbox(self.adapter.send_text, protocol, on_overflow=self._on_overflow)
        sockets = self.endpoint.sockets
        sockets.add(self)
        try:
            await super().handle()
        finally:
            sockets.discard(self)

    @override
    async def shutdown(self) -> None:
        try:
            # The operations first: one of them may be about to join its group.
            await super().shutdown()
        finally:
            self._leave_all()
            if self.held is not None:
                self.held.release()
            if self.counted is not None:
                self.endpoint.groups.claims.close_socket(self.counted)
            await self.outbox.stop()

    @override
    async def handle_message(self, message: Message) -> None:
        self.is_alive = True
        problem = problem_of(message)
        if problem is not None:
            await self.handle_invalid_message(problem)
            return
        if message.get("payload") is None:
            message = cast("Message", {name: value for name, value in message.items() if name != "payload"})
        try:
            await super().handle_message(message)
        except WebSocketDisconnected:
            raise
        except Exception as error:  # noqa: BLE001 - report() logs it
            report(error, self.context.request_id)
            await self.websocket.close(*_FAILED)

    @override
    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except WebSocketDisconnected:
            raise
        except MisplacedTokenError as error:
            await self.websocket.close(code=_FORBIDDEN, reason=str(error))
        except UnavailableError:
            await self.websocket.close(*TRY_AGAIN_LATER)
        except GraphQLError as error:
            await self.websocket.close(_TRY_AGAIN_LATER, str((error.extensions or {})["code"]))
        finally:
            # The task is cancelled; it would keep its frames and its traceback for as long as the socket is open.
            if self.connection_init_received:
                self.connection_init_timeout_task = None
        if self.connection_acknowledged and self.counted is None:
            self._count()

    def _count(self) -> None:
        """Count the socket for its caller, and watch their credential."""
        self.counted = self.context.payer
        self.endpoint.groups.claims.open_socket(self.counted)
        if self.context.viewer.can_lapse:
            self.held = self.context.domain.sessions.hold(self.context.viewer, self._on_lapse)

    @property
    def is_invalid(self) -> bool:
        """True where the caller's credential is no longer valid: nothing more may be sent."""
        return self.held is not None and self.held.credential.is_over(self.context.domain.clock.now())

    def _on_lapse(self, reason: str) -> None:
        self.endpoint.groups.dropped["credential"] += len(self.members)
        self._leave_all()
        self._close_soon(_FORBIDDEN, reason)

    def _close_soon(self, code: int, reason: str) -> None:
        """Close the socket in the background; operations that still run end with it."""
        closing = asyncio.create_task(self.websocket.close(code=code, reason=reason))
        self.endpoint.sockets.closing.add(closing)
        closing.add_done_callback(self.endpoint.sockets.closing.discard)

    def _leave_all(self) -> None:
        for member in list(self.members.values()):
            member.leave()
        self.members.clear()

    @override
    async def handle_ping(self, message: PingMessage) -> None:
        payload = message.get("payload")
        await self.send_message({"type": "pong", "payload": payload} if payload else {"type": "pong"})

    @override
    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if self.is_invalid:
            return
        if self.connection_acknowledged and (message["id"] in self.members or message["id"] in self.operations):
            await self.websocket.close(code=4409, reason=f"Subscriber for {message['id']} already exists")
            return
        limit = self.max_subscriptions_per_connection
        if limit is not None and len(self.members) + len(self.operations) >= limit and self.connection_acknowledged:
            error = GraphQLError("This socket has too many operations.", extensions={"code": "RATE_LIMITED"})
            await self.send_message({"id": message["id"], "type": "error", "payload": [error.formatted]})
            return
        payload: dict[str, Any] = {**message["payload"]}
        try:
            payload["query"] = self.endpoint.documents.resolve(
                payload.get("query"), payload.get("extensions"), payload.get("documentId")
            )
            freshness = freshness_of({}, payload.get("extensions"), self.context.domain.reads.cursors)
        except (GraphQLError, InvalidCursorError) as error:
            refused_one = error if isinstance(error, GraphQLError) else error_of(error)
            await self.send_message({"id": message["id"], "type": "error", "payload": [refused_one.formatted]})
            return
        # The operation's task has a copy of this context, and nothing is left of one that never runs.
        _freshness.set(freshness)
        await super().handle_subscribe(cast("SubscribeMessage", {**message, "payload": payload}))

    @override
    async def handle_complete(self, message: CompleteMessage) -> None:
        member = self.members.pop(message["id"], None)
        if member is not None:
            member.leave()
        await super().handle_complete(message)

    @override
    async def run_operation(self, operation: Operation[Context, None]) -> None:
        try:
            with doing(self.context.request_id):
                note_viewer(self.context.viewer.role)
                is_complete = await self._run(operation)
            if is_complete:
                await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except WebSocketDisconnected:
            self.operations.pop(operation.id, None)
        except asyncio.CancelledError:
            raise
        except UnavailableError:
            self.ask_to_reconnect()
        except Exception as error:  # noqa: BLE001 - the client gets any failure, masked
            with suppress(WebSocketDisconnected):
                await operation.send_initial_errors(list(refused(error, self.context).errors or ()))

    async def _run(self, operation: Operation[Context, None]) -> bool:
        """Execute the operation, shared where possible; return whether `complete` is due."""
        if not operation.query:
            message = "There is no GraphQL document in the message: send `query`."
            raise GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})
        query, name, groups = operation.query, operation.operation_name, self.endpoint.groups
        joining = joining_of(groups, self.context, query, name, operation.variables)
        if joining is not None:
            return await self._share(operation, joining)
        claim = groups.claims.enter(self.context, operation) if may_subscribe(query, name) else None
        try:
            return await self._execute(operation, self.context.for_operation(freshness=_freshness.get()))
        finally:
            if claim is not None:
                claim.leave()

    async def _execute(self, operation: Operation[Context, None], context: Context) -> bool:
        # A subscription that fails ends with an error; a query's failure is a result like any other.
        strict = is_subscription(operation.query, operation.operation_name)
        tracer = context.domain.measures.tracer
        if tracer is None or strict:
            return await self._results(operation, context, strict=strict)
        with operation_span(tracer, context, operation.query):
            return await self._results(operation, context, strict=strict)

    async def _results(self, operation: Operation[Context, None], context: Context, *, strict: bool) -> bool:
        results = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            root_value=self.root_value,
            operation_name=operation.operation_name,
        )
        results = measured(results, context, self.endpoint.counts)
        async with aclosing(results):
            async for result in results:
                if not await self._send_result(operation, result, strict=strict):
                    return False
        return True

    async def _send_result(self, operation: Operation[Context, None], result: Any, *, strict: bool) -> bool:
        """Send one result; return False when it ended the operation."""
        if self.is_invalid:
            raise WebSocketDisconnected  # the socket is being closed
        if is_lost_to_outage(result, operation.query, operation.operation_name):
            raise UnavailableError
        if isinstance(result, PreExecutionError) or (strict and source_failed(result)):
            await operation.send_initial_errors(list(result.errors or ()))
            return False
        if isinstance(result, ExecutionResult):
            await (operation.send_next(result) if was_executed(result) else send_refused(operation, result))
        return True

    async def _share(self, operation: Operation[Context, None], joining: Joining) -> bool:
        """Catch up alone, then join the group at a known position; return whether `complete` is due."""
        member = SocketMember(self, operation.id)
        try:
            async with aclosing(joining.results(member)) as missed:
                async for result in missed:
                    if not await self._send_result(operation, result, strict=True):
                        return False
        finally:
            if joining.group is None:
                joining.leave()
        if joining.group is not None:
            member.claim = joining.claim
            self._joined(operation, member, joining.group)
            return False
        if reports_outage(joining.errors):
            raise UnavailableError
        if joining.errors is not None:
            await self._refuse(operation, joining.errors)
            return False
        return True

    def _joined(self, operation: Operation[Context, None], member: SocketMember, group: Group) -> None:
        member.group = group
        self.operations.pop(operation.id, None)
        self.members[operation.id] = member

    async def _refuse(self, operation: Operation[Context, None], errors: list[Any]) -> None:
        self.operations.pop(operation.id, None)
        await self.send_message({"id": operation.id, "type": "error", "payload": errors})

    def _on_overflow(self) -> None:
        self.endpoint.groups.dropped["slow_consumer"] += len(self.members)
        self._leave_all()
        self._close_soon(*_SLOW)

    def ask_to_reconnect(self) -> None:
        """Close the socket because of an outage; the client reconnects and resumes from its cursors."""
        self.endpoint.groups.dropped["unavailable"] += len(self.members)
        self._leave_all()
        self._close_soon(*TRY_AGAIN_LATER)
