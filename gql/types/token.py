"""API tokens."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

import strawberry

from domain.model import token as model
from gql.compiled.declarations import LIST
from gql.context import Info
from gql.types.actor import Actor
from gql.types.enums import Role
from gql.types.node import Node
from gql.types.system import System


@strawberry.type(description="A token for a program. Its secret is shown once, by `createToken`, and not stored.")
class ApiToken(Node):
    name: str = strawberry.field(description="Its name, which its changes have as their actor.")
    role: Role = strawberry.field(description="The role of its holder.")
    created_at: datetime = strawberry.field(description="When it was created.")
    created_by: Actor | None = strawberry.field(
        description="The actor that created it; null where that was not recorded."
    )
    expires_at: datetime | None = strawberry.field(description="When it expires; null for never.")
    revoked_at: datetime | None = strawberry.field(
        description="When it was revoked; null for a token that is not revoked."
    )
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, accurate to a minute; null for an unused token."
    )
    system_ids: strawberry.Private[Collection[str] | None]

    @classmethod
    def of(cls, token: model.ApiToken) -> Self:
        return cls(
            id=strawberry.ID(token.id),
            name=token.name,
            role=token.role,
            created_at=token.created_at,
            created_by=Actor.of(token.created_by) if token.created_by else None,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            last_used_at=token.last_used_at,
            system_ids=token.systems,
        )

    @strawberry.field(
        description="The systems whose incidents and health it may write, at most 100, by id; null for all systems.",
        metadata=LIST,
    )
    async def systems(self, info: Info) -> list[System] | None:
        return await systems_within(info, self.system_ids)


async def systems_within(info: Info, system_ids: Collection[str] | None) -> list[System] | None:
    """Return the systems that a caller is limited to, without those deleted since."""
    if system_ids is None:
        return None
    systems = await info.context.loaders.systems.load_many(sorted(system_ids))
    return [System.of(system) for system in systems if system is not None]
