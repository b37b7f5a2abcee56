"""Messages of live lists."""

from typing import Self

import strawberry

from domain.model import incident as model
from domain.model.listing import Edit
from domain.services.lists import ListStep
from gql.context import Context
from gql.types.enums import ListAction
from gql.types.incident import Incident

CURSOR = (
    "The place in the log that the list is as of, greater as a text than those before: `after` it, one resumes with "
    "this list."
)
STARTS_OVER = (
    "Whether the list begins anew: whatever was there before is to be forgotten, and every item is put. So it is in "
    "the first message without a cursor, or where what happened since the cursor is not known any more."
)
INDEX = "Where the item is after this change; null where it is removed."
PREVIOUS_INDEX = "Where the item was before this change; null where it is new in the list."


@strawberry.type(
    description=(
        "One change of a live list. To apply it, take the item with that id out of the list, where it is in there, and "
        "put it back at `index`, unless that is null."
    )
)
class IncidentListChange:
    action: ListAction = strawberry.field(description="What happens to the item.")
    index: int | None = strawberry.field(description=INDEX)
    previous_index: int | None = strawberry.field(description=PREVIOUS_INDEX)
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")
    incident: Incident | None = strawberry.field(
        description="The incident as of the message's cursor; null where it is removed."
    )

    @classmethod
    def of(cls, edit: Edit, item: model.Incident | None) -> Self:
        return cls(
            action=edit.action,
            index=edit.index,
            previous_index=edit.previous_index,
            incident_id=strawberry.ID(edit.id),
            incident=None if item is None else Incident.of(item),
        )


@strawberry.type(
    description=(
        "A message of a live list: what leads from the list of the message before to the list as of `cursor`, which is "
        "what the query `incidents` with the same arguments shows at that place of the log."
    )
)
class IncidentListUpdate:
    cursor: str = strawberry.field(description=CURSOR)
    starts_over: bool = strawberry.field(description=STARTS_OVER)
    total_count: int = strawberry.field(description="The number of all incidents that match, shown or not.")
    changes: list[IncidentListChange] = strawberry.field(
        description="The changes of the list, to be applied one after the other; empty where its items are the same."
    )

    @classmethod
    def of(cls, step: ListStep[model.Incident], context: Context) -> Self:
        return cls(
            cursor=context.domain.events.cursor_of(step.position),
            starts_over=step.starts_over,
            total_count=step.total,
            changes=[
                IncidentListChange.of(edit, step.items[edit.id] if edit.index is not None else None)
                for edit in step.edits
            ],
        )
