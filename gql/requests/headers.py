"""The headers of every HTTP answer: the request's id, and those for browsers and caches."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.ids import new_id

REQUEST_ID = "X-Request-Id"
_SCOPE_KEY = "incidentql.request_id"
_FOR_CALLER = "incidentql.for_caller"
_SANE = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_REQUEST_ID = REQUEST_ID.lower().encode()
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_SET_HERE = frozenset({_REQUEST_ID, _NOSNIFF[0]})
#: The request headers that the endpoint's answers depend on.
VARIES: Mapping[str, str] = MappingProxyType({"vary": "Accept, Authorization, Cookie, Origin"})


class StandardHeaders:
    """An ASGI application in front of another that gives each request its id and each answer its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - a dunder
        given: bytes | None = None
        secret = False
        # The first one counts, so it is looked at last.
        for name, value in reversed(scope.get("headers", ())):
            if name == _REQUEST_ID:
                given = value
            elif name == b"authorization":
                secret = True
        request_id = name_request(scope, given)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_secret = secret or _FOR_CALLER in scope
                message["headers"] = completed(message.get("headers", ()), request_id.encode(), secret=is_secret)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def name_request(scope: Scope, given: bytes | None) -> str:
    """Give a request or connection its id, the client's own if it sent one, and return it."""
    request_id = scope[_SCOPE_KEY] = known_or_new(given)
    return request_id


def mark_secret(scope: Scope) -> None:
    """Note that the answer to a request is for its caller alone, though it has no `Authorization`."""
    scope[_FOR_CALLER] = True


def request_id_of(scope: Scope) -> str:
    """Return the id of a request or connection."""
    known = scope.get(_SCOPE_KEY)
    return known if isinstance(known, str) else new_id("req")


def known_or_new(given: bytes | None) -> str:
    """Return the client's own id of a request, if it is one, else a new one."""
    # A client's own id is logged and sent back, so it has to be short and made of plain characters.
    return given.decode() if given is not None and _SANE.fullmatch(given) else new_id("req")


def completed(headers: Iterable[tuple[bytes, bytes]], request_id: bytes, *, secret: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with those that every answer has; `secret` where the caller sent a token."""
    kept: list[tuple[bytes, bytes]] = []
    varies: list[bytes] = []
    cached = b""
    for header in headers:
        if header[0] == b"vary":
            varies.append(header[1])
        elif header[0] == b"cache-control" and secret:
            cached += header[1]
        elif header[0] not in _SET_HERE:
            kept.append(header)
    if varies:
        kept.append((b"vary", _merged(tuple(varies))))
    kept += ((_REQUEST_ID, request_id), _NOSNIFF)
    if secret:
        kept.append((b"cache-control", b"no-store, no-transform" if b"no-transform" in cached else b"no-store"))
    return kept


@lru_cache(maxsize=64)
def _merged(varies: tuple[bytes, ...]) -> bytes:
    """Return each header name once: the endpoint and the CORS layer have some in common."""
    names: dict[bytes, bytes] = {}
    for value in varies:
        for name in value.split(b","):
            names.setdefault(name.strip().lower(), name.strip())
    return b", ".join(names.values())
