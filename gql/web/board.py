"""The board: one page for all its addresses, and its modules, styles and documents, all of them from here."""

import gzip
import hashlib
import re
from collections.abc import Mapping
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
from gql.web.board_bundles import bundle
from gql.web.board_documents import read_documents
from gql.web.encodings import takes_gzip

_STATIC = Path(__file__).parent.parent / "static"
_BOARD = _STATIC / "board"
_CLIENT = _STATIC / "client.js"
_MEDIA = {".js": "text/javascript", ".css": "text/css"}
#: In the order in which later rules win.
_STYLES = ("tokens", "base", "frame", "parts")
#: The colours of high contrast for those whose system asks for it.
_CONTRAST = re.compile(
    r"^@media \(prefers-contrast: more\) \{\n  :root:not\([^)]*\) (?P<declarations>\{[^}]*\})\n\}$", re.MULTILINE
)
#: The place of an address, by its first part: its file is fetched beside the first one, and not only after that.
_PLACES = {"incidents": "incident"} | {
    name: name for name in ("systems", "automations", "maintenance", "settings", "wall")
}
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
    page = _page(settings.public_name, version)

    async def answer(request: Request) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        # Relative, for proxies that serve it under a path of their own.
        root = "../" * (path.count("/") - 1) or "./"
        place = _PLACES.get(path.split("/")[1])
        preload = f'<link rel="modulepreload" href="{root}board/{version}/places/{place}.js">' if place else ""
        text = page.replace("{{ preload }}", preload).replace("{{ root }}", root)
        return HTMLResponse(text, headers=dict(_PAGE_HEADERS))

    async def file(request: Request) -> Response:
        # Made when they are first asked for, which would be a fifth of a second at every start.
        body = (await run_in_threadpool(files)).get(request.path_params["name"])
        if request.path_params["version"] != version or body is None:
            raise HTTPException(404)
        headers = {"cache-control": _IMMUTABLE, "vary": "Accept-Encoding", "x-content-type-options": "nosniff"}
        is_packed = takes_gzip(request.headers)
        if is_packed:
            headers["content-encoding"] = "gzip"
        media = _MEDIA[Path(request.path_params["name"]).suffix]
        return Response(body[is_packed], media_type=media, headers=headers)

    return [*(Route(path, answer) for path in PATHS), Route("/board/{version}/{name:path}", file)]


def _page(name: str, version: str) -> str:
    text = (_STATIC / "board.html").read_text()
    return text.replace("{{ files }}", f"board/{version}").replace("{{ name }}", escape(name))


@cache
def files() -> Mapping[str, tuple[bytes, bytes]]:
    """Return the files by their paths below the version, as they are and compressed."""
    places = bundle(modules(), main="main.js")
    texts = {f"places/{place}.js": text.encode() for place, text in places.items()}
    texts["board.css"] = styles().encode()
    return {name: (text, gzip.compress(text, mtime=0)) for name, text in texts.items()}


def modules() -> Mapping[str, str]:
    """Return the texts of the board's modules by their paths, with the client and the documents."""
    found = {str(path.relative_to(_BOARD)): path.read_text() for path in sorted(_BOARD.rglob("*.js"))}
    documents = orjson.dumps(read_documents(_BOARD / "documents")).decode()
    return found | {"client.js": _CLIENT.read_text(), "documents.js": f"export const documents = {documents};\n"}


def styles() -> str:
    """Return all styles as one sheet."""
    views = sorted(path for path in (_BOARD / "style").glob("*.css") if path.stem not in _STYLES)
    sheet = "\n".join(path.read_text() for path in [*(_BOARD / "style" / f"{name}.css" for name in _STYLES), *views])
    return _CONTRAST.sub(r'\g<0>\n:root[data-theme="contrast"] \g<declarations>', sheet, count=1)


@cache
def _version() -> str:
    """Return a name for all that files are made of, and for how."""
    sources = [path for suffix in ("js", "css", "graphql") for path in sorted(_BOARD.rglob(f"*.{suffix}"))]
    digest = hashlib.sha256()
    for path in (*sources, _CLIENT, *sorted(Path(__file__).parent.glob("board*.py"))):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
