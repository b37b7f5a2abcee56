"""The query about causes and effects."""

from typing import Annotated

import strawberry

from gql.context import Info
from gql.inputs.given import value_or_none
from gql.permissions import MANAGE_INCIDENTS
from gql.types.explanation import Explanation


@strawberry.type
class ExplanationQueries:
    @strawberry.field(
        permission_classes=MANAGE_INCIDENTS,
        description="The causes and effects of a change, a run or an incident. For responders.",
    )
    async def explain(
        self,
        info: Info,
        change_id: Annotated[strawberry.ID | None, strawberry.argument(description="A change.")] = strawberry.UNSET,
        run_id: Annotated[strawberry.ID | None, strawberry.argument(description="A run.")] = strawberry.UNSET,
        incident_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="An incident: its newest 100 changes.")
        ] = strawberry.UNSET,
    ) -> Explanation | None:
        explained = await info.context.domain.automations.explanations.explain(
            change_id=value_or_none(change_id), run_id=value_or_none(run_id), incident_id=value_or_none(incident_id)
        )
        return Explanation.of(explained)
