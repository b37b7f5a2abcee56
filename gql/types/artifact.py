"""The artifacts of a run's steps."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.model import automation as model
from gql.types.copying import copied
from gql.types.node import Node


@strawberry.type(description="An artifact: a result that a step passed on, such as the incident that it opened.")
class Artifact(Node):
    type: str = strawberry.field(description="The name of its type, one of `artifactTypes`.")
    run_id: strawberry.ID = strawberry.field(description="The id of the run.")
    automation_id: strawberry.ID = strawberry.field(description="The id of the automation.")
    path: str = strawberry.field(description="The path of the step.")
    action_id: str = strawberry.field(description="The id that the definition gives the step.")
    data: JSON = strawberry.field(description="Its data, in the form of its type.")
    owned: bool = strawberry.field(
        description="Whether the automation may end the object that it names, because it created or adopted it."
    )
    context_key: str | None = strawberry.field(description="The object that the run was about.")
    created_at: datetime = strawberry.field(description="When it was created.")
    closed_at: datetime | None = strawberry.field(description="When the object that it names ended.")

    @classmethod
    def of(cls, artifact: model.Artifact) -> Self:
        return copied(cls, artifact)
