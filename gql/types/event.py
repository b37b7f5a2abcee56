"""Events of incidents, as subscriptions deliver them."""

from datetime import datetime
from typing import Self

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.scalars import JSON

from domain.ids import with_prefix
from domain.model.change import Change
from domain.model.identities import shown_to
from gql.compiled.declarations import LIST, PLACE
from gql.context import Context, Info
from gql.types.actor import Actor, Cause
from gql.types.change import OCCURRED
from gql.types.enums import IncidentEventType
from gql.types.incident import Incident
from gql.types.node import Node

_TYPE_OF = {kind.value: kind for kind in IncidentEventType}


@strawberry.type(
    description="A trigger event: the status, severity or systems of an incident changed, or it was acknowledged."
)
class IncidentEvent(Node):
    cursor: str = strawberry.field(
        description="Its position in the log, greater as a text than those before: `after` it, one resumes behind it.",
        metadata=PLACE,
    )
    change_id: strawberry.ID = strawberry.field(description="The id of the change that fired it.")
    type: IncidentEventType = strawberry.field(description="The type of event.")
    trigger: str = strawberry.field(description="The name of the trigger, such as `incident.resolved`.")
    occurred_at: datetime = strawberry.field(description=OCCURRED)
    actor: Actor = strawberry.field(description="The actor that made the change.")
    cause: Cause = strawberry.field(description="The cause of the change.")
    changed_fields: list[str] = strawberry.field(description="The reactive fields that changed, sorted.")
    previous: JSON = strawberry.field(
        description="The former values of those fields; empty when the incident was opened."
    )
    payload: JSON = strawberry.field(description="The payload that automations get, as of the event.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")

    @classmethod
    def of(cls, change: Change, context: Context) -> Self:
        trigger = change.events[0]
        previous = {to_camel(name): (change.prev or {}).get(name) for name in change.changed_fields}
        return cls(
            cursor=context.domain.events.cursor_of(change.seq),
            id=strawberry.ID(f"{with_prefix(change.id, 'evt')}:{trigger.rpartition('.')[2]}"),
            change_id=strawberry.ID(change.id),
            type=_TYPE_OF[trigger],
            trigger=trigger,
            occurred_at=change.occurred_at,
            actor=Actor.of(change.actor),
            cause=Cause.of(change.cause),
            changed_fields=[to_camel(name) for name in change.changed_fields],
            previous=JSON(previous if change.prev is not None else {}),
            payload=JSON(dict(shown_to(context.audience, change.payload or {}))),
            incident_id=strawberry.ID(change.entity_id),
        )

    @strawberry.field(description="The incident as it is now; null once it is deleted.", metadata=LIST)
    async def incident(self, info: Info) -> Incident | None:
        found = await info.context.loaders.incidents.load(self.incident_id)
        return Incident.of(found) if found else None
