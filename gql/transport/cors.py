"""Which pages may call from a browser: those of the allowed origins, with whatever headers their clients send."""

import re

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from typing_extensions import override

_MOST_BYTES = 4096
#: Names as RFC 9110, 5.6.2 has them; they go back as they came.
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*")


class AnyHeaderCors(CORSMiddleware):
    """Starlette's, which names the headers that were asked for instead of a list that no client knows of.

    Tracing, client names and the like come as headers, and none of them can do harm that a caller outside a browser
    could not do; credentials are never sent along by themselves.
    """

    @override
    def preflight_response(self, request_headers: Headers) -> Response:
        asked = request_headers.get("access-control-request-headers")
        if asked and (len(asked) > _MOST_BYTES or not _NAMES.fullmatch(asked.strip())):
            return PlainTextResponse("Disallowed CORS headers", 400)
        return super().preflight_response(request_headers)
