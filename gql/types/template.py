"""Ready-made automations to install."""

from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.automations.definitions import templates as model


@strawberry.type(description="A ready-made automation, to be installed with parameters.")
class AutomationTemplate:
    name: str = strawberry.field(description="Its name for `installAutomation`, such as `sustained`.")
    display_name: str = strawberry.field(description="Its display name.")
    description: str = strawberry.field(description="Its effect.")
    icon: str = strawberry.field(description="The name of its icon.")
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
