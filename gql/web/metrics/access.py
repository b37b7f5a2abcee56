"""Access to metrics: for programs on this machine, or whoever has a token for it, as the settings say."""

import hmac
import ipaddress

from starlette.requests import Request

from domain.bootstrap import Domain
from domain.errors import UnauthenticatedError
from domain.model.viewer import ANONYMOUS, Role, Viewer
from domain.settings import Settings
from gql.requests.admission import address_of, admitted, overdrawn
from gql.requests.headers import mark_secret

_PAYER = "metrics"
_SCHEME = "bearer "
#: With any of these, somebody has passed the request on, for a client elsewhere.
_PASSED_ON = {"forwarded", "via", "x-real-ip", "origin"}
_PASSED_ON_PREFIX = "x-forwarded-"


async def admit(request: Request, domain: Domain) -> Viewer:
    """Return the caller, after charging them.

    Raises:
        UnauthenticatedError: they need a token, or it is not valid.
        ForbiddenError: their token is neither the one for metrics nor one of the role ADMIN.
        RefusalError: they are over their rate limit.
    """
    mark_secret(request.scope)
    settings = domain.settings
    if _is_open(request, settings) or _has_token(request, settings.metrics_token):
        # On its own account: what others spend at this address must not leave a monitor without its figures.
        refusal = overdrawn(await domain.buckets.spend(_PAYER, 1))
        if refusal is not None:
            raise refusal
        return ANONYMOUS
    if not request.headers.get("authorization"):
        raise UnauthenticatedError("Metrics need the token INCIDENTQL_METRICS_TOKEN, or one of the role ADMIN.")
    return await admitted(request, domain, role=Role.ADMIN, points=1)


def _is_open(request: Request, settings: Settings) -> bool:
    readers = settings.metrics.lower()
    if readers == "open":
        return True
    return readers == "local" and is_local(request, public_url=settings.public_url)


def is_local(request: Request, *, public_url: str | None) -> bool:
    """Return whether a program on this machine asks, and not a proxy on it for somebody else.

    A proxy need not say that it is one. So nothing counts as local where the server has a public address, where the
    request names another host, or where it comes as many a proxy sends it, by HTTP/1.0.
    """
    names = request.headers.keys()
    if any(name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIX) for name in names):
        return False
    if public_url is not None or request.scope.get("http_version") == "1.0":
        return False
    return _is_loopback(address_of(request)) and _is_loopback(request.url.hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _has_token(request: Request, token: str | None) -> bool:
    given = request.headers.get("authorization", "")
    if token is None or given[: len(_SCHEME)].lower() != _SCHEME:
        return False
    return hmac.compare_digest(given[len(_SCHEME) :].strip().encode(), token.encode())
