"""The rate limit of attempts to sign in."""

import math

from starlette.requests import Request

from domain.bootstrap import Domain
from domain.model.viewer import ANONYMOUS, Viewer
from gql.requests.admission import address_of, overdrawn, payer_of

#: How many attempts one address has in a minute.
_A_MINUTE = 60


async def admit_attempt(request: Request, domain: Domain) -> Viewer:
    """Return the anonymous caller, after charging their address: a minute's rate limit is worth 60 attempts.

    A bucket of its own: whoever reads much from an address may still sign in there, and guesses cost no reader
    anything. It is charged before a token is looked at, so that a guess over the limit learns nothing.

    Raises:
        RefusalError: the address is over its limit.
    """
    points = math.ceil(domain.settings.rate_limit / _A_MINUTE)
    refusal = overdrawn(await domain.buckets.spend(f"sign-in:{payer_of(ANONYMOUS, address_of(request))}", points))
    if refusal is not None:
        raise refusal
    return ANONYMOUS


async def admit_look(request: Request, domain: Domain) -> Viewer:
    """Return the anonymous caller, after charging their address for a look at their session.

    Raises:
        RefusalError: the address is over its limit.
    """
    refusal = overdrawn(await domain.buckets.spend(payer_of(ANONYMOUS, address_of(request)), 1))
    if refusal is not None:
        raise refusal
    return ANONYMOUS
