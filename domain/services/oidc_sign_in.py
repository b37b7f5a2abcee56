"""The sign-in of people at an OIDC issuer: the authorization code flow with PKCE.

OpenID Connect Core 1.0, 3.1; RFC 7636 for PKCE; RFC 6749 for the exchange of the code.
"""

import asyncio
import hashlib
import logging
import secrets
import ssl
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import httpx
import jwt
import orjson

from domain.clock import Clock
from domain.errors import StartupError, UnauthenticatedError, UnavailableError
from domain.outbound.bodies import read_body
from domain.services.oidc import looks_like_jwt
from domain.settings import Settings

logger = logging.getLogger(__name__)

_DISCOVERY = "/.well-known/openid-configuration"
_KEPT = timedelta(minutes=10)
#: How long the issuer may take to connect, and between two parts of an answer; and for an answer in all.
_STEP_SECONDS, _ANSWER_SECONDS = 5.0, 10.0
_AWAY = "The identity provider does not answer at the moment. Try again in a minute."
_REFUSED = "The identity provider does not know this server as it should. The log of the server says more."
_STALE = "This sign-in took too long, or was used before. Sign in again."
_PLAIN = {"accept": "application/json", "accept-encoding": "identity"}
#: What can go wrong on the way to an answer of the issuer, and in reading it.
_FAILURES = (httpx.HTTPError, OSError, TimeoutError, zlib.error, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRules:
    """The client that this server is at the issuer."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: str

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the rules in the settings; None where the issuer is not for signing in.

        Raises:
            StartupError: a setting is missing.
        """
        if not settings.oidc_client_id:
            if settings.oidc_client_secret:
                raise StartupError("INCIDENTQL_OIDC_CLIENT_SECRET needs INCIDENTQL_OIDC_CLIENT_ID.")
            return None
        if not settings.oidc_issuer:
            raise StartupError("INCIDENTQL_OIDC_CLIENT_ID needs INCIDENTQL_OIDC_ISSUER, where people sign in.")
        return cls(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret or None,
            scopes=settings.oidc_scopes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The secrets of one sign-in, which its browser keeps from its beginning to its end."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def fresh(cls) -> Self:
        """Return an attempt with new secrets."""
        return cls(state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The digest of the verifier (RFC 7636, 4.2)."""
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class OidcSignIn:
    """The issuer, asked for where people sign in and for the tokens of those who did."""

    def __init__(self, rules: SignInRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._found: tuple[Mapping[str, Any], datetime] | None = None

    @property
    def issuer(self) -> str:
        """The issuer's name, which is its address."""
        return self._rules.issuer

    async def address(self, attempt: Attempt, *, redirect_uri: str) -> str:
        """Return the address at which a person signs in.

        Raises:
            UnavailableError: the issuer does not answer.
        """
        endpoint = (await self._discovered())["authorization_endpoint"]
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._rules.client_id,
                "redirect_uri": redirect_uri,
                "scope": self._rules.scopes,
                "state": attempt.state,
                "nonce": attempt.nonce,
                "code_challenge": attempt.challenge,
                "code_challenge_method": "S256",
            },
            quote_via=quote,
        )
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{query}"

    async def tokens(self, code: str, attempt: Attempt, *, redirect_uri: str) -> Sequence[str]:
        """Return the tokens that the issuer gives for a code, the id token first; none is verified yet but its nonce.

        Raises:
            UnauthenticatedError: the code is not valid, or of another sign-in.
            UnavailableError: the issuer does not answer, or refuses this server.
        """
        about = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        status, answer = await self._ask(about["token_endpoint"], form, self._authenticated(form, about))
        if status != httpx.codes.OK:
            raise _refusal(status, answer)
        tokens = [answer.get(name) for name in ("id_token", "access_token")]
        found = [token for token in tokens if isinstance(token, str) and looks_like_jwt(token)]
        if found and found[0] == answer.get("id_token") and _nonce(found[0]) != attempt.nonce:
            raise UnauthenticatedError(_STALE)
        return found

    def _authenticated(self, form: dict[str, str], about: Mapping[str, Any]) -> httpx.BasicAuth | None:
        """Return the credentials of this server for the issuer, or put them into the form where it wants them there."""
        client, secret = self._rules.client_id, self._rules.client_secret
        methods = about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is not None and "client_secret_basic" in methods:
            # Encoded as in a form, before all else (RFC 6749, 2.3.1).
            return httpx.BasicAuth(quote(client, safe=""), quote(secret, safe=""))
        form["client_id"] = client
        if secret is not None:
            form["client_secret"] = secret
        return None

    async def _discovered(self) -> Mapping[str, Any]:
        now = self._clock.now()
        if self._found is not None and timedelta() <= now - self._found[1] <= _KEPT:
            return self._found[0]
        status, about = await self._ask(self._rules.issuer.rstrip("/") + _DISCOVERY)
        problem = _problem_of(about, self._rules.issuer) if status == httpx.codes.OK else f"has the status {status}"
        if problem is not None:
            raise _away(ValueError(f"its discovery document {problem}"))
        self._found = about, now
        return about

    async def _ask(
        self, url: str, form: Mapping[str, str] | None = None, auth: httpx.BasicAuth | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Return the status and the JSON of an answer of the issuer; an empty object where a refusal has none."""
        try:
            tls = await asyncio.to_thread(lambda: self._tls)
            async with (
                asyncio.timeout(_ANSWER_SECONDS),
                httpx.AsyncClient(verify=tls, timeout=_STEP_SECONDS, auth=auth) as client,
                client.stream("GET" if form is None else "POST", url, data=form, headers=_PLAIN) as response,
            ):
                content, _ = await read_body(response)
            if response.is_server_error:
                raise ValueError(f"it answers with {response.status_code}")
            answer = _json(content, required=response.is_success)
        except _FAILURES as error:
            raise _away(error) from error
        return response.status_code, answer

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reading the certificates takes some 30 ms.
        return httpx.create_ssl_context()


def _problem_of(about: Mapping[str, Any], issuer: str) -> str | None:
    """Return why a discovery document is none of this issuer; None where it is one."""
    if about.get("issuer") != issuer:
        # OpenID Connect Discovery 1.0, 4.3: they must be the same.
        return f"is that of {about.get('issuer')!r:.200}"
    for name in ("authorization_endpoint", "token_endpoint"):
        if not str(about.get(name)).startswith(("http://", "https://")):
            return f"has no address as its {name}"
    return None


def _json(content: bytes, *, required: bool) -> Mapping[str, Any]:
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        if required:
            raise
        return {}
    if isinstance(answer, dict):
        return answer
    if required:
        raise TypeError("its answer is no object")
    return {}


def _away(error: Exception) -> UnavailableError:
    logger.warning("the OIDC issuer could not be asked: %s", str(error) or type(error).__name__)
    return UnavailableError(_AWAY, retry_after_seconds=60)


def _refusal(status: int, answer: Mapping[str, Any]) -> UnauthenticatedError | UnavailableError:
    reason = answer.get("error")
    if reason == "invalid_grant":
        return UnauthenticatedError(_STALE)
    logger.error("the OIDC issuer refuses this server: status %s, error %.80r", status, reason)
    return UnavailableError(_REFUSED, retry_after_seconds=60)


def _nonce(token: str) -> Any:
    """Return the nonce of an id token; who signed it is checked when it is used."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("nonce")
    except jwt.PyJWTError:
        return None
