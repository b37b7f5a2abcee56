"""CORS for the pages of the allowed origins, with any request headers."""

import re

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from typing_extensions import override

_MOST_BYTES = 4096
#: Names as defined by RFC 9110, 5.6.2; they are sent back unchanged.
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")


class AnyHeaderCors(CORSMiddleware):
    """Starlette's CORS layer, allowing the headers that the browser requests instead of a fixed list.

    Clients send headers for tracing, their name and the like. None of them can do more than a caller outside a browser
    could: the cookie of a session, which browsers add by themselves, counts for pages of this server alone.
    """

    @override
    def preflight_response(self, request_headers: Headers) -> Response:
        asked = request_headers.get("access-control-request-headers")
        if asked and (len(asked) > _MOST_BYTES or not _NAMES.fullmatch(asked.strip())):
            return PlainTextResponse("Disallowed CORS headers", 400)
        return super().preflight_response(request_headers)
