"""The catalog of what definitions may name beside triggers: actions, and what they hand on."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.automations.actions import registry as model


@strawberry.type(description="A kind of action that automations do.")
class Action:
    name: str = strawberry.field(description="What definitions call it, such as `incident.create`.")
    display_name: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it does.")
    category: str = strawberry.field(description="What it is listed under.")
    icon: str = strawberry.field(description="The name of an icon that stands for it.")
    config_schema: JSON = strawberry.field(description="The JSON Schema of its settings.")
    produces: str | None = strawberry.field(
        description="The name of the type of artifact that it hands on; null for one that hands on none."
    )
    consumes: list[str] = strawberry.field(
        description="The names of the types of artifacts that it takes over from earlier steps; a handful at most."
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
            produces=action.produces or None,
            consumes=list(action.consumes),
        )


@strawberry.type(description="A kind of artifact: something that an action hands on to later steps and runs.")
class ArtifactType:
    name: str = strawberry.field(description="What artifacts and definitions call it, such as `incident.incident`.")
    display_name: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it stands for.")
    data_schema: JSON = strawberry.field(description="The JSON Schema of its data.")

    @classmethod
    def of(cls, artifact: model.ArtifactType) -> Self:
        return cls(
            name=artifact.id,
            display_name=artifact.display_name,
            description=artifact.description,
            data_schema=JSON(artifact.data_schema),
        )
