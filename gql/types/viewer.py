"""The caller."""

from typing import Self

import strawberry

from domain.model import viewer as model
from gql.types.actor import Actor
from gql.types.enums import Role, Visibility


@strawberry.type(description="Whoever is asking.")
class Viewer:
    actor: Actor = strawberry.field(description="Who changes made by this caller are put down to.")
    role: Role = strawberry.field(description="What the caller may do.")
    visibilities: list[Visibility] = strawberry.field(description="Which updates and links the caller may read.")

    @classmethod
    def of(cls, viewer: model.Viewer) -> Self:
        return cls(actor=Actor.of(viewer.actor), role=viewer.role, visibilities=list(viewer.audience.visibilities))
