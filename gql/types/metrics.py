"""Figures about incidents."""

from typing import Any, Self

import strawberry

from domain.model import counts as model
from gql.context import Info
from gql.types.actor import Actor
from gql.types.enums import Severity, Status
from gql.types.incident import System


@strawberry.type
class _Grouped:
    severity: Severity | None = strawberry.field(
        description="The severity of these incidents; null where they are not grouped by it."
    )
    status: Status | None = strawberry.field(
        description="The status of these incidents; null where they are not grouped by it."
    )
    opened_by: Actor | None = strawberry.field(
        description="The actor that opened these incidents; null where they are not grouped by it."
    )
    system_id: strawberry.Private[str | None]

    @strawberry.field(
        description="A system of these incidents; null for those without one, and where they are not grouped by it."
    )
    async def system(self, info: Info) -> System | None:
        found = await info.context.loaders.systems.load(self.system_id) if self.system_id else None
        return System.of(found) if found else None


@strawberry.type(description="A number of incidents that have something in common.")
class IncidentCount(_Grouped):
    count: int = strawberry.field(description="How many there are.")

    @classmethod
    def of(cls, counted: model.IncidentCount) -> Self:
        return cls(count=counted.count, **grouped(counted.group))


def grouped(group: model.Group) -> dict[str, Any]:
    """Return the fields that say what incidents have in common."""
    opened_by = Actor.of(group.opened_by) if group.opened_by else None
    return {"severity": group.severity, "status": group.status, "system_id": group.system_id, "opened_by": opened_by}
