"""The catalog of triggers."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.entities import triggers as model


@strawberry.type(description="A kind of event that incidents and systems give rise to.")
class Trigger:
    name: str = strawberry.field(description="What definitions and events call it, such as `incident.created`.")
    display_name: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="When it fires.")
    category: str = strawberry.field(description="What it is listed under.")
    icon: str = strawberry.field(description="The name of an icon that stands for it.")
    payload_schema: JSON = strawberry.field(description="The JSON Schema of its payload.")
    config_schema: JSON | None = strawberry.field(
        description="The JSON Schema of the settings that an automation gives it; null for one that has none."
    )
    context_key: str = strawberry.field(
        description="The payload field that tells different things apart; empty where none does."
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
