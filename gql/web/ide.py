"""The IDE that browsers get at /graphql, and its files, none of which comes from the internet."""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from typing_extensions import override

_STATIC = Path(__file__).parent.parent / "static"
_OWN = ("ide.css", "ide.js")
#: Never imported, because it needs Django; only its folder is used.
_PACKAGE = "graphene_django_graphiql_static"
_FOLDER = "static/graphene_django_graphiql_static"
_THIRD_PARTY = (
    "graphiql.min.css",
    "graphiql.min.js",
    "graphiql-plugin-explorer.umd.js",
    "graphql-ws.min.js",
    "react.production.min.js",
    "react-dom.production.min.js",
    "style.css",
)
_GRAPHIQL = "2.4.7"
_IMMUTABLE = "public, max-age=31536000, immutable"
#: Level 9 takes twice the time for another per cent.
_GZIP_LEVEL = 6

_PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self' 'unsafe-inline'",  # CodeMirror places its cursor and lines with style attributes
                "connect-src 'self'",
                "img-src 'self' data:",
                "font-src 'self' data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            ]
        ),
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",  # the page names the version of all other files
        "vary": "Accept",
        "x-content-type-options": "nosniff",
    }
)


class Ide:
    """The page and its files, read once."""

    def __init__(self) -> None:
        self._is_complete = _is_installed()
        self._path = f"/graphql/ide/{_version()}"
        name = "ide.html" if self._is_complete else "ide-missing.html"
        self._html = (_STATIC / name).read_text().replace("{{ files }}", self._path.removeprefix("/"))

    def page(self) -> Response:
        """Return the IDE's page; where its package is not installed, a page that says so."""
        return HTMLResponse(self._html, headers=dict(_PAGE_HEADERS))

    def routes(self) -> list[BaseRoute]:
        """Return the routes of its files; each version has its own path, so that browsers never ask again."""
        if not self._is_complete:
            return []
        files = _Files(directory=_STATIC, packages=[(_PACKAGE, _FOLDER)])
        # Compressed here only: a stream of events must not wait for the compressor.
        return [Mount(self._path, GZipMiddleware(files, compresslevel=_GZIP_LEVEL))]


class _Files(StaticFiles):
    """The static files that the page loads, cached by browsers without a limit."""

    @override
    async def get_response(self, path: str, scope: Scope) -> Response:
        if path not in {*_OWN, *_THIRD_PARTY}:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = _IMMUTABLE
        response.headers["x-content-type-options"] = "nosniff"
        return response


def _is_installed() -> bool:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return False
    return all((Path(spec.origin).parent / _FOLDER / name).is_file() for name in _THIRD_PARTY)


def _version() -> str:
    own = b"".join((_STATIC / name).read_bytes() for name in _OWN)
    return f"{_GRAPHIQL}-{hashlib.sha256(own).hexdigest()[:12]}"
