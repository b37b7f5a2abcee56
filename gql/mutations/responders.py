"""Mutations of responders: who has seen an incident, who is on it, and until when it is left alone."""

from typing import Annotated

import strawberry

from domain.model import incident as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.responders import AcknowledgeIncidentInput, AssignIncidentInput, SnoozeIncidentInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS
from gql.types.incident import Incident
from gql.types.payloads import AcknowledgeIncidentPayload, AssignIncidentPayload, SnoozeIncidentPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class ResponderMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description=(
            "Acknowledge an open incident: the caller has seen it. A second acknowledgement changes nothing, nor does "
            "that of a resolved incident. Reopening an incident clears its acknowledgement."
        ),
    )
    async def acknowledge_incident(
        self, info: Info, input: Annotated[AcknowledgeIncidentInput, _INPUT]
    ) -> AcknowledgeIncidentPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.responders.acknowledge(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(
            info, AcknowledgeIncidentPayload, call, lambda incident: {"incident": Incident.of(incident)}
        )

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description=(
            "Silence reminders of an open incident until a moment. Automations that remind of incidents read its "
            "`snoozedUntil`. A resolved incident stays as it is, and reopening one ends it."
        ),
    )
    async def snooze_incident(self, info: Info, input: Annotated[SnoozeIncidentInput, _INPUT]) -> SnoozeIncidentPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.responders.snooze(
                info.context.viewer, input.id, input.until, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, SnoozeIncidentPayload, call, lambda incident: {"incident": Incident.of(incident)})

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS, description="Name the person who leads an incident, and who takes part."
    )
    async def assign_incident(self, info: Info, input: Annotated[AssignIncidentInput, _INPUT]) -> AssignIncidentPayload:
        async def call() -> Outcome[model.Incident]:
            return await info.context.domain.responders.assign(info.context.viewer, input.command())

        return await answer(info, AssignIncidentPayload, call, lambda incident: {"incident": Incident.of(incident)})
