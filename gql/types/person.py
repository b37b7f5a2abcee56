"""People and programs that incidents are assigned to."""

from typing import Self

import strawberry

from domain.model import actor as model
from gql.compiled.declarations import SHOWN
from gql.context import Info
from gql.types.enums import ActorType


@strawberry.type(
    description=(
        "A person, or a program with a token, that incidents can be assigned to. Only responders and admins see its "
        "identity."
    )
)
class Person:
    type: ActorType = strawberry.field(description="The kind of actor.")
    known: strawberry.Private[model.Actor]

    @classmethod
    def of(cls, person: model.Actor) -> Self:
        return cls(type=person.type, known=person)

    @strawberry.field(
        description="Its id, by which incidents are assigned and filtered; null for callers below RESPONDER.",
        metadata=SHOWN,
    )
    def id(self, info: Info) -> strawberry.ID | None:
        return strawberry.ID(self.known.id) if info.context.audience.sees_identities else None

    @strawberry.field(
        description="Its name; callers below RESPONDER get the kind of actor instead of a name that is an address.",
        metadata=SHOWN,
    )
    def name(self, info: Info) -> str | None:
        return self.known.name if info.context.audience.sees_identities else self.known.display_name
