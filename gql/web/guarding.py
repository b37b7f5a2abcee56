"""The guard of routes that are not GraphQL: authentication, rate limit and body limit.

A new route is three lines in `gql/app.py`, around a function that takes a Call and returns a response:

    Route("/reports", guarded(domain, take_report, methods=("POST",), role=Role.RESPONDER))
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.bootstrap import Domain
from domain.model.viewer import Role, Viewer
from domain.tracing import SpanKind, checked_traceparent, span_of
from gql.requests.admission import admitted
from gql.requests.bodies import read_bytes, read_json
from gql.requests.current import note_viewer
from gql.requests.incoming import Incoming
from gql.requests.refusals import answered
from gql.requests.statuses import HttpOutcome, RefusalError
from gql.transport.tracing import TRACEPARENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that the guard has admitted."""

    domain: Domain
    request: Request
    viewer: Viewer
    most_bytes: int

    async def json(self) -> Any:
        """Return the JSON in its body.

        Raises:
            RefusalError: it is too large, comes too slowly, or is no JSON in UTF-8.
        """
        seconds = self.domain.settings.body_timeout_seconds
        request = Incoming(self.request.scope, self.request.receive)
        return await read_json(request, most_bytes=self.most_bytes, seconds=seconds)

    async def bytes(self) -> bytes:
        """Return its body, of whatever type.

        Raises:
            RefusalError: it is too large, comes too slowly, or is compressed.
        """
        seconds = self.domain.settings.body_timeout_seconds
        request = Incoming(self.request.scope, self.request.receive)
        return await read_bytes(request, most_bytes=self.most_bytes, seconds=seconds)


_READING = {"GET", "HEAD"}
Handler = Callable[[Call], Awaitable[ASGIApp]]
#: Returns the caller, after charging them, as `admitted` does it for tokens of the API.
Admit = Callable[[Request, Domain], Awaitable[Viewer]]


def guarded(
    domain: Domain,
    handle: Handler,
    *,
    methods: Collection[str] = ("GET", "HEAD"),
    role: Role = Role.ANONYMOUS,
    points: int = 1,
    most_bytes: int | None = None,
    admit: Admit | None = None,
) -> ASGIApp:
    """Return the application of a route, which refuses requests as the GraphQL endpoint does.

    A call costs `points` of the caller's rate limit. Bodies may have `most_bytes`, by default those of the settings.
    With `admit`, callers are known by something else than a token of the API.
    """
    if admit is None:

        async def admit(request: Request, domain: Domain) -> Viewer:
            return await admitted(request, domain, role=role, points=points)

    return _Guarded(domain, handle, _Limits(methods=methods, admit=admit, most_bytes=most_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    methods: Collection[str]
    admit: Admit
    most_bytes: int | None


class _Guarded:
    def __init__(self, domain: Domain, handle: Handler, limits: _Limits) -> None:
        self._domain = domain
        self._handle = handle
        self._limits = limits
        self._most_bytes = domain.settings.max_body_bytes if limits.most_bytes is None else limits.most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming, tracer = Incoming(scope, receive), self._domain.measures.tracer
        parent = checked_traceparent(incoming.header(TRACEPARENT))
        # Pages and probes would be most of the spans, and nothing follows from them.
        tracer = None if incoming.method in _READING else tracer
        with span_of(tracer, incoming.method, kind=SpanKind.SERVER, parent=parent):
            response = await answered(incoming, self._admit, most_bytes=self._most_bytes)
        if response is not None:
            await response(scope, receive, send)

    async def _admit(self, incoming: Incoming) -> ASGIApp:
        incoming.require_single_headers()
        limits, request = self._limits, Request(incoming.scope, incoming.receive)
        if request.method not in limits.methods:
            allowed = ", ".join(limits.methods)
            raise RefusalError(HttpOutcome.WRONG_METHOD, f"Send {allowed}.", headers={"allow": allowed})
        viewer = await limits.admit(request, self._domain)
        note_viewer(viewer.role)
        call = Call(domain=self._domain, request=request, viewer=viewer, most_bytes=self._most_bytes)
        return await self._handle(call)
