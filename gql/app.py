"""The web application: routes and lifespan around one running domain."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from domain.bootstrap import Domain
from gql.schema import schema
from gql.transport.view import Endpoint


def create_app(domain: Domain, closing: asyncio.Event | None = None) -> Starlette:
    """The application that serves this domain; whoever made the domain also closes it.

    Streams end when `closing` is set, without a word that would tell their clients not to come back.
    """
    endpoint = Endpoint(schema, domain, closing or asyncio.Event())

    async def health(_: Request) -> Response:
        await domain.events.head()
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/graphql", endpoint),
            WebSocketRoute("/graphql", endpoint),
            Route("/health", health),
        ],
        max_body_size=domain.settings.max_body_bytes,
    )
