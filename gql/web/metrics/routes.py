"""The route of metrics, whose library is loaded by its first request."""

import asyncio
from importlib import import_module
from typing import Any

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from domain.bootstrap import Domain
from gql.web.guarding import Call, guarded
from gql.web.metrics.access import admit
from gql.web.metrics.measured import Measured

PATH = "/metrics"


def routes_of_metrics(domain: Domain, measured: Measured) -> list[Route]:
    """Return the route; none where the settings say so."""
    if domain.settings.metrics.lower() == "off":
        return []
    kept: list[Any] = []

    async def serve(call: Call) -> ASGIApp:
        if not kept:
            # It takes 60 ms, which servers that nobody watches do not spend.
            kept.append(await asyncio.to_thread(import_module, "gql.web.metrics.showing"))
        gauges = await domain.measures.gauges()
        content, media = kept[0].shown(measured, gauges, accept=call.request.headers.get("accept", ""))
        return Response(content, headers={"content-type": media, "cache-control": "no-store"})

    return [Route(PATH, guarded(domain, serve, admit=admit))]
