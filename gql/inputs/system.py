"""Inputs of the mutations on systems."""

from typing import Any

import strawberry

from domain.model.commands import CreateSystem, UpdateSystem
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="A system to add to the catalog.")
class CreateSystemInput:
    key: str = strawberry.field(
        description="A name for monitors to use: 1 to 100 lower-case letters, digits, dots, dashes and underscores."
    )
    name: str = strawberry.field(description="Its name for people, 1 to 200 characters.")
    description: str | None = _optional("What it is.")
    idempotency_key: str | None = _optional(
        "A key of the caller's choice: a repeated call gets the first one's answer."
    )

    def command(self) -> CreateSystem:
        return CreateSystem(key=self.key, name=self.name, description=value_or_none(self.description))


@strawberry.input(description="What to change about a system: absent fields stay, null clears.")
class UpdateSystemInput:
    id: strawberry.ID = strawberry.field(description="The system, by id or key.")
    name: str | None = _optional("Its name for people.")
    description: str | None = _optional("What it is; null clears it.")

    def command(self) -> UpdateSystem:
        return UpdateSystem(
            system=self.id, name=kept_or_set(self.name, "name"), description=kept_or_cleared(self.description)
        )


@strawberry.input(description="A system to delete; every incident that it is on loses it first.")
class DeleteSystemInput:
    id: strawberry.ID = strawberry.field(description="The system, by id or key.")
