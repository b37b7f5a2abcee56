"""Inputs of the mutations on API tokens."""

from datetime import datetime

import strawberry

from domain.model.commands import CreateToken
from gql.inputs.given import value_or_none
from gql.types.enums import Role


@strawberry.input(
    description="A token to create. There is no idempotency key, because its payload, a secret, is not stored."
)
class CreateTokenInput:
    name: str = strawberry.field(description="Its name, 1 to 200 characters in one line.")
    role: Role = strawberry.field(description="The role of its holder: VIEWER, RESPONDER or ADMIN.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it expires, in the future; by default never."
    )
    system_ids: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description=("The systems, by id or key, whose incidents and health it may write, 1 to 100; by default all."),
    )

    def command(self) -> CreateToken:
        return CreateToken(
            name=self.name,
            role=self.role,
            expires_at=value_or_none(self.expires_at),
            systems=value_or_none(self.system_ids),
        )


@strawberry.input(description="A token to revoke.")
class RevokeTokenInput:
    id: strawberry.ID = strawberry.field(description="Its id, not its secret.")
