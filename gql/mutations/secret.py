"""Mutations on secrets."""

from typing import Annotated

import strawberry
from strawberry.scalars import ID

from domain.model import secret as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.secret import CreateSecretInput, DeleteSecretInput, UpdateSecretInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_SECRETS
from gql.types.payloads import CreateSecretPayload, DeleteSecretPayload, UpdateSecretPayload
from gql.types.secret import Secret

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class SecretMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_SECRETS,
        description="Store a secret for automations, encrypted. Its value can be replaced, but never read.",
    )
    async def create_secret(self, info: Info, input: Annotated[CreateSecretInput, _INPUT]) -> CreateSecretPayload:
        async def call() -> Outcome[model.Secret]:
            return await info.context.domain.secrets.create(info.context.viewer, name=input.name, value=input.value)

        return await answer(info, CreateSecretPayload, call, lambda secret: {"secret": Secret.of(secret)})

    @strawberry.mutation(
        permission_classes=MANAGE_SECRETS,
        description="Replace a secret's value. Steps that begin from now on get the new one.",
    )
    async def update_secret(self, info: Info, input: Annotated[UpdateSecretInput, _INPUT]) -> UpdateSecretPayload:
        async def call() -> Outcome[model.Secret]:
            return await info.context.domain.secrets.replace(info.context.viewer, input.id, value=input.value)

        return await answer(info, UpdateSecretPayload, call, lambda secret: {"secret": Secret.of(secret)})

    @strawberry.mutation(
        permission_classes=MANAGE_SECRETS,
        description="Delete a secret for good. Steps that name it fail from now on.",
    )
    async def delete_secret(self, info: Info, input: Annotated[DeleteSecretInput, _INPUT]) -> DeleteSecretPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.secrets.delete(info.context.viewer, input.id)

        return await answer(info, DeleteSecretPayload, call, lambda gone: {"deleted_secret_id": ID(gone)})
