"""Actors and causes of changes."""

from typing import Self

import strawberry

from domain.model import actor as model
from gql.compiled.declarations import SHOWN
from gql.context import Info
from gql.types.enums import ActorType


@strawberry.type(description="The actor that made a change. Only responders and admins see its identity.")
class Actor:
    type: ActorType = strawberry.field(description="The kind of actor.")
    known: strawberry.Private[model.Actor]
    #: True where the actor is the caller, who may see their own identity.
    is_caller: strawberry.Private[bool] = False

    @classmethod
    def of(cls, actor: model.Actor, *, is_caller: bool = False) -> Self:
        return cls(type=actor.type, known=actor, is_caller=is_caller)

    @strawberry.field(
        description=(
            "Its id, such as that of its token; callers below RESPONDER get null for all actors but themselves."
        ),
        metadata=SHOWN,
    )
    def id(self, info: Info) -> str | None:
        return self.known.id if self._is_known(info) else None

    @strawberry.field(
        description="Its name; callers below RESPONDER get the kind of actor instead of a name that is an address.",
        metadata=SHOWN,
    )
    def name(self, info: Info) -> str | None:
        return self.known.name if self._is_known(info) else self.known.display_name

    def _is_known(self, info: Info) -> bool:
        return self.is_caller or info.context.audience.sees_identities


@strawberry.type(description="The cause of a change.")
class Cause:
    change_id: strawberry.ID | None = strawberry.field(description="The change that an automation reacted to.")
    run_id: strawberry.ID | None = strawberry.field(description="The automation's run that made this change.")
    depth: int = strawberry.field(
        description="The number of changes in the chain of causes, 0 for a caller's own change."
    )

    @classmethod
    def of(cls, cause: model.Cause) -> Self:
        return cls(
            change_id=strawberry.ID(cause.change_id) if cause.change_id else None,
            run_id=strawberry.ID(cause.run_id) if cause.run_id else None,
            depth=cause.depth,
        )
