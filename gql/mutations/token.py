"""Mutations on API tokens."""

from typing import Annotated, Any

import strawberry

from domain.model import token as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.token import CreateTokenInput, RevokeTokenInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_TOKENS
from gql.types.payloads import CreateTokenPayload, RevokeTokenPayload
from gql.types.token import ApiToken

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class TokenMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_TOKENS,
        description="Create an API token. Its secret is shown in this payload only.",
    )
    async def create_token(self, info: Info, input: Annotated[CreateTokenInput, _INPUT]) -> CreateTokenPayload:
        async def call() -> Outcome[tuple[model.ApiToken, str]]:
            return await info.context.domain.tokens.create(info.context.viewer, input.command())

        def show(made: tuple[model.ApiToken, str]) -> dict[str, Any]:
            token, secret = made
            return {"token": ApiToken.of(token), "secret": secret}

        return await answer(info, CreateTokenPayload, call, show)

    @strawberry.mutation(
        permission_classes=MANAGE_TOKENS,
        description=(
            "Revoke an API token for good, and end all streams that use it. A revoked token stays as it is. The last "
            "admin token cannot be revoked."
        ),
    )
    async def revoke_token(self, info: Info, input: Annotated[RevokeTokenInput, _INPUT]) -> RevokeTokenPayload:
        async def call() -> Outcome[model.ApiToken]:
            return await info.context.domain.tokens.revoke(info.context.viewer, input.id)

        return await answer(info, RevokeTokenPayload, call, lambda token: {"token": ApiToken.of(token)})
