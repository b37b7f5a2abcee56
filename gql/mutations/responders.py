"""Mutations of responders: who has seen an incident."""

from typing import Annotated

import strawberry

from domain.model import incident as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.responders import AcknowledgeIncidentInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS
from gql.types.incident import Incident
from gql.types.payloads import AcknowledgeIncidentPayload

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
