"""Messages of live lists."""

from collections.abc import Callable
from typing import Any, Self, TypeVar

import strawberry

from domain.model import incident as incident_model
from domain.model import system as system_model
from domain.model.listing import Edit
from domain.services.lists import ListStep
from gql.context import Context
from gql.types.enums import ListAction
from gql.types.incident import Incident
from gql.types.system import System

T = TypeVar("T")
C = TypeVar("C")
_CURSOR = (
    "The place in the log that the list is as of, greater as a text than those before: `after` it, one resumes with "
    "this list."
)
_STARTS_OVER = (
    "Whether the list begins anew: whatever was there before is to be forgotten, and every item is put. So it is in "
    "the first message without a cursor, or where what happened since the cursor is not known any more."
)
_CHANGES = "The changes of the list, to be applied one after the other; empty where its items are the same."
_CHANGE = (
    "One change of a live list. To apply it, take the item with that id out of the list, where it is in there, and put "
    "it back at `index`, unless that is null."
)


def _update(query: str) -> str:
    return (
        "A message of a live list: what leads from the list of the message before to the list as of `cursor`, which is "
        f"what the query `{query}` with the same arguments shows at that place of the log."
    )


@strawberry.type
class _ListChange:
    action: ListAction = strawberry.field(description="What happens to the item.")
    index: int | None = strawberry.field(description="Where the item is after this change; null where it is removed.")
    previous_index: int | None = strawberry.field(
        description="Where the item was before this change; null where it is new in the list."
    )


@strawberry.type
class _ListUpdate:
    cursor: str = strawberry.field(description=_CURSOR)
    starts_over: bool = strawberry.field(description=_STARTS_OVER)


@strawberry.type(description=_CHANGE)
class IncidentListChange(_ListChange):
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")
    incident: Incident | None = strawberry.field(
        description="The incident as of the message's cursor; null where it is removed."
    )

    @classmethod
    def of(cls, edit: Edit, item: incident_model.Incident | None) -> Self:
        shown = None if item is None else Incident.of(item)
        return cls(**_edited(edit), incident_id=strawberry.ID(edit.id), incident=shown)


@strawberry.type(description=_update("incidents"))
class IncidentListUpdate(_ListUpdate):
    total_count: int = strawberry.field(description="The number of all incidents that match, shown or not.")
    changes: list[IncidentListChange] = strawberry.field(description=_CHANGES)

    @classmethod
    def of(cls, step: ListStep[incident_model.Incident], context: Context) -> Self:
        return cls(**_stepped(step, context, IncidentListChange.of))


@strawberry.type(description=_CHANGE)
class SystemListChange(_ListChange):
    system_id: strawberry.ID = strawberry.field(description="The id of the system.")
    system: System | None = strawberry.field(
        description="The system as of the message's cursor; null where it is removed."
    )

    @classmethod
    def of(cls, edit: Edit, item: system_model.System | None) -> Self:
        shown = None if item is None else System.of(item)
        return cls(**_edited(edit), system_id=strawberry.ID(edit.id), system=shown)


@strawberry.type(description=_update("systems"))
class SystemListUpdate(_ListUpdate):
    total_count: int = strawberry.field(description="The number of all systems that match, shown or not.")
    changes: list[SystemListChange] = strawberry.field(description=_CHANGES)

    @classmethod
    def of(cls, step: ListStep[system_model.System], context: Context) -> Self:
        return cls(**_stepped(step, context, SystemListChange.of))


def _edited(edit: Edit) -> dict[str, Any]:
    return {"action": edit.action, "index": edit.index, "previous_index": edit.previous_index}


def _stepped(step: ListStep[T], context: Context, show: Callable[[Edit, T | None], C]) -> dict[str, Any]:
    return {
        "cursor": context.domain.events.cursor_of(step.position),
        "starts_over": step.starts_over,
        "total_count": step.total,
        "changes": [show(edit, step.items[edit.id] if edit.index is not None else None) for edit in step.edits],
    }
