"""Subscriptions to figures."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from domain.model.counts import Counting, checked_groupings
from gql.context import Info
from gql.inputs.filters import IncidentFilter, hide_resolved, lasting_filter
from gql.inputs.grouping import Groupings, LabelKey, grouping
from gql.permissions import READ
from gql.types.metrics import IncidentCount


@strawberry.type
class CountSubscriptions:
    @strawberry.subscription(
        permission_classes=READ,
        description=(
            "What the query `incidentCounts` shows with the same arguments: at once, and then again whenever it became "
            "something else, whatever caused it. `extensions.cursor` has the place in the log that it is as of. There "
            "is nothing to resume: after a lost connection, the numbers of then come first. What groups show of other "
            "entities, such as the name of a system, is as of the message."
        ),
    )
    async def incident_counts(
        self,
        info: Info,
        filter: Annotated[
            IncidentFilter | None, strawberry.argument(description="Only incidents that match.")
        ] = strawberry.UNSET,
        group_by: Groupings = strawberry.UNSET,
        label_key: LabelKey = strawberry.UNSET,
    ) -> AsyncGenerator[list[IncidentCount], None]:
        context = info.context
        by = checked_groupings(grouping(group_by, label_key), context.audience)
        tree, named = await lasting_filter(context, filter)
        counting = Counting(tree=hide_resolved(filter, tree), by=by, named=named)
        async with aclosing(context.counted(counting)) as steps:
            async for step in steps:
                context.at_event(step.position)
                yield [IncidentCount.of(counted) for counted in step.counts]
