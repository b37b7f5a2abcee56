"""The tokens of deliveries: in the header `Authorization`, in the address, or in the body of an event."""

from starlette.requests import Request

from domain.bootstrap import Domain
from domain.errors import UnauthenticatedError
from domain.model.integration import Integration
from domain.model.viewer import ANONYMOUS, Viewer
from gql.requests.admission import address_of, overdrawn, payer_of

_SCHEMES = ("bearer ", "token ")
#: The cost of a delivery, in points of the rate limit.
_POINTS = 10


def token_of(request: Request) -> str | None:
    """Return the token of a delivery; None where neither a header nor the address has one.

    What is in the address is in no log of this server: it logs no addresses. Those of a proxy may.
    """
    given = request.headers.get("authorization", "").strip()
    for scheme in _SCHEMES:
        if given.lower().startswith(scheme):
            return given[len(scheme) :].strip()
    return request.query_params.get("token")


async def integration_of(request: Request, domain: Domain, token: str | None) -> Integration:
    """Return the integration of a token, after charging it; who has no valid token pays by address.

    Raises:
        UnauthenticatedError: there is no integration with that token.
        RefusalError: the integration, or the address, is over its rate limit.
    """
    integration = await domain.integrations.with_token(token) if token else None
    payer = payer_of(ANONYMOUS, address_of(request)) if integration is None else integration.id
    refusal = overdrawn(await domain.buckets.spend(payer, _POINTS))
    if refusal is not None:
        raise refusal
    if integration is None:
        raise UnauthenticatedError(
            "This needs the token of an integration: send the header `Authorization: Bearer <token>`, or append "
            "`?token=<token>` to the address."
        )
    return integration


async def admit_by_token(request: Request, domain: Domain) -> Viewer:
    """Return the caller that sends deliveries with the token of an integration.

    Raises:
        UnauthenticatedError, RefusalError
    """
    return (await integration_of(request, domain, token_of(request))).viewer


async def admit_by_body(_request: Request, _domain: Domain) -> Viewer:
    """Return the anonymous caller: the token is in a body that is yet to be read, and is charged then."""
    return ANONYMOUS
