"""The routes of feeds, of calendars and of Statuspage's JSON."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from domain.bootstrap import Domain
from domain.model.public_page import PublicPage
from domain.services.public_pages import PublicPages
from gql.web.feeds import atom, calendar, statuspage
from gql.web.feeds.answers import Answers
from gql.web.feeds.site import Site, site_of
from gql.web.guarding import Call, Handler, guarded

_READING = ("GET", "HEAD")
#: Pages of any origin may read it; whether they may call the API is another setting.
_ANY_ORIGIN = {"access-control-allow-origin": "*"}
_PREFLIGHT = {
    **_ANY_ORIGIN,
    "access-control-allow-methods": ", ".join(_READING),
    "access-control-allow-headers": "*",
    "access-control-max-age": "7200",
}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
#: Makes the body of an answer.
Render = Callable[[PublicPage, Site], bytes]


def routes_of_feeds(domain: Domain) -> list[BaseRoute]:
    """Return the routes of all formats."""
    feeds = _Feeds(domain)
    documents = [(f"/api/v2/{name}", feeds.document(name)) for name in statuspage.DOCUMENTS]
    return [
        *[
            Route(f"{start}{path}", guarded(domain, handler, methods=_READING))
            for path, handler in (("/feed.atom", feeds.atom), ("/maintenance.ics", feeds.calendar))
            for start in ("", "/systems/{key}")
        ],
        *[Route(path, guarded(domain, handler, methods=(*_READING, "OPTIONS"))) for path, handler in documents],
    ]


class _Feeds:
    def __init__(self, domain: Domain) -> None:
        self._settings = domain.settings
        self._answers = Answers()
        self._pages = PublicPages(reads=domain.reads, events=domain.events, maintenance=domain.maintenance.reads)

    async def atom(self, call: Call) -> Response:
        key = call.request.path_params.get("key")
        path = "/feed.atom" if key is None else f"/systems/{key}/feed.atom"
        return await self._answer(call, partial(atom.atom, path=path), media=atom.MEDIA_TYPE)

    async def calendar(self, call: Call) -> Response:
        return await self._answer(call, calendar.calendar, media=calendar.MEDIA_TYPE)

    def document(self, name: str) -> Handler:
        async def answer(call: Call) -> Response:
            if call.request.method == "OPTIONS":
                return Response(status_code=204, headers=_PREFLIGHT)
            render = partial(statuspage.statuspage, document=name)
            return await self._answer(call, render, media=statuspage.MEDIA_TYPE, headers=_ANY_ORIGIN)

        return answer

    async def _answer(
        self, call: Call, render: Render, *, media: str, headers: Mapping[str, str] = _NO_HEADERS
    ) -> Response:
        key = call.request.path_params.get("key")
        page = await (self._pages.everything() if key is None else self._pages.of_system(key))
        site = site_of(call.request, self._settings)
        if key is not None:
            site = Site(name=f"{site.name}: {page.systems[0].system.name}", url=site.url)
        return await self._answers.answer(call, page, site, partial(render, page, site), media=media, headers=headers)
