"""The web application: routes and middleware around one running domain."""

import asyncio
from functools import cache
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from typing_extensions import override

from domain.bootstrap import Domain
from domain.settings import Settings
from gql.requests.headers import REQUEST_ID, StandardHeaders
from gql.schema import schema, sdl
from gql.transport.adapter import PROTOCOL
from gql.transport.connections import RETRY_SECONDS, TOO_MANY, Connections, peer_of
from gql.transport.cors import AnyHeaderCors
from gql.transport.endpoint import Endpoint
from gql.web.board import routes_of_board
from gql.web.client_file import routes_of_client
from gql.web.feeds.routes import routes_of_feeds
from gql.web.health import Health
from gql.web.icon import routes_of_icon
from gql.web.ide import Ide
from gql.web.integrations.routes import routes_of_integrations
from gql.web.mcp.routes import routes_of_mcp
from gql.web.metrics.measured import Measured
from gql.web.metrics.routes import routes_of_metrics
from gql.web.sessions.routes import routes_of_sessions
from gql.web.status.routes import routes_of_status
from gql.web.visitors.routes import routes_of_visitors
from gql.webhook_documents import WebhookDocuments

#: Made once: it takes longer than most operations.
_schema_text = cache(sdl)

_PATH = "/graphql"
#: How long browsers may keep the answer to a preflight; Chromium takes no more.
_PREFLIGHT_SECONDS = 7200


def create_app(domain: Domain, closing: asyncio.Event | None = None) -> Starlette:
    """Return the application that serves this domain; the caller closes the domain.

    Streams end when `closing` is set, without a `complete` that would keep their clients from reconnecting.
    """
    ide = Ide() if domain.settings.ide else None
    closing = closing or asyncio.Event()
    draining = asyncio.Event()
    domain.webhooks.port.fill(WebhookDocuments(schema, domain))
    endpoint = Endpoint(schema, domain, closing, documents=schema.documents, page=ide.page if ide else None)
    measured = Measured(domain=domain, endpoint=endpoint)
    probes = [*Health(domain, closing, draining).routes(), *routes_of_metrics(domain, measured)]

    app = Application(
        endpoint,
        has_cors=bool(domain.settings.cors_origins),
        routes=[
            *routes_of_status(domain, measured.pages),
            *routes_of_board(domain.settings),
            *routes_of_icon(),
            *routes_of_client(),
            Route(_PATH, endpoint),
            WebSocketRoute(_PATH, endpoint),
            *([Route("/graphql/schema", _schema_as_text)] if domain.settings.introspection else ()),
            *probes,
            *routes_of_integrations(domain),
            *routes_of_feeds(domain),
            *routes_of_visitors(domain),
            *routes_of_mcp(domain, endpoint),
            *routes_of_sessions(domain),
            *(ide.routes() if ide else ()),
        ],
        # No `max_body_size`: it answers in plain text, also in the place of the endpoint's own answer.
        middleware=_middleware(domain.settings),
    )
    app.state.endpoint = endpoint
    app.state.measured = measured
    app.state.draining = draining
    app.state.probes = probes
    return app


class Application(Starlette):
    """The routes, with the endpoint in front of Starlette's layers, which take longer than a short query.

    With CORS, what may come from another page, or be kept for one, passes through them all the same.
    """

    def __init__(self, endpoint: ASGIApp, *, has_cors: bool, **settings: Any) -> None:
        super().__init__(**settings)
        # The router's own redirect leads to the host that a request names, and knows no path of a proxy.
        self.router.redirect_slashes = False
        self.router.default = self._without_slash
        self._direct = StandardHeaders(endpoint)
        self._has_cors = has_cors

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_endpoint(scope) and not (self._has_cors and _concerns_pages(scope)):
            await self._direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _without_slash(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer where no route is: with a redirect to the address without the slash at its end, where one is there."""
        path = scope["path"].removesuffix("/")
        other = {**scope, "path": path}
        is_there = scope["type"] == "http" and any(route.matches(other)[0] is Match.FULL for route in self.routes)
        if not is_there or path == scope["path"]:
            await self.router.not_found(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        place = f"../{quote(path.rpartition('/')[2])}{f'?{query}' if query else ''}"
        await RedirectResponse(place, headers={"cache-control": "no-cache"})(scope, receive, send)


class ProtocolScope:
    """The outermost ASGI layer: it passes the endpoint's sockets on directly, with the server's protocol object.

    The layers in between would hide that object, and take 3 KB for each open socket. With `connections`, requests that
    a trusted proxy passes on are counted by the address of their client.
    """

    def __init__(self, app: Starlette, connections: Connections | None = None) -> None:
        self._app = app
        self._endpoint = StandardHeaders(app.state.endpoint)
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - the ASGI call
        app: ASGIApp = self._app
        if scope["type"] == "websocket":
            scope[PROTOCOL] = getattr(send, "__self__", None)
            if _is_endpoint(scope):
                app = self._endpoint
        host = scope["client"][0] if scope.get("client") else ""
        if self._connections is None or host == peer_of(send):
            await app(scope, receive, send)
            return
        origin = self._connections.hold(host)
        if origin is None:
            await _crowded(scope, receive, send)
            return
        try:
            await app(scope, receive, send)
        finally:
            self._connections.release(origin)


def _is_endpoint(scope: Scope) -> bool:
    return bool(scope["path"] == f"{scope.get('root_path', '')}{_PATH}")


def _concerns_pages(scope: Scope) -> bool:
    return scope["method"] != "POST" or any(name == b"origin" for name, _ in scope["headers"])


async def _crowded(scope: Scope, receive: Receive, send: Send) -> None:
    body = {"errors": [{"message": TOO_MANY, "extensions": {"code": "UNAVAILABLE"}}]}
    response = JSONResponse(body, 503, headers={"retry-after": str(RETRY_SECONDS), "connection": "close"})
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


async def _schema_as_text(_: Request) -> Response:
    return PlainTextResponse(_schema_text(), headers={"x-content-type-options": "nosniff"})


def _middleware(settings: Settings) -> list[Middleware]:
    cors = Middleware(
        AnyHeaderCors,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=("*",),
        expose_headers=(REQUEST_ID, "Retry-After"),
        max_age=_PREFLIGHT_SECONDS,
    )
    return [Middleware(StandardHeaders), *([cors] if settings.cors_origins else [])]
