"""The authentication of callers by JSON Web Tokens of an OIDC issuer."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import jwt

from domain.clock import Clock
from domain.errors import StartupError, UnauthenticatedError
from domain.model.actor import Actor, ActorType
from domain.model.texts import NAME_LENGTH, as_line, is_line
from domain.model.viewer import Role, Viewer
from domain.services.jwks import IssuerKeys
from domain.settings import Settings

#: By the type of key, so that no key is used with an algorithm that it was not made for; none is symmetric (RFC 8725,
#: 3.1).
_ALGORITHMS = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
_LONGEST_TOKEN = 8192
#: The longest id that the columns of actors hold.
_LONGEST_SUBJECT = 190
#: How far the issuer's clock may be ahead of ours. It does not apply to expiry: a token that ends early is renewed.
_LEEWAY = timedelta(seconds=10)
_INVALID = "This token is not valid."


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcRules:
    """The rules for accepted tokens and the roles of their owners."""

    issuer: str
    audience: str
    jwks_url: str | None
    role_claim: str
    role_map: Mapping[str, Role]
    default_role: Role | None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the rules in the settings; None where no issuer is set.

        Raises:
            StartupError: a setting is missing or has no meaning.
        """
        if not settings.oidc_issuer:
            return None
        if not settings.oidc_audience:
            raise StartupError(
                "INCIDENTQL_OIDC_ISSUER needs INCIDENTQL_OIDC_AUDIENCE: whom its tokens must be meant for."
            )
        for url in (settings.oidc_issuer, settings.oidc_jwks_url):
            if url and not url.startswith(("http://", "https://")):
                raise StartupError(f"The OIDC issuer and its keys are web addresses, unlike {url!r}.")
        refused = settings.oidc_default_role.upper() in {"", "NONE"}
        return cls(
            issuer=settings.oidc_issuer,
            audience=settings.oidc_audience,
            jwks_url=settings.oidc_jwks_url or None,
            role_claim=settings.oidc_role_claim,
            role_map=_role_map(settings.oidc_role_map),
            default_role=None if refused else _role(settings.oidc_default_role, "INCIDENTQL_OIDC_DEFAULT_ROLE"),
        )

    def role_of(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the highest role in the claims, or the default role; None refuses the token."""
        given = [self.role_map[name] for name in _texts(_claim(claims, self.role_claim)) if name in self.role_map]
        return max(given, key=list(Role).index, default=self.default_role)


class OidcVerifier:
    """The verification of tokens that the issuer signed."""

    def __init__(self, rules: OidcRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._keys = IssuerKeys(issuer=rules.issuer, url=rules.jwks_url, clock=clock)

    async def viewer_of(self, token: str) -> Viewer:
        """Return the user that the token was issued to.

        Raises:
            UnauthenticatedError: it is forged, not meant for this server, not yet or no longer valid, or gives no role.
            UnavailableError: the keys of the issuer are not known, and cannot be fetched.
        """
        if len(token) > _LONGEST_TOKEN:
            raise UnauthenticatedError(_INVALID)
        claims = await self._verified(token)
        expires_at = self._checked_times(claims)
        subject = claims["sub"]
        if len(subject) > _LONGEST_SUBJECT or not is_line(subject):
            raise UnauthenticatedError(_INVALID)
        role = self._rules.role_of(claims)
        if role is None:
            raise UnauthenticatedError("This token gives its owner no role here.")
        actor = Actor(type=ActorType.USER, id=subject, name=_name(claims))
        return Viewer(actor=actor, role=role, expires_at=expires_at, issued_at=_issued_at(claims))

    async def _verified(self, token: str) -> Mapping[str, Any]:
        try:
            key = await self._keys.find(_key_id(token))
            allowed = _ALGORITHMS.get(key.key_type or "", ()) if key is not None else ()
            if key is None or not allowed:
                raise UnauthenticatedError(_INVALID)
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=allowed,
                audience=self._rules.audience,
                issuer=self._rules.issuer,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "enforce_minimum_key_length": True,
                    # Checked below, by the clock of this process.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(_INVALID) from error
        return claims

    def _checked_times(self, claims: Mapping[str, Any]) -> datetime:
        now = self._clock.now()
        expires_at = _moment(claims["exp"])
        if expires_at <= now:
            raise UnauthenticatedError("This token has expired.")
        if "nbf" in claims and _moment(claims["nbf"]) > now + _LEEWAY:
            raise UnauthenticatedError("This token is not valid yet.")
        return expires_at


def looks_like_jwt(secret: str) -> bool:
    """Return whether the text has the form of a JSON Web Token, which this server's own tokens never have."""
    return secret.startswith("eyJ") and secret.count(".") == 2  # noqa: PLR2004 - RFC 7515, 3.1


def _key_id(token: str) -> str | None:
    key_id = jwt.get_unverified_header(token).get("kid")
    return key_id if isinstance(key_id, str) else None


def _moment(seconds: Any) -> datetime:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise UnauthenticatedError(_INVALID)
    try:
        # Cut to milliseconds, as all moments here are.
        return datetime.fromtimestamp(math.floor(seconds * 1000) / 1000, UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise UnauthenticatedError(_INVALID) from error


def _issued_at(claims: Mapping[str, Any]) -> datetime | None:
    try:
        return _moment(claims.get("iat"))
    except UnauthenticatedError:
        # Nothing depends on it, unless its owner was forgotten.
        return None


def _name(claims: Mapping[str, Any]) -> str | None:
    for claim in ("name", "preferred_username", "email"):
        given = claims.get(claim)
        name = as_line(given, longest=NAME_LENGTH) if isinstance(given, str) else None
        if name is not None:
            return name
    return None


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return the claim of that name, or else the one at the dotted path; names may be URLs, which contain dots."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _texts(value: Any) -> Iterator[str]:
    yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))


def _role_map(text: str) -> Mapping[str, Role]:
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    if not pairs:
        roles = [role for role in Role if role is not Role.ANONYMOUS]
        return {name: role for role in roles for name in (role.value, role.name)}
    return {name.strip(): _role(role, "INCIDENTQL_OIDC_ROLE_MAP") for name, _, role in pairs}


def _role(text: str, setting: str) -> Role:
    try:
        role = Role(text.strip().lower())
    except ValueError:
        role = Role.ANONYMOUS
    if role is Role.ANONYMOUS:
        raise StartupError(f"{setting} names the role {text.strip()!r}; there are VIEWER, RESPONDER and ADMIN.")
    return role
