"""Inputs of the mutations on systems."""

from datetime import datetime
from typing import Any

import strawberry

from domain.model.commands import CreateSystem, ReportSystemHealth, UpdateSystem
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none
from gql.types.enums import Health


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(description="A system to add to the catalog.")
class CreateSystemInput:
    key: str = strawberry.field(
        description="A name for monitors to use: 1 to 100 lower-case letters, digits, dots, dashes and underscores."
    )
    name: str = strawberry.field(description="Its name for people, 1 to 200 characters in one line.")
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


@strawberry.input(description="How a system fares. Repeating a report says that it is still so, and is no change.")
class ReportSystemHealthInput:
    system: strawberry.ID = strawberry.field(description="The system, by id or key.")
    status: Health = strawberry.field(description="How it fares.")
    message: str | None = _optional(
        "What there is to say about it, at most 25,000 characters; none where nothing is said. Everybody may read it."
    )
    observed_at: datetime | None = _optional(
        "When that was seen, not in the future; now when nothing is said. A report from before the last one is ignored."
    )
    idempotency_key: str | None = _optional("A key of the caller's choice: a repeated call does not report once more.")

    def command(self) -> ReportSystemHealth:
        return ReportSystemHealth(
            system=self.system,
            status=self.status,
            message=value_or_none(self.message),
            observed_at=value_or_none(self.observed_at),
        )
