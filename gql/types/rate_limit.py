"""What a caller may still spend."""

from datetime import datetime
from typing import Self

import strawberry

from domain.messaging.buckets import Allowance


@strawberry.type(description="What the caller may spend: a minute's points, filled up evenly.")
class RateLimit:
    limit: int = strawberry.field(description="How many points of cost a minute has.")
    remaining: int = strawberry.field(description="How many are left, this operation paid.")
    used: int = strawberry.field(description="How many are spent and not filled up again yet.")
    reset_at: datetime = strawberry.field(description="When all of them are there again, if nothing else is spent.")
    cost: int = strawberry.field(description="What this operation costs, as in `extensions.cost.requested`.")

    @classmethod
    def of(cls, allowance: Allowance, *, cost: int) -> Self:
        return cls(
            limit=allowance.limit,
            remaining=allowance.remaining,
            used=allowance.limit - allowance.remaining,
            reset_at=allowance.reset_at,
            cost=cost,
        )
