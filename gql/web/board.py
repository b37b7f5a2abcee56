"""The board: one page for all its addresses, and its modules, styles and documents, all of them from here."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from types import MappingProxyType

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from domain.settings import Settings
from gql.web.board_documents import read_documents
from gql.web.encodings import takes_gzip

_STATIC = Path(__file__).parent.parent / "static"
_BOARD = _STATIC / "board"
_DOCUMENTS = "documents.js"
_MEDIA = {".js": "text/javascript", ".css": "text/css"}
#: In the order in which later rules win.
_STYLES = ("tokens", "base", "frame", "parts")
#: What is loaded at first, in addition to `main.js`; other views are loaded when they are needed.
_FIRST = ("lib", "state", "parts")
_FIRST_VIEWS = (
    "board",
    "board/around",
    "board/filters",
    "board/resolve",
    "board/rows",
    "board/timeline",
    "board/words",
    "not_found",
)
#: The board's own addresses, all answered by the same page.
PATHS = (
    "/",
    "/incidents",
    "/incidents/{reference}",
    "/systems",
    "/systems/{key}",
    "/timeline",
    "/automations",
    "/automations/{path:path}",
    "/maintenance",
    "/maintenance/{id}",
    "/settings",
    "/settings/{path:path}",
    "/wall",
)
_IMMUTABLE = "public, max-age=31536000, immutable"
_PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "content-security-policy": "; ".join(
            [
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                "connect-src 'self'",
                "img-src 'self' data:",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            ]
        ),
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",  # the page names the version of all other files
        "x-content-type-options": "nosniff",
    }
)


def routes_of_board(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the page and of its files."""
    version = _version()
    folder = f"board/{version}"
    page = _page(settings.public_name, folder)

    async def answer(request: Request) -> Response:
        # Relative, for proxies that serve it under a path of their own.
        depth = request.url.path.removeprefix(request.scope.get("root_path", "")).count("/") - 1
        return HTMLResponse(page.replace("{{ root }}", "../" * depth or "./"), headers=dict(_PAGE_HEADERS))

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if request.path_params["version"] != version or name not in _names():
            raise HTTPException(404)
        # Made when it is first asked for, which would be a fifth of a second for all of them at every start.
        body = await run_in_threadpool(file_at, name)
        headers = {"cache-control": _IMMUTABLE, "vary": "Accept-Encoding", "x-content-type-options": "nosniff"}
        is_packed = takes_gzip(request.headers)
        if is_packed:
            headers["content-encoding"] = "gzip"
        return Response(body[is_packed], media_type=_MEDIA[Path(name).suffix], headers=headers)

    return [*(Route(path, answer) for path in PATHS), Route("/board/{version}/{name:path}", file)]


def _page(name: str, folder: str) -> str:
    first = [f"{part}/{path.name}" for part in _FIRST for path in sorted((_BOARD / part).glob("*.js"))]
    names = ["client.js", _DOCUMENTS, *first, *(f"views/{view}.js" for view in _FIRST_VIEWS)]
    preloads = "\n".join(f'<link rel="modulepreload" href="{{{{ root }}}}{folder}/{name}">' for name in names)
    text = (_STATIC / "board.html").read_text()
    return text.replace("{{ preloads }}", preloads).replace("{{ files }}", folder).replace("{{ name }}", escape(name))


@cache
def file_at(name: str) -> tuple[bytes, bytes]:
    """Return a file by its path below the version, as it is and compressed."""
    body = b"\n".join(path.read_bytes() for path in _names()[name])
    if name == _DOCUMENTS:
        body = b"export default " + orjson.dumps(read_documents(_BOARD / "documents"))
    return body, gzip.compress(body, mtime=0)


@cache
def _names() -> Mapping[str, Sequence[Path]]:
    """Return the files by their paths below the version, and what each is made of."""
    modules = {str(path.relative_to(_BOARD)): (path,) for path in _BOARD.rglob("*.js")}
    views = sorted(path for path in (_BOARD / "style").glob("*.css") if path.stem not in _STYLES)
    styles = (*(_BOARD / "style" / f"{name}.css" for name in _STYLES), *views)
    documents = sorted((_BOARD / "documents").glob("*.graphql"))
    return modules | {"client.js": (_STATIC / "client.js",), _DOCUMENTS: documents, "board.css": styles}


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for name, paths in sorted(_names().items()):
        digest.update(name.encode())
        for path in paths:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
