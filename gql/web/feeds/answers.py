"""Answers that are made once for each page, and not sent to those who have them."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from types import MappingProxyType

from starlette.responses import Response

from domain.model.public_page import PublicPage
from gql.web.conditions import names_tag
from gql.web.feeds.site import Site
from gql.web.guarding import Call

#: So long a reader, or a cache on the way, may take an answer for the present one.
_CACHED = "public, max-age=10"
#: The bodies that are kept at a time: one for each path and host that readers come by.
_MOST_KEPT = 256
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    page: PublicPage
    content: bytes
    tag: str


class Answers:
    """The bodies of answers, kept for as long as their pages are the present ones."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[str, str], _Body] = OrderedDict()

    def answer(
        self,
        call: Call,
        page: PublicPage,
        site: Site,
        render: Callable[[], bytes],
        *,
        media: str,
        headers: Mapping[str, str] = _NONE,
    ) -> Response:
        """Return the answer with a page in some format, or one without it for readers who have it.

        Only tags count, no dates: those have no fractions of a second, and a new title moves none of them.
        """
        body = self._body(call.request.url.path, page, site, render)
        sent = {
            **headers,
            "etag": body.tag,
            "cache-control": _CACHED,
            "last-modified": format_datetime(page.updated_at, usegmt=True),
        }
        if names_tag(call.request.headers.get("if-none-match", ""), body.tag):
            return Response(status_code=304, headers=sent)
        if call.request.method == "HEAD":
            return Response(media_type=media, headers={**sent, "content-length": str(len(body.content))})
        return Response(body.content, media_type=media, headers=sent)

    def _body(self, path: str, page: PublicPage, site: Site, render: Callable[[], bytes]) -> _Body:
        name = (path, site.url)
        kept = self._bodies.get(name)
        if kept is None or kept.page is not page:
            content = render()
            # Of the content, not of the position: what happens out of the public's sight does not show in it.
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            kept = self._bodies[name] = _Body(page=page, content=content, tag=tag)
            if len(self._bodies) > _MOST_KEPT:
                self._bodies.popitem(last=False)
        self._bodies.move_to_end(name)
        return kept
