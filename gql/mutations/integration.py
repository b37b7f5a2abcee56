"""Mutations on integrations and their deliveries."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.model import integration as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.integration import (
    CreateIntegrationInput,
    DeleteIntegrationInput,
    ReplayDeliveryInput,
    RotateIntegrationTokenInput,
    UpdateIntegrationInput,
)
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INTEGRATIONS
from gql.types.integration import Integration, IntegrationDelivery
from gql.types.integration_payloads import (
    CreateIntegrationPayload,
    DeleteIntegrationPayload,
    ReplayDeliveryPayload,
    RotateIntegrationTokenPayload,
    UpdateIntegrationPayload,
)

_INPUT = strawberry.argument(description="The input of the mutation.")


def _with_token(made: tuple[model.Integration, str]) -> dict[str, Any]:
    integration, token = made
    return {"integration": Integration.of(integration), "token": token}


@strawberry.type
class IntegrationMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_INTEGRATIONS,
        description="Create an address for a monitor. Its token is shown in this payload only.",
    )
    async def create_integration(
        self, info: Info, input: Annotated[CreateIntegrationInput, _INPUT]
    ) -> CreateIntegrationPayload:
        async def call() -> Outcome[tuple[model.Integration, str]]:
            service = info.context.domain.integrations
            return await service.create(info.context.viewer, input.type, input.command())

        return await answer(info, CreateIntegrationPayload, call, _with_token)

    @strawberry.mutation(
        permission_classes=MANAGE_INTEGRATIONS,
        description="Change an integration. Deliveries are applied by it from now on, in other processes 2 s later.",
    )
    async def update_integration(
        self, info: Info, input: Annotated[UpdateIntegrationInput, _INPUT]
    ) -> UpdateIntegrationPayload:
        async def call() -> Outcome[model.Integration]:
            return await info.context.domain.integrations.update(info.context.viewer, input.id, input.command())

        return await answer(info, UpdateIntegrationPayload, call, lambda it: {"integration": Integration.of(it)})

    @strawberry.mutation(
        permission_classes=MANAGE_INTEGRATIONS,
        description="Replace the token of an integration. The former one is refused from now on.",
    )
    async def rotate_integration_token(
        self, info: Info, input: Annotated[RotateIntegrationTokenInput, _INPUT]
    ) -> RotateIntegrationTokenPayload:
        async def call() -> Outcome[tuple[model.Integration, str]]:
            return await info.context.domain.integrations.rotate(info.context.viewer, input.id)

        return await answer(info, RotateIntegrationTokenPayload, call, _with_token)

    @strawberry.mutation(
        permission_classes=MANAGE_INTEGRATIONS,
        description="Delete an integration with its deliveries. The incidents that it opened stay as they are.",
    )
    async def delete_integration(
        self, info: Info, input: Annotated[DeleteIntegrationInput, _INPUT]
    ) -> DeleteIntegrationPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.integrations.delete(info.context.viewer, input.id)

        return await answer(info, DeleteIntegrationPayload, call, lambda gone: {"deleted_integration_id": ID(gone)})

    @strawberry.mutation(
        permission_classes=MANAGE_INTEGRATIONS,
        description=(
            "Apply a delivery once more, as its integration is set up now. The rules are those of all deliveries: "
            "what is older than what is known changes nothing."
        ),
    )
    async def replay_delivery(self, info: Info, input: Annotated[ReplayDeliveryInput, _INPUT]) -> ReplayDeliveryPayload:
        async def call() -> Outcome[model.IntegrationDelivery]:
            return await info.context.domain.integrations.receiver.replay(input.id)

        return await answer(
            info, ReplayDeliveryPayload, call, lambda delivery: {"delivery": IntegrationDelivery.of(delivery)}
        )
