"""The sessions of people: `/session`, by which a page signs a person in and out and learns who they are."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from domain.bootstrap import Domain
from domain.errors import ForbiddenError, InvalidInputError, UnauthenticatedError
from domain.model.moment import iso
from domain.model.viewer import Viewer
from domain.services.oidc import looks_like_jwt
from gql.requests.incoming import Incoming
from gql.requests.session_cookie import MOST_BYTES, SessionCookie
from gql.web.guarding import Call

#: The longest that a browser keeps a token that does not expire earlier.
_KEPT = timedelta(days=30)
HEADERS: Mapping[str, str] = MappingProxyType(
    {"cache-control": "no-store", "vary": "Cookie, Origin", "cross-origin-resource-policy": "same-origin"}
)


class Sessions:
    """The sessions of people: each is a cookie, and nothing is kept here."""

    def __init__(self, domain: Domain, *, login: str | None) -> None:
        self._domain = domain
        #: Where people sign in at an issuer, from the root of the server; None where there is no issuer.
        self._login = login
        self._cookie = SessionCookie(domain.settings)

    async def answer(self, call: Call) -> Response:
        """Return the answer to a request of a page.

        Raises:
            ForbiddenError: it signs in or out, and is of no page of this server.
            UnauthenticatedError: the token is not valid.
            InvalidInputError, RefusalError: the body has no token.
        """
        if call.request.method in {"GET", "HEAD"}:
            return await self._who(call.request)
        request = Incoming(call.request.scope, call.request.receive)
        if not self.is_from_page(call.request):
            # Else a page of anybody could have its visitors work under an account that it knows.
            raise ForbiddenError("Only a page of this server may sign somebody in or out.")
        response = Response(status_code=204, headers=dict(HEADERS))
        if call.request.method == "DELETE":
            self._set(response, request, "", seconds=0)
        else:
            await self.begin(response, request, _token_in(await call.json()))
        return response

    async def begin(self, response: Response, request: Incoming, token: str) -> Viewer:
        """Return the caller of a token, after having a response set the cookie.

        Raises:
            UnauthenticatedError: it is not valid.
            InvalidInputError: it is too long for a cookie.
        """
        viewer = await self._domain.tokens.viewer_of(f"Bearer {token}")
        if not self.fits(token):
            raise InvalidInputError(f"Browsers keep tokens of up to {MOST_BYTES} bytes, and this one is longer.")
        left = _KEPT if viewer.expires_at is None else min(_KEPT, viewer.expires_at - self._domain.clock.now())
        self._set(response, request, token, seconds=max(1, int(left.total_seconds())))
        return viewer

    def is_from_page(self, request: Request) -> bool:
        """Return whether a page of this server sent a request."""
        return self._cookie.is_from_page(request.scope, Incoming(request.scope, request.receive).headers)

    def fits(self, token: str) -> bool:
        """Return whether a browser would keep this token."""
        return self._cookie.fits(token)

    async def _who(self, asked: Request) -> Response:
        request = Incoming(asked.scope, asked.receive)
        authorization = self._cookie.read_by_page(request.scope, request.headers)
        viewer = None
        if authorization is not None:
            with suppress(UnauthenticatedError):
                viewer = await self._domain.tokens.viewer_of(authorization)
        response = JSONResponse({**_shown(viewer), "login": self._login}, headers=dict(HEADERS))
        if authorization is not None and viewer is None and not looks_like_jwt(authorization.partition(" ")[2]):
            # A token that is revoked stays so, and the page goes on without it. An issuer's may be signed with a new
            # key, which is not looked up at once.
            self._set(response, request, "", seconds=0)
        return response

    def _set(self, response: Response, request: Incoming, value: str, *, seconds: int) -> None:
        self._cookie.set(response, value, request.scope, request.headers, seconds=seconds)


def _token_in(body: Any) -> str:
    token = body.get("token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token.strip():
        raise InvalidInputError('Send JSON such as {"token": "..."}.')
    return token.strip()


def _shown(viewer: Viewer | None) -> dict[str, Any]:
    """Return a session as JSON; without a viewer nobody is signed in."""
    if viewer is None:
        return {"viewer": None, "expiresAt": None}
    actor = viewer.actor
    return {
        "viewer": {"role": viewer.role.name, "name": actor.name, "id": actor.id, "type": actor.type.name},
        "expiresAt": iso(viewer.expires_at) if viewer.expires_at else None,
    }
