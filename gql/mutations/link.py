"""Mutations on links."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.services.links import Linked
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.incident import (
    AddIncidentLinkInput,
    RemoveIncidentLinkInput,
    UpdateIncidentLinkInput,
)
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS
from gql.types.incident import Incident
from gql.types.link import IncidentLink
from gql.types.payloads import AddIncidentLinkPayload, RemoveIncidentLinkPayload, UpdateIncidentLinkPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class LinkMutations:
    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Add a link to an incident.")
    async def add_incident_link(
        self, info: Info, input: Annotated[AddIncidentLinkInput, _INPUT]
    ) -> AddIncidentLinkPayload:
        async def call() -> Outcome[Linked]:
            return await info.context.domain.links.add(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        return await answer(info, AddIncidentLinkPayload, call, _shown)

    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Change a link.")
    async def update_incident_link(
        self, info: Info, input: Annotated[UpdateIncidentLinkInput, _INPUT]
    ) -> UpdateIncidentLinkPayload:
        async def call() -> Outcome[Linked]:
            return await info.context.domain.links.update(info.context.viewer, input.command())

        return await answer(info, UpdateIncidentLinkPayload, call, _shown)

    @strawberry.mutation(permission_classes=MANAGE_INCIDENTS, description="Remove a link from an incident.")
    async def remove_incident_link(
        self, info: Info, input: Annotated[RemoveIncidentLinkInput, _INPUT]
    ) -> RemoveIncidentLinkPayload:
        async def call() -> Outcome[Linked]:
            return await info.context.domain.links.remove(
                info.context.viewer,
                link_id=input.id,
                incident_id=input.incident_id,
                expected_version=value_or_none(input.expected_version),
            )

        def show(linked: Linked) -> dict[str, Any]:
            return {"incident": _shown(linked)["incident"], "removed_link_id": ID(input.id)}

        return await answer(info, RemoveIncidentLinkPayload, call, show)


def _shown(linked: Linked) -> dict[str, Any]:
    return {
        "incident": Incident.of(linked.incident),
        "link": IncidentLink.of(linked.link) if linked.link else None,
    }
