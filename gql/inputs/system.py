"""Inputs of the mutations on systems."""

from datetime import datetime
from typing import Any

import strawberry

from domain.model.commands import CreateSystem, ReportSystemHealth, UpdateSystem
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none
from gql.types.enums import Health


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


_VERSION = "The version that the caller saw; the write is refused where the system has another one now."


@strawberry.input(description="A system to add to the catalog.")
class CreateSystemInput:
    key: str = strawberry.field(
        description="The key for monitors to use: 1 to 100 lower-case letters, digits, dots, dashes and underscores."
    )
    name: str = strawberry.field(description="Its display name, 1 to 200 characters in one line.")
    description: str | None = _optional("Its description.")
    idempotency_key: str | None = _optional(
        "A key of the caller's choice: a repeated call gets the payload of the first."
    )

    def command(self) -> CreateSystem:
        return CreateSystem(key=self.key, name=self.name, description=value_or_none(self.description))


@strawberry.input(description="The fields of a system to change: absent ones stay, null clears.")
class UpdateSystemInput:
    id: strawberry.ID = strawberry.field(description="The system, by id or key.")
    name: str | None = _optional("Its name for people.")
    description: str | None = _optional("Its description; null clears it.")
    expected_version: int | None = _optional(_VERSION)

    def command(self) -> UpdateSystem:
        return UpdateSystem(
            system=self.id,
            name=kept_or_set(self.name, "name"),
            description=kept_or_cleared(self.description),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="A system to delete. It is removed from each of its incidents first.")
class DeleteSystemInput:
    id: strawberry.ID = strawberry.field(description="The system, by id or key.")
    expected_version: int | None = _optional(_VERSION)


@strawberry.input(description="A report of a system's health. An equal report confirms the last one and is no change.")
class ReportSystemHealthInput:
    system: strawberry.ID = strawberry.field(description="The system, by id or key.")
    status: Health = strawberry.field(description="The observed health.")
    message: str | None = _optional("A message, at most 25,000 characters, which everybody may read; by default none.")
    observed_at: datetime | None = _optional(
        "When it was observed, not in the future; by default now. A report older than the last one is ignored."
    )
    idempotency_key: str | None = _optional("A key of the caller's choice: a repeated call does not report once more.")

    def command(self) -> ReportSystemHealth:
        return ReportSystemHealth(
            system=self.system,
            status=self.status,
            message=value_or_none(self.message),
            observed_at=value_or_none(self.observed_at),
        )
