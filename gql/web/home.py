"""The root of the server: a redirect to the IDE or a page with links to the API, and the icon of all pages."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from domain.settings import Settings

_STATIC = Path(__file__).parent.parent / "static"
_SCHEMA = '<li><a href="graphql/schema">The schema as text</a>, every field described</li>'
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "default-src 'none'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
    }
)
_A_DAY = "public, max-age=86400"


def routes_of_home(settings: Settings) -> list[BaseRoute]:
    """Return the routes of `/` and of the icon."""
    icon = (_STATIC / "favicon.svg").read_bytes()
    page = (_STATIC / "home.html").read_text().replace("{{ schema }}", _SCHEMA if settings.introspection else "")

    async def home(_: Request) -> Response:
        # Relative, for proxies that serve it under a path of their own.
        return RedirectResponse("graphql") if settings.ide else HTMLResponse(page, headers=dict(_HEADERS))

    async def favicon(_: Request) -> Response:
        headers = {**_HEADERS, "cache-control": _A_DAY}
        return Response(icon, media_type="image/svg+xml", headers=headers)

    return [Route("/", home), Route("/favicon.ico", favicon)]
