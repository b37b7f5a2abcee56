"""Ready-made automations, as they can be installed."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.automations.definitions import templates as model


@strawberry.type(description="A ready-made automation, to be installed with parameters of one's own.")
class AutomationTemplate:
    name: str = strawberry.field(description="What `installAutomation` calls it, such as `sustained`.")
    display_name: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it does.")
    icon: str = strawberry.field(description="The name of an icon that stands for it.")
    parameters_schema: JSON = strawberry.field(description="The JSON Schema of its parameters.")

    @classmethod
    def of(cls, template: model.Template) -> Self:
        return cls(
            name=template.id,
            display_name=template.display_name,
            description=template.description,
            icon=template.icon,
            parameters_schema=JSON(template.parameters_schema),
        )
