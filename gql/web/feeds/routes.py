"""The routes of feeds and of Statuspage's JSON."""

from functools import partial

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from domain.bootstrap import Domain
from domain.services.public_pages import PublicPages
from gql.web.feeds import atom, statuspage
from gql.web.feeds.answers import Answers
from gql.web.feeds.site import site_of
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


def routes_of_feeds(domain: Domain) -> list[BaseRoute]:
    """Return the routes of all formats."""
    answers, pages = Answers(), PublicPages(reads=domain.reads, events=domain.events)

    async def feed(call: Call) -> Response:
        page, site = await pages.everything(), site_of(call.request, domain.settings)
        render = partial(atom.atom, page, site, "/feed.atom", name=site.name)
        return answers.answer(call, page, site, render, media=atom.MEDIA_TYPE)

    async def feed_of_system(call: Call) -> Response:
        key = call.request.path_params["key"]
        page, site = await pages.of_system(key), site_of(call.request, domain.settings)
        name = f"{site.name}: {page.systems[0].system.name}"
        render = partial(atom.atom, page, site, f"/systems/{key}/feed.atom", name=name)
        return answers.answer(call, page, site, render, media=atom.MEDIA_TYPE)

    def document(name: str) -> Handler:
        async def answer(call: Call) -> Response:
            if call.request.method == "OPTIONS":
                return Response(status_code=204, headers=_PREFLIGHT)
            page, site = await pages.everything(), site_of(call.request, domain.settings)
            render = partial(statuspage.statuspage, page, site, name)
            return answers.answer(call, page, site, render, media=statuspage.MEDIA_TYPE, headers=_ANY_ORIGIN)

        return answer

    return [
        Route("/feed.atom", guarded(domain, feed, methods=_READING)),
        Route("/systems/{key}/feed.atom", guarded(domain, feed_of_system, methods=_READING)),
        *[
            Route(f"/api/v2/{name}", guarded(domain, document(name), methods=(*_READING, "OPTIONS")))
            for name in statuspage.DOCUMENTS
        ],
    ]
