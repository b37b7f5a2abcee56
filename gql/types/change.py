"""Changes of incidents, as the log keeps them."""

from datetime import datetime
from typing import Annotated, Self

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.scalars import JSON

from domain.model.change import Change
from gql.compiled.declarations import LIST, PLACE
from gql.context import Context, Info
from gql.types import incident as incidents
from gql.types.actor import Actor, Cause
from gql.types.enums import ChangeAction
from gql.types.node import Node

Changed = Annotated["Incident", strawberry.lazy("gql.types.incident")]  # type: ignore[name-defined]  # noqa: F821 - both need each other

#: A change is dated while its entity is locked, and gets its place in the log later, right before the commit.
OCCURRED = (
    "When it happened. The order of the log is that of `cursor`: of two changes that PostgreSQL commits at nearly the "
    "same time, the later one may be dated a fraction of a second earlier."
)


@strawberry.type(description="A committed change of an incident: fields, timeline, links or its deletion.")
class IncidentChange(Node):
    cursor: str = strawberry.field(
        description="Its position in the log, greater as a text than those before: `after` it, one resumes behind it.",
        metadata=PLACE,
    )
    action: ChangeAction = strawberry.field(description="The kind of change.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")
    version: int = strawberry.field(
        description="The incident's version as of the change. A gap in the versions is a change that is not shown."
    )
    occurred_at: datetime = strawberry.field(description=OCCURRED)
    actor: Actor = strawberry.field(description="The actor that made it.")
    cause: Cause = strawberry.field(description="The cause of it.")
    changed_fields: list[str] = strawberry.field(
        description="The changed fields that the caller may see, sorted, with `updates` and `links` among them."
    )
    delta: JSON = strawberry.field(
        description=(
            "The new value of each changed field; for updates and links the ids added, edited and removed, as the "
            "caller sees them. One that becomes hidden from the caller is removed, one that becomes visible is added."
        )
    )

    @classmethod
    def of(cls, change: Change, context: Context) -> Self:
        return cls(
            id=strawberry.ID(change.id),
            cursor=context.domain.events.cursor_of(change.seq),
            action=change.action,
            incident_id=strawberry.ID(change.entity_id),
            version=change.version,
            occurred_at=change.occurred_at,
            actor=Actor.of(change.actor),
            cause=Cause.of(change.cause),
            changed_fields=[to_camel(name) for name in change.visible_fields(context.audience)],
            delta=JSON({to_camel(name): value for name, value in change.visible_delta(context.audience).items()}),
        )

    @strawberry.field(description="The incident as it is now; null once it is deleted.", metadata=LIST)
    async def incident(self, info: Info) -> Changed | None:
        found = await info.context.loaders.incidents.load(self.incident_id)
        return incidents.Incident.of(found) if found else None
