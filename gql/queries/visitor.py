"""Queries about subscriptions of visitors."""

import strawberry

from gql.context import Info
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_VISITORS
from gql.types.visitor import VisitorSubscription

_VISITORS = "visitors"


@strawberry.type
class VisitorQueries:
    @strawberry.field(
        permission_classes=SEE_VISITORS,
        description="All subscriptions of visitors of the status page, newest first; for admins.",
    )
    async def visitor_subscriptions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[VisitorSubscription] | None:
        service, cursors = info.context.domain.visitors.service, info.context.domain.reads.cursors
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments, cursors, _VISITORS, service.page, to_node=VisitorSubscription.of, count=service.count
        )
