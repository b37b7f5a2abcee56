"""The routes of sessions: `/session` and, with an OIDC issuer, those that lead there and back."""

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from domain.bootstrap import Domain
from domain.model.viewer import Viewer
from domain.services.oidc_sign_in import OidcSignIn, SignInRules
from gql.web.guarding import guarded
from gql.web.sessions.limits import admit_attempt, admit_look
from gql.web.sessions.sessions import Sessions
from gql.web.sessions.signing_in import SigningIn

_PATH = "/session"
_MOST_BODY_BYTES = 16_384


def routes_of_sessions(domain: Domain) -> list[BaseRoute]:
    """Return the routes.

    Raises:
        StartupError: the settings of the sign-in at an issuer are not complete.
    """
    rules = SignInRules.of(domain.settings)
    sessions = Sessions(domain, login="session/login" if rules else None)
    at_issuer = SigningIn(domain, sessions, OidcSignIn(rules, domain.clock)).routes() if rules else []

    async def admit(request: Request, domain: Domain) -> Viewer:
        # Pages of others are refused whatever token they send, and use up nobody's attempts.
        is_attempt = request.method == "POST" and sessions.is_from_page(request)
        return await (admit_attempt if is_attempt else admit_look)(request, domain)

    methods = ("GET", "HEAD", "POST", "DELETE")
    answer = guarded(domain, sessions.answer, methods=methods, admit=admit, most_bytes=_MOST_BODY_BYTES)
    return [Route(_PATH, answer), *at_issuer]
