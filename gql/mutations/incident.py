"""Mutations on incidents."""

from typing import Annotated

import strawberry
from strawberry.scalars import ID

from domain.model import incident as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.incident import (
    CreateIncidentInput,
    DeleteIncidentInput,
    DeleteIncidentsInput,
    ResolveIncidentInput,
    ResolveIncidentsInput,
    SetIncidentLabelsInput,
    UpdateIncidentInput,
)
from gql.mutations.answers import answer
from gql.mutations.bulk import Bulk
from gql.permissions import MANAGE_INCIDENTS
from gql.types.enums import Visibility
from gql.types.incident import Incident
from gql.types.payloads import (
    CreateIncidentPayload,
    DeleteIncidentPayload,
    DeleteIncidentsPayload,
    ResolveIncidentPayload,
    ResolveIncidentsPayload,
    SetIncidentLabelsPayload,
    UpdateIncidentPayload,
)

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class IncidentMutations:
    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Open an incident.")
    async def create_incident(self, info: Info, input: Annotated[CreateIncidentInput, _INPUT]) -> CreateIncidentPayload:
        context = info.context
        return await answer(
            info,
            CreateIncidentPayload,
            lambda: context.domain.incidents.create(
                context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            ),
            lambda opened: {"incident": Incident.of(opened.incident), "reused": opened.reused},
        )

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Change fields of an incident. Its status is changed by `addIncidentUpdate` and `resolveIncident`.",
    )
    async def update_incident(self, info: Info, input: Annotated[UpdateIncidentInput, _INPUT]) -> UpdateIncidentPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.incidents.update(info.context.viewer, input.command())

        return await answer(info, UpdateIncidentPayload, call, lambda incident: {"incident": Incident.of(incident)})

    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Set or remove labels of an incident.")
    async def set_incident_labels(
        self, info: Info, input: Annotated[SetIncidentLabelsInput, _INPUT]
    ) -> SetIncidentLabelsPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.labels.set(info.context.viewer, input.command())

        return await answer(info, SetIncidentLabelsPayload, call, lambda incident: {"incident": Incident.of(incident)})

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Resolve an incident. A resolved one keeps its status and times; a message becomes a comment.",
    )
    async def resolve_incident(
        self, info: Info, input: Annotated[ResolveIncidentInput, _INPUT]
    ) -> ResolveIncidentPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.incidents.resolve(
                info.context.viewer,
                input.id,
                message=value_or_none(input.message),
                resolved_at=value_or_none(input.resolved_at),
                visibility=value_or_none(input.visibility) or Visibility.PUBLIC,
                expected_version=value_or_none(input.expected_version),
            )

        return await answer(info, ResolveIncidentPayload, call, lambda incident: {"incident": Incident.of(incident)})

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS, description="Delete an incident with its timeline and links for good."
    )
    async def delete_incident(self, info: Info, input: Annotated[DeleteIncidentInput, _INPUT]) -> DeleteIncidentPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.incidents.delete(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, DeleteIncidentPayload, call, lambda gone: {"deleted_incident_id": ID(gone)})

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Resolve up to 100 incidents. Each succeeds or fails by itself.",
    )
    async def resolve_incidents(
        self, info: Info, input: Annotated[ResolveIncidentsInput, _INPUT]
    ) -> ResolveIncidentsPayload:
        bulk = Bulk(info.context, input.ids)

        async def call() -> Outcome[None]:
            await info.context.domain.bulk.resolve(
                info.context.viewer, input.ids, message=value_or_none(input.message), done=bulk.note
            )
            return bulk.outcome()

        return await answer(info, ResolveIncidentsPayload, call, bulk.show)

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Delete up to 100 incidents. Each succeeds or fails by itself.",
    )
    async def delete_incidents(
        self, info: Info, input: Annotated[DeleteIncidentsInput, _INPUT]
    ) -> DeleteIncidentsPayload:
        bulk = Bulk(info.context, input.ids)

        async def call() -> Outcome[None]:
            await info.context.domain.bulk.delete(info.context.viewer, input.ids, done=bulk.note)
            return bulk.outcome()

        return await answer(info, DeleteIncidentsPayload, call, bulk.show)
