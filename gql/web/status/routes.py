"""The routes of the status page, its files, its badges and what other sites embed."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.bootstrap import Domain
from domain.errors import DomainError, ForbiddenError, NotFoundError, StartupError, UnauthenticatedError
from domain.model.viewer import ANONYMOUS, Role
from domain.model.visitor import VisitorKind
from gql.requests.admission import admitted, charged
from gql.requests.statuses import HttpOutcome, RefusalError
from gql.web.status.answers import CACHED, HTML, JSON, NOT_KEPT, SVG, Answer, file_answer, refusal
from gql.web.status.badges import badge, summary
from gql.web.status.kept import Body, KeptPages, Made
from gql.web.status.look import STATIC, look_of
from gql.web.status.reading import Reader
from gql.web.status.rendering import Renderer
from gql.web.status.texts import AUTO, Texts, language_for, languages

_REFERENCE = re.compile(r"INC-([1-9][0-9]{0,8})")
#: The points that a page costs which is to be made; it reads as much as a list does, and is then kept for all.
_MAKING = 100
#: What a reader is asked to wait for while the database is away.
_RETRY_SECONDS = "10"
#: Makes a page from a request, in a language.
Make = Callable[[Request, Texts], Awaitable[Made]]


def routes_of_status(domain: Domain, results: Counter[str]) -> list[BaseRoute]:
    """Return all routes of the status page, which count what became of its pages.

    Raises:
        StartupError: a setting of its look cannot be used.
    """
    settings = domain.settings
    if settings.public_language not in {*languages(), AUTO}:
        known = ", ".join([*languages(), AUTO])
        raise StartupError(f"INCIDENTQL_PUBLIC_LANGUAGE must be one of {known}, not {settings.public_language[:40]!r}.")
    look = look_of(settings)
    takes_mail = VisitorKind.MAIL in domain.visitors.service.kinds()
    renderer = Renderer(name=settings.public_name, look=look, takes_mail=takes_mail)
    reader = Reader(domain, renderer)
    serving = _Serving(domain, renderer, results)
    serve = serving.page
    files = {name: file_answer(Body.of(file.content), file.media) for name, file in look.files.items()}
    embed = Answer(Body.of((STATIC / "status" / "embed.js").read_bytes()), "text/javascript", is_for_all=True)
    picture = partial(serve, media=SVG, is_for_all=True)
    return [
        Route("/status", serve(lambda _, texts: reader.front(texts))),
        Route("/status/summary.json", serve(lambda _, texts: summary(reader, texts), media=JSON, is_for_all=True)),
        Route("/status/embed.js", serving.read_only(embed)),
        Route(f"/status/files/{renderer.version}/{{name}}", serving.read_only(_Files(files))),
        Route("/status/history/{month}", serve(lambda asked, texts: reader.month(asked.path_params["month"], texts))),
        Route("/status/systems/{key}", serve(lambda asked, texts: reader.system(asked.path_params["key"], texts))),
        Route("/status/{reference}", serve(lambda asked, texts: _incident(reader, asked, texts))),
        Route("/status/{path:path}", serve(_missing)),
        Route("/badge.svg", picture(lambda _, texts: badge(reader, texts))),
        Route("/badge/{key}.svg", picture(lambda asked, texts: badge(reader, texts, asked.path_params["key"]))),
    ]


async def _incident(reader: Reader, request: Request, texts: Texts) -> Made:
    found = _REFERENCE.fullmatch(request.path_params["reference"])
    return await (reader.incident(int(found[1]), texts) if found else _missing(request, texts))


async def _missing(request: Request, _: Texts) -> Made:
    raise NotFoundError("Page", request.url.path)


class _Files:
    """The application of the files of pages, each by its name."""

    def __init__(self, files: Mapping[str, Answer]) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._files.get(scope["path_params"]["name"])
        app: ASGIApp = found if found is not None else refusal(b"", 404)
        await app(scope, receive, send)


class _Serving:
    """Pages to whoever asks for them, and pages that say why there is none."""

    def __init__(self, domain: Domain, renderer: Renderer, results: Counter[str]) -> None:
        self._domain = domain
        self._renderer = renderer
        events = domain.events
        self._kept = KeptPages(lambda: events.known, renderer.notice, results=results)

    def page(self, make: Make, *, media: str = HTML, is_for_all: bool = False) -> ASGIApp:
        """Return the application of a page, which is made once for all readers."""
        language = self._domain.settings.public_language
        cache = CACHED if self._domain.settings.anonymous_access else NOT_KEPT
        answer = partial(Answer, media=media, is_for_all=is_for_all, by_language=language == AUTO, cache=cache)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            texts = language_for(language, Headers(scope=scope).get("accept-language", "") if language == AUTO else "")
            try:
                body = await self._body(scope, receive, make, texts)
                response = answer(body)
            except (DomainError, RefusalError) as error:
                response = self._refused(scope, error, texts)
            await response(scope, receive, send)

        return self.read_only(app)

    def read_only(self, app: ASGIApp) -> ASGIApp:
        """Return the application for methods that read, which refuses all others."""
        return _ReadOnly(app, self._wrong_method)

    async def _body(self, scope: Scope, receive: Receive, make: Make, texts: Texts) -> Body:
        request = Request(scope, receive)
        is_public = self._domain.settings.anonymous_access
        if not is_public:
            await admitted(request, self._domain, role=Role.ANONYMOUS, points=1)
        name = (scope["path"], texts.code)
        body = self._kept.present(name)
        if body is None:
            if is_public:
                # What is kept costs less than a look at what the caller may spend; nobody's token is looked at.
                await charged(request, self._domain, ANONYMOUS, points=_MAKING)
            body = await self._kept.made(name, lambda: make(request, texts))
        return body

    def _refused(self, scope: Scope, error: DomainError | RefusalError, texts: Texts) -> Answer:
        status, key, more = _reason(error)
        html = self._page(scope, texts, heading=texts.say(f"page.{key}"), more=texts.say(f"page.{key}_more"))
        return refusal(html, status, more=more)

    def _wrong_method(self, scope: Scope) -> Answer:
        texts = language_for(self._domain.settings.public_language, "")
        html = self._page(scope, texts, heading=texts.say("page.wrong_method"), more=None)
        return refusal(html, 405, more=((b"allow", b"GET, HEAD"),))

    def _page(self, scope: Scope, texts: Texts, **values: Any) -> bytes:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        root = "../" * (path.count("/") - 1)
        now = self._domain.clock.now()
        return self._renderer.page("refusal", texts, now, root=root, links_back=path != "/status", **values)


def _reason(error: DomainError | RefusalError) -> tuple[int, str, Sequence[tuple[bytes, bytes]]]:
    """Return the status of an error, the name of its texts, and its headers."""
    if isinstance(error, NotFoundError):
        return 404, "not_found", ()
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        return 401, "private", [(b"www-authenticate", b"Bearer")]
    if isinstance(error, RefusalError) and error.outcome is HttpOutcome.RATE_LIMITED:
        return 429, "crowded", [(b"retry-after", error.headers.get("retry-after", _RETRY_SECONDS).encode())]
    return 503, "unavailable", [(b"retry-after", _RETRY_SECONDS.encode())]


class _ReadOnly:
    """The application of a page for methods that read; Starlette takes an application for all methods."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Scope], ASGIApp]) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app if scope["method"] in {"GET", "HEAD"} else self._refuse(scope)
        await app(scope, receive, send)
