"""The shortest way to an answer: for queries that take no waiting, with neither a task nor ASGI's messages.

It refuses nothing. Whatever is unusual about a request is left to the endpoint, which says the same of all others.
"""

from collections.abc import Sequence

import orjson

from domain.bootstrap import Domain
from domain.messaging.buckets import LocalBuckets
from gql.compiled.running import CompiledOperations, Paid
from gql.requests.admission import payer_of
from gql.requests.headers import VARIES, known_or_new
from gql.requests.statuses import GRAPHQL_JSON, JSON
from gql.transport.documents import Documents
from gql.transport.negotiation import negotiate
from gql.transport.operations import operation_in

#: The only target that is answered here, as it stands in the request's first line.
PATH = b"/graphql"
#: Where the endpoint finds in a scope that the operation is paid for.
PAID = "incidentql.paid"
_PLAIN_JSON = JSON.encode()
#: Headers that others look at, or that say that the body is not simply there.
_UNUSUAL = frozenset(
    {b"content-encoding", b"transfer-encoding", b"x-forwarded-for", b"x-forwarded-proto", b"origin", b"upgrade"}
)
#: The headers of an answer around its length and id, in the order in which they come otherwise.
_BEGINNINGS = {media: f"content-type: {media}; charset=utf-8\r\n".encode() for media in (JSON, GRAPHQL_JSON)}
_BETWEEN = f"\r\nvary: {VARIES['vary']}\r\nx-request-id: ".encode()
_PUBLIC_END = b"\r\nx-content-type-options: nosniff\r\n\r\n"
_SECRET_END = b"\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\r\n"


class Shortcut:
    """Answers to POST requests whose head and body are there."""

    def __init__(self, domain: Domain, documents: Documents, compiled: CompiledOperations) -> None:
        self._domain = domain
        self._documents = documents
        self._compiled = compiled
        self._most_bytes = domain.settings.max_body_bytes

    def answer(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, address: str) -> bytes | Paid | None:
        """Return the answer behind the server's own headers; else what was paid, or None if nothing was."""
        try:
            return self._answer(headers, body, address)
        except Exception:  # noqa: BLE001 - it fails again in the endpoint, which reports it
            return None

    def _answer(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, address: str) -> bytes | Paid | None:
        given = dict(headers)
        if given.get(b"content-type") != _PLAIN_JSON or len(given) < len(headers) or not _UNUSUAL.isdisjoint(given):
            return None
        authorization = _text(given.get(b"authorization"))
        viewer = self._domain.tokens.known_viewer_of(authorization)
        buckets = self._domain.buckets
        if viewer is None or not isinstance(buckets, LocalBuckets) or len(body) > self._most_bytes:
            return None
        media = negotiate(_text(given.get(b"accept"))).media
        operation = operation_in(orjson.loads(body))
        query = self._documents.resolve(operation.query, operation.extensions, operation.document_id)
        if media is None:
            return None
        shown = self._compiled.execute_at_once(
            query,
            operation.variables,
            operation.operation_name,
            viewer,
            lambda points: buckets.take(payer_of(viewer, address), points),
        )
        if not isinstance(shown, dict):
            return shown
        return _response(orjson.dumps(shown), media, given.get(b"x-request-id"), secret=authorization is not None)


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _response(body: bytes, media: str, request_id: bytes | None, *, secret: bool) -> bytes:
    return b"".join(
        (
            _BEGINNINGS[media],
            b"content-length: %d" % len(body),
            _BETWEEN,
            known_or_new(request_id).encode(),
            _SECRET_END if secret else _PUBLIC_END,
            body,
        )
    )
