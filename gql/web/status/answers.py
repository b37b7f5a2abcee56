"""Answers of the status page: precomputed headers, compressed bodies, and none for readers who have them already."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gql.web.conditions import names_tag
from gql.web.encodings import takes_gzip
from gql.web.status.kept import Body

HTML, SVG, JSON = "text/html; charset=utf-8", "image/svg+xml", "application/json"
#: So long a reader, or a cache on the way, may take an answer for the present one, and show it where we are away.
CACHED = b"public, max-age=10, stale-if-error=86400"
_IMMUTABLE = b"public, max-age=31536000, immutable"
NOT_KEPT = b"no-store"
#: Scripts and styles of our own files alone, and nothing from elsewhere.
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
).encode()
#: For pictures that are opened by themselves.
_OF_PICTURES = b"default-src 'none'; style-src 'unsafe-inline'; sandbox"
_PAGE = ((b"content-security-policy", _POLICY), (b"referrer-policy", b"strict-origin-when-cross-origin"))
_PICTURE = ((b"content-security-policy", _OF_PICTURES),)
_ANYWHERE = ((b"access-control-allow-origin", b"*"), (b"cross-origin-resource-policy", b"cross-origin"))


class Answer:
    """An ASGI application that sends a body: the answer of one request."""

    __slots__ = ("_body", "_headers", "_status", "_varies")

    def __init__(
        self,
        body: Body,
        media: str,
        *,
        status: int = 200,
        cache: bytes = CACHED,
        is_for_all: bool = False,
        by_language: bool = False,
        more: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        self._body = body
        self._status = status
        self._varies = b"Accept-Encoding, Accept-Language" if by_language else b"Accept-Encoding"
        policy = _PAGE if media == HTML else _PICTURE if media.startswith("image/") else ()
        self._headers = [
            (b"content-type", media.encode()),
            (b"cache-control", cache),
            (b"vary", self._varies),
            *policy,
            *(_ANYWHERE if is_for_all else ()),
            *more,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002, D102 - the ASGI call
        headers = Headers(scope=scope)
        packed = takes_gzip(headers)
        content = self._body.packed if packed else self._body.plain
        # Of the bytes, so that each encoding has its own (RFC 9110, 8.8.3).
        tag = f'"{self._body.tag}-gzip"' if packed else f'"{self._body.tag}"'
        sent = [*self._headers, (b"etag", tag.encode())]
        if self._status == 200 and names_tag(headers.get("if-none-match", ""), tag):  # noqa: PLR2004 - the usual one
            await send({"type": "http.response.start", "status": 304, "headers": sent})
            await send({"type": "http.response.body", "body": b""})
            return
        sent.append((b"content-length", str(len(content)).encode()))
        if packed:
            sent.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": self._status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def file_answer(body: Body, media: str) -> Answer:
    """Return the answer with a file whose address has its version."""
    return Answer(body, media, cache=_IMMUTABLE, is_for_all=True)


def refusal(html: bytes, status: int, *, more: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """Return the answer with a page that says why there is no other."""
    return Answer(Body.of(html), HTML, status=status, cache=NOT_KEPT, more=more)
