"""Queries for figures about incidents."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.context import Info
from gql.inputs.filters import IncidentFilter, filter_tree, hide_resolved
from gql.inputs.given import value_or_none
from gql.inputs.grouping import Groupings, LabelKey, grouping
from gql.types.enums import TimeBucket
from gql.types.metrics import IncidentCount, IncidentMetrics


@strawberry.type
class MetricsQueries:
    @strawberry.field(
        description=(
            "The number of incidents that match, in one group or several: the worst severity and the earliest status "
            "first, those without a system or label last. Groups without an incident are left out. Resolved ones are "
            "hidden unless the filter asks for them, as in `incidents`. At most 1,000 groups."
        )
    )
    async def incident_counts(
        self,
        info: Info,
        filter: Annotated[
            IncidentFilter | None, strawberry.argument(description="Only incidents that match.")
        ] = strawberry.UNSET,
        group_by: Groupings = strawberry.UNSET,
        label_key: LabelKey = strawberry.UNSET,
    ) -> list[IncidentCount] | None:
        context = info.context
        tree = hide_resolved(filter, await filter_tree(context, filter))
        found = await context.domain.metrics.counts(tree, context.audience, grouping(group_by, label_key))
        return [IncidentCount.of(counted) for counted in found]

    @strawberry.field(
        description=(
            "Metrics of the incidents that match as they are now, resolved ones included, from a moment until right "
            "before another one: one series for each group, in the order of `incidentCounts`. They count by the dates "
            "of timelines, so a correction of these shows. At most 1,000 points in all series together."
        )
    )
    async def incident_metrics(
        self,
        info: Info,
        start: Annotated[datetime, strawberry.argument(name="from", description="When the time begins.")],
        end: Annotated[datetime, strawberry.argument(name="to", description="When the time ends.")],
        filter: Annotated[
            IncidentFilter | None,
            strawberry.argument(description="Only incidents that match; `includeResolved` makes no difference."),
        ] = strawberry.UNSET,
        bucket: Annotated[
            TimeBucket | None,
            strawberry.argument(
                description="The length of time of each point, the first and the last cut; without it one point."
            ),
        ] = strawberry.UNSET,
        group_by: Groupings = strawberry.UNSET,
        label_key: LabelKey = strawberry.UNSET,
    ) -> list[IncidentMetrics] | None:
        context = info.context
        found = await context.domain.metrics.metrics(
            await filter_tree(context, filter),
            context.audience,
            start=start,
            end=end,
            bucket=value_or_none(bucket),
            by=grouping(group_by, label_key),
        )
        return [IncidentMetrics.of(metrics) for metrics in found]
