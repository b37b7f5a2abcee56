"""Queries about the limits that the caller meets."""

import strawberry

from gql.context import Info
from gql.types.rate_limit import RateLimit


@strawberry.type
class LimitQueries:
    @strawberry.field(description="What the caller may still spend; null where callers are not limited.")
    async def rate_limit(self, info: Info) -> RateLimit | None:
        allowance = info.context.allowance
        return None if allowance is None else RateLimit.of(allowance, cost=info.context.cost)
