"""Answers that are made once for each page, and not sent to those who have them."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from types import MappingProxyType

from starlette.responses import Response

from domain.model.public_page import PublicPage
from gql.requests.admission import charged
from gql.web.conditions import names_tag
from gql.web.feeds.site import Site
from gql.web.guarding import Call

#: So long a reader, or a cache on the way, may take an answer for the present one.
_CACHED = "public, max-age=10"
#: The bodies that are kept at a time: one for each path and host that readers come by, and anybody may name a host.
_MOST_KEPT = 256
_MOST_BYTES = 32 * 1024 * 1024
#: The points that a body costs which is there for another host.
_OTHER_HOST = 20_000
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
        # One body at a time: all who ask for it in the meantime get it.
        self._making = asyncio.Lock()

    async def answer(
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

        Raises:
            RefusalError: the caller is over their rate limit.
        """
        body = await self._body(call, page, site, render)
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

    async def _body(self, call: Call, page: PublicPage, site: Site, render: Callable[[], bytes]) -> _Body:
        name = (call.request.url.path, site.url)
        async with self._making:
            kept = self._bodies.get(name)
            if kept is None or kept.page is not page:
                if any(other[0] == name[0] and each.page is page for other, each in self._bodies.items()):
                    # It is there under another host: whoever makes names up keeps all readers waiting.
                    await charged(call.request, call.domain, call.viewer, points=_OTHER_HOST)
                # A calendar of a year takes half a second, which other requests do not wait for.
                content = await asyncio.to_thread(render)
                # Of the content, not of the position: what happens out of the public's sight does not show in it.
                tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
                kept = _Body(page=page, content=content, tag=tag)
                self._keep(name, kept)
            self._bodies.move_to_end(name)
            return kept

    def _keep(self, name: tuple[str, str], body: _Body) -> None:
        outdated = [other for other, kept in self._bodies.items() if other[0] == name[0] and kept.page is not body.page]
        for other in outdated:
            del self._bodies[other]
        self._bodies[name] = body
        while len(self._bodies) > 1 and (len(self._bodies) > _MOST_KEPT or self._size() > _MOST_BYTES):
            self._bodies.popitem(last=False)

    def _size(self) -> int:
        return sum(len(body.content) for body in self._bodies.values())
