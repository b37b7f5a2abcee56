"""Queries for figures about incidents."""

from typing import Annotated

import strawberry

from gql.context import Info
from gql.inputs.filters import IncidentFilter, filter_tree, hide_resolved
from gql.inputs.given import value_or_none
from gql.types.enums import Grouping
from gql.types.metrics import IncidentCount

GroupBy = Annotated[
    list[Grouping] | None,
    strawberry.argument(description="The properties to group by; without any, all are one group."),
]


@strawberry.type
class MetricsQueries:
    @strawberry.field(
        description=(
            "The number of incidents that match, in one group or several: the worst severity and the earliest status "
            "first, those without a system last. Groups without an incident are left out. Resolved ones are hidden "
            "unless the filter asks for them, as in `incidents`. At most 1,000 groups."
        )
    )
    async def incident_counts(
        self,
        info: Info,
        filter: Annotated[
            IncidentFilter | None, strawberry.argument(description="Only incidents that match.")
        ] = strawberry.UNSET,
        group_by: GroupBy = strawberry.UNSET,
    ) -> list[IncidentCount] | None:
        context = info.context
        tree = hide_resolved(filter, await filter_tree(context, filter))
        found = await context.domain.metrics.counts(tree, context.audience, value_or_none(group_by) or [])
        return [IncidentCount.of(counted) for counted in found]
