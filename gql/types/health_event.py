"""Changes of systems' health, as subscriptions deliver them."""

from datetime import datetime
from typing import Self

import strawberry

from domain.entities.incident import INCIDENT
from domain.model.change import Change
from domain.model.health import HealthStep
from gql.compiled.declarations import PLACE
from gql.context import Context, Info
from gql.types.actor import Actor, Cause
from gql.types.change import OCCURRED
from gql.types.copying import copied
from gql.types.enums import Health, HealthOverride
from gql.types.system import System


@strawberry.type(description="The health of one system before and after a change.")
class SystemHealthStep:
    system_id: strawberry.ID = strawberry.field(description="The id of the system.")
    previous: Health = strawberry.field(description="The worst of reports and open incidents before the change.")
    status: Health = strawberry.field(
        description="The worst of both after the change; that before it, where the report alone is another one."
    )
    reported: Health = strawberry.field(description="The health that was last reported, as of the change.")
    override: HealthOverride | None = strawberry.field(
        description="The worst health that open incidents set, as of the change; null where none did."
    )

    @classmethod
    def of(cls, step: HealthStep) -> Self:
        return copied(cls, step)

    @strawberry.field(description="The system as it is now; null once it is deleted.")
    async def system(self, info: Info) -> System | None:
        found = await info.context.loaders.systems.load(self.system_id)
        return System.of(found) if found else None


@strawberry.type(description="A change by which the health of systems was reported, or became another one.")
class SystemHealthChange:
    cursor: str = strawberry.field(
        description="Its position in the log: pass it as `after` to resume behind it.", metadata=PLACE
    )
    change_id: strawberry.ID = strawberry.field(description="The id of the change.")
    occurred_at: datetime = strawberry.field(description=OCCURRED)
    actor: Actor = strawberry.field(description="The actor that made the change.")
    cause: Cause = strawberry.field(description="The cause of the change.")
    incident_id: strawberry.ID | None = strawberry.field(
        description="The id of the incident that changed; null for a report."
    )
    systems: list[SystemHealthStep] = strawberry.field(
        description="The systems in question whose health was reported or changed, ordered by id."
    )

    @classmethod
    def of(cls, change: Change, steps: tuple[HealthStep, ...], context: Context) -> Self:
        return cls(
            cursor=context.domain.events.cursor_of(change.seq),
            change_id=strawberry.ID(change.id),
            occurred_at=change.occurred_at,
            actor=Actor.of(change.actor),
            cause=Cause.of(change.cause),
            incident_id=strawberry.ID(change.entity_id) if change.kind == INCIDENT.name else None,
            systems=[SystemHealthStep.of(step) for step in steps],
        )
