"""The catalog of triggers."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.entities import triggers as model


@strawberry.type(description="A trigger: a kind of event of incidents and systems.")
class Trigger:
    name: str = strawberry.field(description="Its name in definitions and events, such as `incident.created`.")
    display_name: str = strawberry.field(description="Its display name.")
    description: str = strawberry.field(description="When it fires.")
    category: str = strawberry.field(description="The category that it is listed under.")
    icon: str = strawberry.field(description="The name of its icon.")
    payload_schema: JSON = strawberry.field(description="The JSON Schema of its payload.")
    config_schema: JSON | None = strawberry.field(
        description="The JSON Schema of its settings in an automation; null for one without settings."
    )
    context_key: str = strawberry.field(
        description="The payload field that identifies the object; empty where there is none."
    )

    @classmethod
    def of(cls, trigger: model.Trigger) -> Self:
        return cls(
            name=trigger.id,
            display_name=trigger.display_name,
            description=trigger.description,
            category=trigger.category,
            icon=trigger.icon,
            payload_schema=JSON(trigger.payload_schema),
            config_schema=JSON(trigger.config_schema) if trigger.config_schema is not None else None,
            context_key=trigger.context_key,
        )
