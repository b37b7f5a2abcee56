"""The headers of every HTTP answer: the request's id, and those for browsers and caches."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.ids import new_id

REQUEST_ID = "X-Request-Id"
_SCOPE_KEY = "incidentql.request_id"
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
#: The request headers that the endpoint's answers depend on.
VARIES: Mapping[str, str] = MappingProxyType({"vary": "Accept, Authorization, Origin"})


class StandardHeaders:
    """An ASGI application in front of another that gives each request its id and each answer its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - a dunder
        given = Headers(scope=scope) if scope["type"] in {"http", "websocket"} else Headers()
        request_id = scope[_SCOPE_KEY] = _known_or_new(given.get(REQUEST_ID))
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secret = "authorization" in given

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                if "vary" in headers:
                    headers["Vary"] = ", ".join(_merged(headers.getlist("vary")))
                if secret:
                    transform = ", no-transform" if "no-transform" in headers.get("cache-control", "") else ""
                    headers["Cache-Control"] = f"no-store{transform}"
            await send(message)

        await self._app(scope, receive, send_with_headers)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request or connection."""
    known = scope.get(_SCOPE_KEY)
    return known if isinstance(known, str) else new_id("req")


def _known_or_new(given: str | None) -> str:
    # A client's own id is logged and sent back, so it has to be short and made of plain characters.
    return given if given is not None and _SANE.fullmatch(given) else new_id("req")


def _merged(varies: Iterable[str]) -> list[str]:
    """Return each header name once: the endpoint and the CORS layer have some in common."""
    names: dict[str, str] = {}
    for value in varies:
        for name in value.split(","):
            names.setdefault(name.strip().lower(), name.strip())
    return list(names.values())
