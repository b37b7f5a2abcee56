"""The shortest way to an answer: without ASGI's layers and messages, and for short queries without a task.

It refuses nothing: whatever takes waiting, or is wrong about a request, is left to the endpoint.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import orjson
from starlette.types import ASGIApp, Message, Scope

from domain.bootstrap import Domain
from domain.messaging.buckets import Allowance, LocalBuckets
from domain.model.viewer import Viewer
from gql.compiled.running import CompiledOperations, Ready
from gql.counting import OperationCounts
from gql.requests.admission import payer_of
from gql.requests.freshness import AFTER, AFTER_HEADER
from gql.requests.headers import VARIES, completed, known_or_new, name_request
from gql.requests.incoming import Incoming
from gql.requests.refusals import JsonResponse
from gql.requests.slow import AtOnce
from gql.requests.statuses import GRAPHQL_JSON, JSON
from gql.transport.answering import shown
from gql.transport.documents import Documents
from gql.transport.negotiation import Accepted, negotiate
from gql.transport.operations import OperationRequest, operation_in

#: The only target that is answered here, as it stands in the request's first line.
PATH = b"/graphql"
_TARGET = {"method": "POST", "path": PATH.decode(), "raw_path": PATH, "query_string": b""}
_PLAIN_JSON = JSON.encode()
#: Headers that ASGI's layers or the endpoint look at, or that say that the body is not simply there.
_UNUSUAL = frozenset(
    {
        *(b"content-encoding", b"transfer-encoding", b"x-forwarded-for", b"x-forwarded-proto"),
        *(b"cookie", b"origin", b"upgrade", AFTER_HEADER.lower().encode()),
    }
)
_REQUEST_ID = b"x-request-id"
_AUTHORIZATION = b"authorization"
#: The headers of a plain answer around its length and id, in the order in which they come otherwise.
_BEGINNINGS = {media: f"content-type: {media}; charset=utf-8\r\n".encode() for media in (JSON, GRAPHQL_JSON)}
_BETWEEN = f"\r\nvary: {VARIES['vary']}\r\nx-request-id: ".encode()
_PUBLIC_END = b"\r\nx-content-type-options: nosniff\r\n"
_SECRET_END = b"\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n"


class Answer(NamedTuple):
    """An answer: the lines of its headers behind the server's own, and its body."""

    status: int
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A compiled operation of a caller who is known and was charged for it."""

    viewer: Viewer
    accepted: Accepted
    operation: OperationRequest
    ready: Ready
    allowance: Allowance | None


#: Answers what has to be waited for.
Later = Callable[[], Awaitable[Answer]]
#: Answers a request, of which the operation may have begun.
Respond = Callable[[Incoming, Begun | None], Awaitable[ASGIApp | None]]


class Shortcut:
    """Answers to POST requests whose head and body are there."""

    def __init__(
        self,
        domain: Domain,
        documents: Documents,
        compiled: CompiledOperations,
        respond: Respond,
        counts: OperationCounts,
    ) -> None:
        self._domain = domain
        self._documents = documents
        self._compiled = compiled
        self._respond = respond
        self._most_bytes = domain.settings.max_body_bytes
        self.counts = counts
        #: Spans are the endpoint's work.
        self._is_traced = domain.measures.tracer is not None

    def answer(self, scope: Scope, body: bytes) -> Answer | Later | None:
        """Return the answer, or the function to wait for it with; None where it has to come through ASGI."""
        began = time.perf_counter()

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        request = Incoming(scope, receive)
        is_usual = _UNUSUAL.isdisjoint(request.headers) and len(body) <= self._most_bytes
        try:
            accepted = negotiate(request.header(b"accept")) if is_usual else None
            if accepted is None or accepted.media is None or accepted.streams:
                return None
            request.media = accepted.media
            begun = self._begun(request, accepted, body)
        except Exception:  # noqa: BLE001 - it fails again in the endpoint, which reports it
            begun = None
        found = None if begun is None or self._is_traced else self._compiled.run_at_once(begun.ready, begun.allowance)
        if found is not None:
            seconds = self.counts.answered_at_once(began)
            if seconds >= self.counts.slow.seconds and begun is not None:
                self.counts.slow.note(_quick(begun), seconds, began=began)
            return _plain(found, request)
        scope.update(_TARGET)
        return partial(self._later, request, begun, began)

    def _begun(self, request: Incoming, accepted: Accepted, body: bytes) -> Begun | None:
        """Return the compiled operation, charged to a caller who is known; None where the endpoint has to look."""
        request.require_single_headers()
        headers, buckets = request.headers, self._domain.buckets
        if headers.get(b"content-type") != _PLAIN_JSON or not isinstance(buckets, LocalBuckets):
            return None
        viewer = self._domain.tokens.known_viewer_of(request.header(_AUTHORIZATION))
        if viewer is None:
            return None
        operation = operation_in(orjson.loads(body))
        if operation.extensions and AFTER in operation.extensions:
            return None
        query = self._documents.resolve(operation.query, operation.extensions, operation.document_id)
        ready = self._compiled.ready(query, operation.variables, operation.operation_name, viewer)
        if ready is None:
            return None
        # Nothing may fail behind this: it would be charged again.
        allowance = buckets.take(payer_of(viewer, request.address), max(1, ready.cost))
        return Begun(viewer=viewer, accepted=accepted, operation=operation, ready=ready, allowance=allowance)

    async def _later(self, request: Incoming, begun: Begun | None, began: float) -> Answer:
        if begun is not None and not self._is_traced:
            result = await self._compiled.run_soon(begun.ready, begun.allowance)
            if result is not None:
                self.counts.answered(_quick(begun), result.errors, began)
                return _plain(shown(result), request)
        request_id = name_request(request.scope, request.headers.get(_REQUEST_ID))
        response = await self._respond(request, begun)
        # Nothing was asked for that is streamed, and the client cannot go before its body is read.
        assert isinstance(response, JsonResponse)
        headers = completed(response.headers, request_id.encode(), secret=_AUTHORIZATION in request.headers)
        lines = b"".join([name + b": " + value + b"\r\n" for name, value in headers])
        return Answer(response.status, lines, response.body)


def _quick(begun: Begun) -> AtOnce:
    return AtOnce(name=begun.ready.name, cost=begun.ready.cost)


def _plain(found: object, request: Incoming) -> Answer:
    body = orjson.dumps(found)
    head = (
        _BEGINNINGS[request.media],
        b"content-length: %d" % len(body),
        _BETWEEN,
        known_or_new(request.headers.get(_REQUEST_ID)).encode(),
        _SECRET_END if _AUTHORIZATION in request.headers else _PUBLIC_END,
    )
    return Answer(200, b"".join(head), body)
