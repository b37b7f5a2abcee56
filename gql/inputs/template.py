"""The input that installs a ready-made automation."""

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.scalars import JSON

from domain.automations.definitions.templates import definition_from, template_of
from domain.automations.services.automations import WriteAutomation
from domain.errors import InvalidInputError
from gql.inputs.given import value_or_none


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="A ready-made automation to install.")
class InstallAutomationInput:
    template: str = strawberry.field(description="The name of a template; `automationTemplates` lists them.")
    name: str | None = _optional("Its name, which no other automation may have; else that of the template.")
    group: str | None = _optional("The group to list it under, 1 to 120 characters.")
    enabled: bool = strawberry.field(default=True, description="Whether it is enabled from the start.")
    parameters: JSON | None = _optional("An object with what is to differ from the template's defaults.")
    idempotency_key: str | None = _optional(
        "A key of the caller's choice: a repeated call gets the payload of the first."
    )

    def command(self) -> WriteAutomation:
        template = template_of(self.template)
        return WriteAutomation(
            name=value_or_none(self.name) or template.display_name,
            description=template.description,
            group=value_or_none(self.group),
            enabled=self.enabled,
            definition=definition_from(self.template, self._parameters()),
        )

    def _parameters(self) -> Mapping[str, Any]:
        given: Any = value_or_none(self.parameters)
        if given is not None and not isinstance(given, Mapping):
            raise InvalidInputError("This must be an object.", field=["parameters"])
        return given or {}
