"""Authentication and rate limits, the same for every operation and every route."""

from starlette.requests import HTTPConnection

from domain.bootstrap import Domain
from domain.messaging.buckets import Allowance
from domain.model.viewer import Role, Viewer
from gql.requests.addresses import network_of
from gql.requests.statuses import HttpOutcome, RefusalError

#: Callers without a token are distinguished by address.
BY_ADDRESS = "address:"


async def viewer_of(connection: HTTPConnection, domain: Domain) -> Viewer:
    """Return the caller behind the `Authorization` of a request; the anonymous one where there is none.

    Raises:
        UnauthenticatedError: the token is not valid, or it is missing and the server needs one.
    """
    return await domain.tokens.viewer_of(connection.headers.get("authorization"))


def address_of(connection: HTTPConnection) -> str:
    """Return the address that a request comes from; empty where it is unknown."""
    return connection.client.host if connection.client is not None else ""


def payer_of(viewer: Viewer, address: str) -> str:
    """Return the name that a caller is charged under: the token, else the address."""
    return f"{BY_ADDRESS}{network_of(address)}" if viewer.role is Role.ANONYMOUS else viewer.actor.id


def overdrawn(allowance: Allowance | None) -> RefusalError | None:
    """Return the refusal of a caller over their rate limit; None for all others."""
    if allowance is None or allowance.retry_after_seconds is None:
        return None
    seconds = allowance.retry_after_seconds
    return RefusalError(
        HttpOutcome.RATE_LIMITED,
        f"You have spent your {allowance.limit} points a minute. Try again in {seconds} s.",
        code="RATE_LIMITED",
        headers={"retry-after": str(seconds)},
        extensions={"retryAfterSeconds": seconds},
    )


async def charged(connection: HTTPConnection, domain: Domain, viewer: Viewer, *, points: int) -> None:
    """Charge a caller.

    Raises:
        RefusalError: they are over their rate limit.
    """
    refusal = overdrawn(await domain.buckets.spend(payer_of(viewer, address_of(connection)), points))
    if refusal is not None:
        raise refusal


async def admitted(connection: HTTPConnection, domain: Domain, *, role: Role, points: int) -> Viewer:
    """Return the caller, after charging them and checking that their role includes the needed one.

    Raises:
        UnauthenticatedError, ForbiddenError
        RefusalError: the caller is over their rate limit.
    """
    viewer = await viewer_of(connection, domain)
    await charged(connection, domain, viewer, points=points)
    viewer.require(role)
    return viewer
