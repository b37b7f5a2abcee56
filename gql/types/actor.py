"""Who acted, and why."""

from typing import Self

import strawberry

from domain.model import actor as model
from gql.types.enums import ActorType


@strawberry.type(description="The party that made a change.")
class Actor:
    type: ActorType = strawberry.field(description="What kind of party it is.")
    id: str = strawberry.field(description="Its id, such as that of the token it used.")
    name: str | None = strawberry.field(description="Its name.")

    @classmethod
    def of(cls, actor: model.Actor) -> Self:
        return cls(type=actor.type, id=actor.id, name=actor.name)


@strawberry.type(description="What led to a change.")
class Cause:
    change_id: strawberry.ID | None = strawberry.field(description="The change that an automation reacted to.")
    run_id: strawberry.ID | None = strawberry.field(description="The automation's run that made this change.")
    depth: int = strawberry.field(description="How many changes led to this one, 0 for a caller's own.")

    @classmethod
    def of(cls, cause: model.Cause) -> Self:
        return cls(
            change_id=strawberry.ID(cause.change_id) if cause.change_id else None,
            run_id=strawberry.ID(cause.run_id) if cause.run_id else None,
            depth=cause.depth,
        )
