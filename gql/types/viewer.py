"""The caller."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

import strawberry

from domain.model import viewer as model
from gql.context import Info
from gql.types.actor import Actor
from gql.types.enums import Role, Visibility
from gql.types.person import Person
from gql.types.system import System
from gql.types.token import systems_within


@strawberry.type(description="The caller.")
class Viewer:
    actor: Actor = strawberry.field(description="The actor of this caller's changes.")
    role: Role = strawberry.field(description="The caller's role.")
    visibilities: list[Visibility] = strawberry.field(
        description="The visibilities of updates and links that the caller may read."
    )
    expires_at: datetime | None = strawberry.field(
        description="When the caller's token expires and their streams end; null for never."
    )
    system_ids: strawberry.Private[Collection[str] | None]

    @classmethod
    def of(cls, viewer: model.Viewer) -> Self:
        return cls(
            actor=Actor.of(viewer.actor, is_caller=True),
            role=viewer.role,
            visibilities=list(viewer.audience.visibilities),
            expires_at=viewer.expires_at,
            system_ids=viewer.systems,
        )

    @strawberry.field(
        description="The systems whose incidents and health the caller may write, at most 100, by id; null for all."
    )
    async def systems(self, info: Info) -> list[System] | None:
        return await systems_within(info, self.system_ids)

    @strawberry.field(
        description="The caller as a person that incidents can be assigned to; null until they are known."
    )
    async def person(self, info: Info) -> Person | None:
        found = await info.context.domain.reads.person_of(self.actor.known)
        return Person.of(found.actor) if found else None
