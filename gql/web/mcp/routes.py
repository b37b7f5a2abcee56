"""The route of the Model Context Protocol, whose library is loaded by its first request."""

import asyncio
from importlib import import_module
from typing import Any

from starlette.routing import Route
from starlette.types import ASGIApp

from domain.bootstrap import Domain
from domain.errors import ForbiddenError
from domain.settings import Settings
from gql.requests.origins import origin_of
from gql.transport.endpoint import Endpoint
from gql.web.guarding import Call, guarded

PATH = "/mcp"


def routes_of_mcp(domain: Domain, endpoint: Endpoint) -> list[Route]:
    """Return the route; it keeps no sessions, so that any process answers any request."""
    kept: list[Any] = []

    async def serve(call: Call) -> ASGIApp:
        _check_origin(call, domain.settings)
        body = await call.bytes()
        if not kept:
            # It takes half a second and 17 MB, which servers without agents do not spend.
            serving = await asyncio.to_thread(import_module, "gql.web.mcp.serving")
            kept.append(serving.Agents(endpoint))
        return kept[0].answering(call, body)  # type: ignore[no-any-return]  # of a module that is loaded late

    return [Route(PATH, guarded(domain, serve, methods=("POST",)))]


def _check_origin(call: Call, settings: Settings) -> None:
    """Refuse pages of other origins, which the protocol demands.

    The request's own host proves nothing: a page of anybody may have had its name led to this machine.

    Raises:
        ForbiddenError: the request comes from such a page.
    """
    origin = call.request.headers.get("origin")
    if origin is None or origin in settings.cors_origins or "*" in settings.cors_origins:
        return
    if origin != origin_of(settings.public_url):
        raise ForbiddenError("Pages of this origin may not call: it is not in INCIDENTQL_CORS_ORIGINS.")
