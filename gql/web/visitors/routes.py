"""The routes of visitors' subscriptions. No answer says whether an address is known here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.viewer import ANONYMOUS, Role, Viewer
from domain.visitors.messages import about
from gql.requests.addresses import neighbours_of
from gql.requests.admission import address_of, admitted, overdrawn, payer_of
from gql.requests.refusals import outcome_of
from gql.requests.statuses import JSON, RefusalError
from gql.web.guarding import Call, guarded
from gql.web.visitors.asking import asked_for
from gql.web.visitors.pages import page

#: In points of the rate limit: of the usual one, 20 a minute. Each may send a message to somebody.
_ASKING = 30_000
_FOLLOWING = 200
#: A hundred systems by id, and an address.
_MOST_BYTES = 16_384
_ASKED = 202
_NOT_FOUND = 404
_LINK = ("GET", "HEAD", "POST")
_NEARLY = (
    "If nothing was sent there lately, a message is on its way to this address. Follow the link in it within 24 hours; "
    "nothing else is sent before that. Another one can be asked for after ten minutes."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """The words of a page, and its word for programs."""

    word: str
    title: str
    text: str
    status: int = 200


_CONFIRMED = _Told(
    word="confirmed",
    title="You are subscribed",
    text="You get a message whenever something happens. Each has a link by which you can leave.",
)
_NOT_GOOD = _Told(
    word="invalid",
    title="This link is no longer good",
    text="Such links are good for 24 hours. Subscribe again to get another one.",
    status=_NOT_FOUND,
)
_LEFT = _Told(word="left", title="You have left", text="There is no subscription behind this link any more.")


def routes_of_visitors(domain: Domain) -> list[BaseRoute]:
    """Return the routes by which visitors subscribe, confirm and leave."""
    asking = guarded(domain, _ask, methods=("POST",), most_bytes=_MOST_BYTES, admit=_later)
    return [
        Route("/subscriptions", asking),
        Route("/subscriptions/confirm", guarded(domain, _confirm, methods=_LINK, admit=_by_address)),
        Route("/subscriptions/leave", guarded(domain, _leave, methods=_LINK, admit=_by_address)),
    ]


async def _later(_request: Request, _domain: Domain) -> Viewer:
    """Return the anonymous caller: who is charged in the handler gets a refusal as a page, too."""
    return ANONYMOUS


async def _by_address(request: Request, domain: Domain) -> Viewer:
    """Return the anonymous caller, who pays by address.

    Links in mails have a token of their own. They work where the public may not read, too: everybody may leave.
    """
    refusal = overdrawn(await domain.buckets.spend(payer_of(ANONYMOUS, address_of(request)), _FOLLOWING))
    if refusal is not None:
        raise refusal
    return ANONYMOUS


async def _ask(call: Call) -> Response:
    """Take a wish for messages, and answer the same whatever becomes of it."""
    try:
        await admitted(call.request, call.domain, role=Role.ANONYMOUS, points=_ASKING)
        network = neighbours_of(address_of(call.request))
        wanted = replace(asked_for(call.request, await call.bytes()), network=network)
        await call.domain.visitors.service.subscribe(wanted)
    except (DomainError, RefusalError) as error:
        if not _wants_page(call.request):
            raise
        return _refusal_page(call, error)
    told = _Told(word="asked", title="Nearly done", text=_NEARLY, status=_ASKED)
    return _answer(call, told, home="status")


async def _confirm(call: Call) -> Response:
    service, token = call.domain.visitors.service, _token(call.request)
    if call.request.method == "POST":
        return _answer(call, _CONFIRMED if await service.confirm(token) else _NOT_GOOD)
    names = await service.offered_by(token)
    if names is None:
        return _page(call, _NOT_GOOD)
    # Programs that look for viruses follow links, and confirm nothing.
    text = f"Messages{about(names)}. You can leave at any time." if names else "You can leave at any time."
    asked = _Told(word="asked", title="Do you want these messages?", text=text)
    return _page(call, asked, button="Yes, subscribe")


async def _leave(call: Call) -> Response:
    service, token = call.domain.visitors.service, _token(call.request)
    if call.request.method == "POST":
        # To leave twice is to have left. Programs send this by one click (RFC 8058).
        await service.leave(token)
        return _answer(call, _LEFT)
    if not await service.can_leave(token):
        return _page(call, _LEFT)
    asked = _Told(word="asked", title="Do you want to leave?", text="You get no more messages then.")
    return _page(call, asked, button="Yes, leave")


def _token(request: Request) -> str:
    return request.query_params.get("token", "")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "").lower()


def _answer(call: Call, told: _Told, *, home: str = "../status") -> Response:
    if _wants_page(call.request):
        return _page(call, told, home=home)
    headers: Mapping[str, str] = {"cache-control": "no-store"}
    return JSONResponse(
        {"status": told.word, "message": told.text}, told.status, headers=dict(headers), media_type=JSON
    )


def _page(call: Call, told: _Told, *, home: str = "../status", button: str | None = None) -> Response:
    name = call.domain.settings.public_name
    return page(title=told.title, text=told.text, name=name, home=home, button=button, status=told.status)


def _refusal_page(call: Call, error: DomainError | RefusalError) -> Response:
    refusal = error if isinstance(error, RefusalError) else outcome_of(error)
    told = _Told(word="refused", title="That did not work", text=refusal.message, status=refusal.outcome.status(JSON))
    response = _page(call, told, home="status")
    response.headers.update(refusal.headers)
    return response
