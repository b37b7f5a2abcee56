"""The routes by which a person signs in at an OIDC issuer: `/session/login` and `/session/callback`."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from secrets import compare_digest

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from domain.bootstrap import Domain
from domain.errors import DomainError, InvalidInputError, UnauthenticatedError, UnavailableError
from domain.services.oidc_sign_in import Attempt, OidcSignIn
from gql.requests.incoming import Incoming
from gql.requests.session_cookie import SessionCookie
from gql.requests.statuses import JSON, RefusalError
from gql.web.feeds.site import site_of
from gql.web.sessions.limits import admit_attempt
from gql.web.sessions.pages import ROOT, checked_place, problem_page
from gql.web.sessions.sessions import Sessions

logger = logging.getLogger(__name__)

_LOGIN, _CALLBACK = "/session/login", "/session/callback"
#: How long a person may take at the issuer.
_ATTEMPT_SECONDS = 600
_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
_ELSEWHERE = "This sign-in was begun in another window, at another address of this server, or too long ago."
_NO_VISIT = "Open this address in a window of its own."
_NOT_LET_IN = "The identity provider did not let you in."
_AWAY = "The identity provider is not available at the moment. Try again in a minute."
#: What the issuer says where it is out of order itself (RFC 6749, 4.1.2.1).
_OUT_OF_ORDER = {"server_error", "temporarily_unavailable"}
_STATUSES = {"BAD_USER_INPUT": 400, "UNAUTHENTICATED": 403}


class SigningIn:
    """Both routes, and the cookie that a browser keeps between them."""

    def __init__(self, domain: Domain, sessions: Sessions, sign_in: OidcSignIn) -> None:
        self._domain = domain
        self._sessions = sessions
        self._sign_in = sign_in
        self._attempt = SessionCookie(domain.settings, name="incidentql_sign_in")

    def routes(self) -> list[Route]:
        """Return both routes."""

        async def login(request: Request) -> Response:
            return await self._paged(self._login, request, request.query_params.get("next"))

        async def callback(request: Request) -> Response:
            begun = self._begun(Incoming(request.scope, request.receive))
            return await self._paged(partial(self._callback, begun), request, begun.get("next"))

        return [Route(_LOGIN, login), Route(_CALLBACK, callback)]

    async def _paged(
        self, work: Callable[[Request, str], Awaitable[Response]], request: Request, wanted: str | None
    ) -> Response:
        """Return the answer of `work`, with the place that it leads to, or a page that says why there is none."""
        name, places = self._domain.settings.public_name, []
        try:
            places.append(checked_place(wanted))
            if not _is_visit(request):
                raise InvalidInputError(_NO_VISIT)
            await admit_attempt(request, self._domain)
            return await work(request, places[0])
        except RefusalError as error:
            status, words, headers = error.outcome.status(JSON), error.message, error.headers
        except UnavailableError as error:
            status, words, headers = 503, error.message, {"retry-after": str(error.retry_after_seconds)}
        except DomainError as error:
            status, words, headers = _STATUSES.get(error.code, 400), error.message, {}
        return problem_page(status, words, name=name, place=places[0] if places else ROOT, headers=headers)

    async def _login(self, request: Request, place: str) -> Response:
        """Send a person to the issuer, with an attempt that their browser keeps."""
        incoming, attempt = Incoming(request.scope, request.receive), Attempt.fresh()
        address = await self._sign_in.address(attempt, redirect_uri=self._redirect_uri(request))
        response = RedirectResponse(address, status_code=303, headers=_HEADERS)
        kept = {**asdict(attempt), "next": "" if place == ROOT else place}
        # The issuer leads back from another site: a strict cookie would not be sent then.
        self._keep(response, incoming, orjson.dumps(kept).decode(), seconds=_ATTEMPT_SECONDS)
        return response

    async def _callback(self, begun: Mapping[str, str], request: Request, place: str) -> Response:
        """Take a person back from the issuer, and sign them in by the token that it gives for its code."""
        incoming = Incoming(request.scope, request.receive)
        attempt = _attempt_in(begun)
        given = request.query_params
        state = given.get("state", "")
        if attempt is None or not compare_digest(state.encode(), attempt.state.encode()):
            raise InvalidInputError(_ELSEWHERE)
        if given.get("iss", self._sign_in.issuer) != self._sign_in.issuer:
            # The answer of another issuer (RFC 9207, 2.4).
            raise InvalidInputError(_ELSEWHERE)
        if "error" in given or not given.get("code"):
            raise _refused(given.get("error", "no code"))
        tokens = await self._sign_in.tokens(given["code"], attempt, redirect_uri=self._redirect_uri(request))
        token = await self._best(tokens)
        response = RedirectResponse(place, status_code=303, headers=_HEADERS)
        await self._sessions.begin(response, incoming, token)
        self._keep(response, incoming, "", seconds=0)
        return response

    async def _best(self, tokens: Sequence[str]) -> str:
        """Return the token that this server takes; of several the one that lasts longest, and fits into a cookie.

        Raises:
            UnauthenticatedError: it takes none.
        """
        valid: list[tuple[bool, datetime, str]] = []
        reasons: list[str] = []
        for token in tokens:
            try:
                viewer = await self._domain.tokens.viewer_of(f"Bearer {token}")
            except UnauthenticatedError as error:
                reasons.append(error.message)
            else:
                assert viewer.expires_at is not None
                valid.append((self._sessions.fits(token), viewer.expires_at, token))
        if valid:
            return max(valid)[2]
        logger.warning("no token of the OIDC issuer is taken here, of %s: %s", len(tokens), "; ".join(reasons))
        told = " ".join(dict.fromkeys(reasons)) or "The identity provider gave no token that this server can read."
        raise UnauthenticatedError(f"You are known to the identity provider, but not let in here. {told}")

    def _keep(self, response: Response, request: Incoming, text: str, *, seconds: int) -> None:
        self._attempt.set(response, text, request.scope, request.headers, seconds=seconds, is_strict=False)

    def _begun(self, request: Incoming) -> dict[str, str]:
        """Return what a browser keeps of an attempt; nothing where it keeps none."""
        try:
            kept = orjson.loads(self._attempt.value_of(request.scope, request.headers) or "{}")
        except orjson.JSONDecodeError:
            return {}
        return kept if isinstance(kept, dict) and all(isinstance(value, str) for value in kept.values()) else {}

    def _redirect_uri(self, request: Request) -> str:
        return f"{site_of(request, self._domain.settings).url}{_CALLBACK}"


def _is_visit(request: Request) -> bool:
    """Return whether a person may be looking: pictures and frames of other pages use up nobody's attempts.

    Browsers that are older than these headers, and programs, say nothing.
    """
    wanted = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    return all(request.headers.get(name, value) == value for name, value in wanted.items())


def _attempt_in(kept: Mapping[str, str]) -> Attempt | None:
    if not {"state", "nonce", "verifier"} <= kept.keys():
        return None
    return Attempt(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])


def _refused(reason: str) -> DomainError:
    logger.warning("the OIDC issuer signs somebody not in: %.80r", reason)
    return UnavailableError(_AWAY) if reason in _OUT_OF_ORDER else UnauthenticatedError(_NOT_LET_IN)
