"""The query for the caller's rate limit."""

import strawberry

from gql.context import Info
from gql.types.rate_limit import RateLimit


@strawberry.type
class RateLimitQueries:
    @strawberry.field(description="The caller's rate limit; null where there is none.")
    async def rate_limit(self, info: Info) -> RateLimit | None:
        allowance = info.context.allowance
        return None if allowance is None else RateLimit.of(allowance, cost=info.context.cost)
