"""Mutations on timelines."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.services.timeline import Written
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.incident import AddIncidentUpdateInput, DeleteIncidentUpdateInput, EditIncidentUpdateInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS
from gql.types.incident import Incident
from gql.types.payloads import AddIncidentUpdatePayload, DeleteIncidentUpdatePayload, EditIncidentUpdatePayload
from gql.types.timeline import IncidentUpdate

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class TimelineMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Add an entry to an incident's timeline, with or without a new status, now or at an earlier time.",
    )
    async def add_incident_update(
        self, info: Info, input: Annotated[AddIncidentUpdateInput, _INPUT]
    ) -> AddIncidentUpdatePayload:
        async def call() -> Outcome[Written]:
            return await info.context.domain.timeline.add(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        return await answer(info, AddIncidentUpdatePayload, call, _shown)

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description=(
            "Edit a timeline entry; its earlier version is kept. The incident's status and all its times are computed "
            "from its timeline in the order of dates. A correction of dates that keeps the status fires no trigger."
        ),
    )
    async def edit_incident_update(
        self, info: Info, input: Annotated[EditIncidentUpdateInput, _INPUT]
    ) -> EditIncidentUpdatePayload:
        async def call() -> Outcome[Written]:
            return await info.context.domain.timeline.edit(info.context.viewer, input.command())

        return await answer(info, EditIncidentUpdatePayload, call, _shown)

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Delete a timeline entry. The incident's status and times are computed again.",
    )
    async def delete_incident_update(
        self, info: Info, input: Annotated[DeleteIncidentUpdateInput, _INPUT]
    ) -> DeleteIncidentUpdatePayload:
        async def call() -> Outcome[Written]:
            return await info.context.domain.timeline.delete(
                info.context.viewer,
                update_id=input.id,
                incident_id=input.incident_id,
                expected_version=value_or_none(input.expected_version),
            )

        def show(written: Written) -> dict[str, Any]:
            return {"incident": _shown(written)["incident"], "deleted_update_id": ID(input.id)}

        return await answer(info, DeleteIncidentUpdatePayload, call, show)


def _shown(written: Written) -> dict[str, Any]:
    return {
        "incident": Incident.of(written.incident),
        "update": IncidentUpdate.of(written.update) if written.update else None,
    }
