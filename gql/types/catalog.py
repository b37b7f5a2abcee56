"""The catalogs of actions and of artifacts."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.automations.actions import registry as model


@strawberry.type(description="An action for automations.")
class Action:
    name: str = strawberry.field(description="Its name in definitions, such as `incident.create`.")
    display_name: str = strawberry.field(description="Its display name.")
    description: str = strawberry.field(description="Its effect.")
    category: str = strawberry.field(description="The category that it is listed under.")
    icon: str = strawberry.field(description="The name of its icon.")
    config_schema: JSON = strawberry.field(description="The JSON Schema of its settings.")
    output_schema: JSON | None = strawberry.field(
        description="The JSON Schema of `steps.<id>.output` after it; null where that is not known."
    )
    produces: str | None = strawberry.field(description="The type of artifact that it produces; null for none.")
    consumes: list[str] = strawberry.field(
        description="The types of artifacts that it consumes from earlier steps; a handful at most."
    )

    @classmethod
    def of(cls, action: model.ActionType) -> Self:
        return cls(
            name=action.id,
            display_name=action.display_name,
            description=action.description,
            category=action.category,
            icon=action.icon,
            config_schema=JSON(action.config_schema),
            output_schema=None if action.output_schema is None else JSON(action.output_schema),
            produces=action.produces or None,
            consumes=list(action.consumes),
        )


@strawberry.type(description="A type of artifact: a result that an action passes to later steps and runs.")
class ArtifactType:
    name: str = strawberry.field(description="Its name in definitions and artifacts, such as `incident.incident`.")
    display_name: str = strawberry.field(description="Its display name.")
    description: str = strawberry.field(description="Its meaning.")
    data_schema: JSON = strawberry.field(description="The JSON Schema of its data.")

    @classmethod
    def of(cls, artifact: model.ArtifactType) -> Self:
        return cls(
            name=artifact.id,
            display_name=artifact.display_name,
            description=artifact.description,
            data_schema=JSON(artifact.data_schema),
        )
