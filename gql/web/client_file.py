"""The client that pages import from the server, and its types: `/client.js` and `/client.d.ts`."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gql.web.conditions import names_tag
from gql.web.encodings import takes_gzip

_STATIC = Path(__file__).parent.parent / "static"
#: TypeScript has no media type of its own.
_TYPES = {"client.js": "text/javascript", "client.d.ts": "text/plain"}


def routes_of_client() -> list[BaseRoute]:
    """Return the routes of both files."""
    return [Route(f"/{name}", _File(name, media).response) for name, media in _TYPES.items()]


class _File:
    """A file, read and compressed once."""

    def __init__(self, name: str, media: str) -> None:
        self._media = media
        self._bodies = _bodies_of(name)
        self._digest = hashlib.sha256(self._bodies[""]).hexdigest()[:16]

    async def response(self, request: Request) -> Response:
        encoding = "gzip" if takes_gzip(request.headers) else ""
        # The bytes of an answer are what a tag names, so that each encoding has its own (RFC 9110, 8.8.3).
        tag = f'"{self._digest}-{encoding}"' if encoding else f'"{self._digest}"'
        headers = {
            "etag": tag,
            # Asked for again each time, so that a page never speaks to a newer server with an older file.
            "cache-control": "no-cache",
            "vary": "Accept-Encoding",
            # It holds nothing of anybody: pages of any origin may import it. Whether they may call is another setting.
            "access-control-allow-origin": "*",
            "cross-origin-resource-policy": "cross-origin",
        }
        if names_tag(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        if encoding:
            headers["content-encoding"] = encoding
        return Response(self._bodies[encoding], media_type=self._media, headers=headers)


@cache
def _bodies_of(name: str) -> Mapping[str, bytes]:
    """Return the file by encoding."""
    content = (_STATIC / name).read_bytes()
    return {"": content, "gzip": gzip.compress(content, mtime=0)}
