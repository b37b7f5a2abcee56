"""Who acted, and why."""

from typing import Self

import strawberry

from domain.model import actor as model
from gql.context import Info
from gql.types.enums import ActorType


@strawberry.type(description="The party that made a change; who it is in particular is told to responders and admins.")
class Actor:
    type: ActorType = strawberry.field(description="What kind of party it is.")
    known: strawberry.Private[model.Actor]
    #: Whether it is the caller, who may know themselves.
    is_caller: strawberry.Private[bool] = False

    @classmethod
    def of(cls, actor: model.Actor, *, is_caller: bool = False) -> Self:
        return cls(type=actor.type, known=actor, is_caller=is_caller)

    @strawberry.field(
        description="Its id, such as that of the token it used; null for callers below RESPONDER, but of themselves."
    )
    def id(self, info: Info) -> str | None:
        return self.known.id if self._is_known(info) else None

    @strawberry.field(
        description="Its name; where that is an address, callers below RESPONDER get what kind of party it is instead."
    )
    def name(self, info: Info) -> str | None:
        return self.known.name if self._is_known(info) else self.known.display_name

    def _is_known(self, info: Info) -> bool:
        return self.is_caller or info.context.audience.sees_identities


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
