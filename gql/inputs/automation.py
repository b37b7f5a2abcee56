"""Inputs of the mutations on automations and their runs."""

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.scalars import JSON

from domain.automations.services.automations import WriteAutomation
from domain.errors import InvalidInputError
from domain.model.commands import KEEP
from gql.inputs.definitions import AS_OBJECT_OR_TEXT, object_of
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none

_VERSION = "The version that the caller saw; the write is refused where the definition has another one by now."
_DEFINITION = (
    f"Triggers, conditions and actions, as {AS_OBJECT_OR_TEXT}; comments are not kept. `automationSchema` has the JSON "
    "Schema."
)


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="An automation to create.")
class CreateAutomationInput:
    name: str = strawberry.field(
        description="Its name, 1 to 200 characters in one line, which no other automation may have."
    )
    description: str | None = _optional("Its purpose, at most 20,000 characters.")
    group: str | None = _optional("The group to list it under, 1 to 120 characters.")
    enabled: bool = strawberry.field(default=True, description="Whether it is enabled from the start.")
    definition: JSON = strawberry.field(description=_DEFINITION)
    idempotency_key: str | None = _optional(
        "A key of the caller's choice: a repeated call gets the payload of the first."
    )

    def command(self, definition: Any) -> WriteAutomation:
        return WriteAutomation(
            name=self.name,
            description=value_or_none(self.description),
            group=value_or_none(self.group),
            enabled=self.enabled,
            definition=_object(definition),
        )


@strawberry.input(description="The fields of an automation to change: absent ones stay, null clears.")
class UpdateAutomationInput:
    id: strawberry.ID = strawberry.field(description="The automation.")
    name: str | None = _optional("Its name.")
    description: str | None = _optional("Its purpose; null clears it.")
    group: str | None = _optional("The group to list it under; null clears it.")
    enabled: bool | None = _optional("Whether its triggers fire.")
    definition: JSON | None = _optional(f"{_DEFINITION} Another one becomes a new version; active runs keep theirs.")
    expected_version: int | None = _optional(_VERSION)

    def given_definition(self) -> Any:
        """Return the definition; KEEP where there is none."""
        return kept_or_set(self.definition, "definition")

    def command(self, definition: Any) -> WriteAutomation:
        return WriteAutomation(
            name=kept_or_set(self.name, "name"),
            description=kept_or_cleared(self.description),
            group=kept_or_cleared(self.group),
            enabled=kept_or_set(self.enabled, "enabled"),
            definition=KEEP if definition is KEEP else _object(definition),
        )


@strawberry.input(description="An automation to enable or disable.")
class SetAutomationEnabledInput:
    id: strawberry.ID = strawberry.field(description="The automation.")
    enabled: bool = strawberry.field(description="Whether it is enabled from now on.")


@strawberry.input(description="An automation to delete, with its versions and runs; active runs are cancelled.")
class DeleteAutomationInput:
    id: strawberry.ID = strawberry.field(description="The automation.")
    expected_version: int | None = _optional(_VERSION)


@strawberry.input(description="An automation to run now.")
class RunAutomationInput:
    id: strawberry.ID = strawberry.field(description="The automation; it may be disabled.")
    trigger: str | None = _optional("The id of the trigger to run it as; by default the first one.")
    payload: JSON | None = _optional(
        f"What expressions see as `trigger.payload`: {AS_OBJECT_OR_TEXT}; empty by default."
    )
    context_key: str | None = _optional("The object that the run is about, such as the id of a system or an incident.")
    idempotency_key: str | None = _optional("A key of the caller's choice: a repeated call gets the first one's run.")

    async def given_payload(self) -> Mapping[str, Any]:
        """Return the payload, which is an object."""
        payload: Any = self.payload
        return await object_of(value_or_none(payload) or {}, "payload")


@strawberry.input(description="A run to cancel.")
class CancelAutomationRunInput:
    id: strawberry.ID = strawberry.field(description="The run.")


def _object(definition: Any) -> Mapping[str, Any]:
    if not isinstance(definition, Mapping):
        raise InvalidInputError("This must be an object.", field=["definition"])
    return definition
