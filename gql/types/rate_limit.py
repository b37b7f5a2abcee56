"""The rate limit of a caller."""

from datetime import datetime
from typing import Self

import strawberry

from domain.messaging.buckets import Allowance


@strawberry.type(description="The caller's rate limit: points a minute, refilled evenly.")
class RateLimit:
    limit: int = strawberry.field(description="The points a minute.")
    remaining: int = strawberry.field(description="The points left after this operation.")
    used: int = strawberry.field(description="The points spent and not refilled yet.")
    reset_at: datetime = strawberry.field(description="When all points are refilled, if no more are spent.")
    cost: int = strawberry.field(description="The cost of this operation, as in `extensions.cost.requested`.")

    @classmethod
    def of(cls, allowance: Allowance, *, cost: int) -> Self:
        return cls(
            limit=allowance.limit,
            remaining=allowance.remaining,
            used=allowance.limit - allowance.remaining,
            reset_at=allowance.reset_at,
            cost=cost,
        )
