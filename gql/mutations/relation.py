"""Mutations on relations between incidents."""

from typing import Annotated, Any

import strawberry

from domain.services.relations import Related
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.relation import MergeIncidentInput, RelateIncidentsInput, UnrelateIncidentsInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS
from gql.types.incident import Incident, IncidentRelation
from gql.types.payloads import MergeIncidentPayload, RelateIncidentsPayload, UnrelateIncidentsPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class RelationMutations:
    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Relate an incident to another.")
    async def relate_incidents(
        self, info: Info, input: Annotated[RelateIncidentsInput, _INPUT]
    ) -> RelateIncidentsPayload:
        async def call() -> Outcome[Related]:
            return await info.context.domain.relations.relate(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        def show(related: Related) -> dict[str, Any]:
            shown = None if related.relation is None else IncidentRelation.of(related.relation)
            return {**_shown(related), "relation": shown}

        return await answer(info, RelateIncidentsPayload, call, show)

    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Take a relation away from both incidents.")
    async def unrelate_incidents(
        self, info: Info, input: Annotated[UnrelateIncidentsInput, _INPUT]
    ) -> UnrelateIncidentsPayload:
        async def call() -> Outcome[Related]:
            return await info.context.domain.relations.unrelate(info.context.viewer, input.command())

        return await answer(info, UnrelateIncidentsPayload, call, _shown)

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Resolve an incident as a duplicate of another. One that is its duplicate already stays as it is.",
    )
    async def merge_incident(self, info: Info, input: Annotated[MergeIncidentInput, _INPUT]) -> MergeIncidentPayload:
        async def call() -> Outcome[Related]:
            return await info.context.domain.relations.merge(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        def show(related: Related) -> dict[str, Any]:
            return {"incident": Incident.of(related.incident), "into": Incident.of(related.other)}

        return await answer(info, MergeIncidentPayload, call, show)


def _shown(related: Related) -> dict[str, Any]:
    return {"incident": Incident.of(related.incident), "other": Incident.of(related.other)}
