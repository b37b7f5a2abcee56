"""Uvicorn's HTTP protocol with limits on a request's head, on pipelined requests, and on slow readers."""

import asyncio
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn, cast

import orjson
from starlette.types import Scope
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gql.transport.connections import RETRY_SECONDS, TOO_MANY, Connection, Connections, host_of
from gql.transport.protocol import SlimProtocol
from gql.transport.shortcut import PATH, Answer, Later, Shortcut

#: Each header takes some 200 bytes, even a short one.
_MOST_HEADERS = 256
#: How many pipelined requests may wait behind the one that is answered.
_MOST_PIPELINED = 16
#: How long a peer may read nothing of an answer before its connection is dropped, as the kernel does where it can.
STALLED_SECONDS = 20.0
#: How long a refused client may go on sending: closing on unread bytes resets the connection and loses the answer.
_LINGER_SECONDS = 1.0
#: How many connections refused on arrival may linger; they are counted nowhere else.
_MOST_LINGERING = 32


class BoundedHttpProtocol(HttpToolsProtocol):
    """The protocol of one HTTP connection, until it ends or becomes a WebSocket."""

    def __init__(self, connections: Connections, *args: Any, shortcut: Shortcut | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._shortcut = shortcut
        #: The body so far of a request that the application does not know of yet; never beyond one call from the loop.
        self._held: list[bytes] | None = None
        self._may_hold = False
        #: None where the connection was refused on arrival.
        self._connection: Connection | None = None
        self._in_head = True
        #: Bytes received outside of bodies since the last progress: of a head, a chunk's extension, trailers.
        self._overhead = 0
        self._progressed = False
        #: The refusal that stops the parser, unless the parser found the error itself.
        self._problem: Refusal | None = None
        self._is_refused = False
        #: The request that is being answered; uvicorn's own `cycle` is the last one that came.
        self._answering: RequestResponseCycle | None = None
        #: The refusal to send behind the answers to earlier requests.
        self._pending_refusal: Refusal | None = None
        self._hanging_up: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._connection = self._connections.admit(self, host_of(transport))
        if self._connection is None:
            self._connections.refused.add(self)
            self._refuse(_CROWDED)
            if len(self._connections.refused) > _MOST_LINGERING:
                transport.abort()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        self._connections.refused.discard(self)
        if self._connection is not None:
            self._connections.forget(self._connection)
        super().connection_lost(exc)
        if self._answering is not None and not self._answering.response_complete:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def drop(self) -> None:
        """Drop the connection at once."""
        self.transport.abort()

    def time_out(self) -> None:
        """Close the connection; a client that has begun to send a request gets the reason."""
        if self._overhead and self._in_head:
            self._refuse(Refusal(408, "TIMEOUT", "The head of the request did not arrive in time."))
        else:
            self.transport.close()

    @override
    def data_received(self, data: bytes) -> None:
        most = self._connections.limits.head_bytes
        while data and not self._is_refused and not self.transport.is_closing():
            room = most - self._overhead
            part, data = data[:room], data[room:]
            self._progressed = False
            # One of those that come at once: others have their turn before the next.
            self._may_hold = True
            super().data_received(part)
            self._release()
            if self.transport.get_protocol() is not self:
                return  # a WebSocket now; the client may send nothing more before the handshake's answer
            self._overhead = 0 if self._progressed else self._overhead + len(part)
            if self._overhead >= most and not self._is_refused:
                self._refuse(Refusal(431, "BAD_USER_INPUT", f"The head of a request may have {most} bytes at most."))

    @override
    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= _MOST_HEADERS:
            self._stop(Refusal(431, "BAD_USER_INPUT", f"A request may have {_MOST_HEADERS} headers at most."))
        super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MOST_PIPELINED:
            self._stop(Refusal(429, "RATE_LIMITED", "Too many requests wait in this connection."))
        self._in_head = False
        self._progressed = True
        if self._connection is not None:
            self._connections.mark_busy(self._connection)
        if self._may_hold and self._is_short():
            self._may_hold, self._held = False, []
        else:
            self._begin()

    @override
    def on_body(self, body: bytes) -> None:
        self._progressed = True
        if self._held is not None:
            self._held.append(body)
        else:
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._progressed = True
        if self._held is not None and self._shortcut is not None:
            answer = self._shortcut.answer(cast("Scope", self.scope), b"".join(self._held))
            if answer is not None:
                self._held = None
                self._answer_with(answer)
                return
            self._release()
        super().on_message_complete()

    def _is_short(self) -> bool:
        """Return whether a request may be answered without a task, if its body is here already."""
        last: RequestResponseCycle | None = self.cycle  # as in `_refuse`
        return (
            self._shortcut is not None
            and self._connections.keeps_alive
            and self.url == PATH
            and self.parser.get_method() == b"POST"
            and not (self.root_path or self.expect_100_continue or self.flow.write_paused)
            and (last is None or last.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _begin(self) -> None:
        """Give the request to the application."""
        super().on_headers_complete()
        if not self._connections.keeps_alive and self.cycle is not None:
            # The answer says that the connection ends behind it, so that a proxy sends nothing more into its end.
            self.cycle.keep_alive = False
        if not self.pipeline:
            self._answering = self.cycle

    def _release(self) -> None:
        """Give a request that was held to the application after all, unless it was refused meanwhile."""
        held, self._held = self._held, None
        if held is not None and not self._is_refused:
            self._begin()
            for part in held:
                super().on_body(part)

    def _answer_with(self, answer: Answer | Later) -> None:
        """Send an answer that is there, or once it is there, before all that comes behind it."""
        if isinstance(answer, Answer):
            self._send(answer, b"\r\n")
            super().on_response_complete()
            if self._connection is not None:
                self._connections.mark_idle(self._connection)
            return
        cycle = self.cycle = self._answering = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        task = self.loop.create_task(cycle.run_asgi(partial(self._send_later, cycle, answer)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _send_later(self, cycle: RequestResponseCycle, later: Later, *_: Any) -> None:
        """Do as an application would that sends this answer: uvicorn sees to the rest."""
        if cycle.disconnected:
            return
        answer = await later()
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        self._send(answer, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _send(self, answer: Answer, end: bytes) -> None:
        head = [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        self.transport.write(b"".join((STATUS_LINE[answer.status], *head, answer.head, end, answer.body)))

    @override
    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        if not is_last:
            self._answering = self.pipeline[-1][0]
        super().on_response_complete()
        if self._pending_refusal is not None:
            if is_last and not self.transport.is_closing():
                self._end_with(self._pending_refusal)
        elif self._connection is not None and self.cycle.response_complete:
            self._connections.mark_idle(self._connection)

    @override
    def handle_websocket_upgrade(self) -> None:
        self._stop_timers()
        super().handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        if not isinstance(protocol, SlimProtocol):
            return
        if self._connection is not None:
            self._connection.peer = None
            protocol.on_lost = partial(self._connections.forget, self._connection)
        if not protocol.handshake_initiated:
            # The WebSocket parser takes a GET without a body, of 128 lines of 8 kB, and answers no other request.
            self.transport.write((_LONG_HANDSHAKE if self._is_bare_get() else _ODD_HANDSHAKE).encoded())
            self.transport.close()

    def _is_bare_get(self) -> bool:
        names = {name for name, _ in self.headers}
        return self.scope["method"] == "GET" and names.isdisjoint({b"content-length", b"transfer-encoding"})

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(self._problem or Refusal(400, "BAD_USER_INPUT", msg))

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        # An unread response would keep its connection, its memory and, for a stream, its place in a group.
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _stop(self, problem: "Refusal") -> NoReturn:
        self._problem = problem
        raise ValueError(problem.message)

    def _refuse(self, problem: "Refusal") -> None:
        """Read nothing more; send the refusal once all earlier requests are answered in order."""
        self._is_refused = True
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's own annotation leaves the None out
        if cycle is None or cycle.response_complete:
            self._end_with(problem)
        elif self._in_head:
            self._pending_refusal = problem
        elif self.pipeline:
            self.pipeline.popleft()  # the latest request, whose body is refused
            self._pending_refusal = problem
        elif cycle.response_started:
            # The refusal would be taken for a part of the answer.
            self.transport.abort()
        else:
            cycle.disconnected = True
            cycle.message_event.set()
            self._end_with(problem)

    def _end_with(self, problem: "Refusal") -> None:
        """Send the refusal, and close once the peer has had time to read it."""
        self.transport.write(problem.encoded())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._hanging_up = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)

    def _stop_timers(self) -> None:
        for timer in (self._hanging_up, self._stalled):
            if timer is not None:
                timer.cancel()


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is sent without calling the application."""

    status: int
    code: str
    message: str

    def encoded(self) -> bytes:
        """Return the whole response as bytes."""
        body = orjson.dumps({"errors": [{"message": self.message, "extensions": {"code": self.code}}]})
        headers = [
            b"content-type: application/json; charset=utf-8",
            b"content-length: %d" % len(body),
            b"connection: close",
        ]
        if self.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(b"retry-after: %d" % RETRY_SECONDS)
        return STATUS_LINE[self.status] + b"\r\n".join(headers) + b"\r\n\r\n" + body


_CROWDED = Refusal(503, "UNAVAILABLE", TOO_MANY)
_LONG_HANDSHAKE = Refusal(431, "BAD_USER_INPUT", "The handshake has too many headers, or one that is too long.")
_ODD_HANDSHAKE = Refusal(400, "BAD_USER_INPUT", "The handshake of a WebSocket must be a GET without a body.")
