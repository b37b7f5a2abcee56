"""The icon of all pages."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

_STATIC = Path(__file__).parent.parent / "static"
_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "default-src 'none'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "public, max-age=86400",
    }
)


def routes_of_icon() -> list[BaseRoute]:
    """Return the route of the icon, under the name that browsers ask for by themselves."""
    icon = (_STATIC / "favicon.svg").read_bytes()

    async def favicon(_: Request) -> Response:
        return Response(icon, media_type="image/svg+xml", headers=dict(_HEADERS))

    return [Route("/favicon.ico", favicon)]
