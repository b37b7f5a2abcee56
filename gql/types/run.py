"""The parts of a run: its steps and changes."""

from datetime import datetime
from typing import Self

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.scalars import JSON

from domain.ids import with_prefix
from domain.model import automation as model
from domain.model.change import Change
from domain.model.viewer import Audience
from gql.types.copying import copied
from gql.types.enums import ChangeAction, StepStatus
from gql.types.node import Node


@strawberry.type(description="A step that a run has reached.")
class AutomationStep(Node):
    path: str = strawberry.field(
        description="Its place in the definition and its iterations, such as `actions[1].choose[0].sequence[2]`."
    )
    position: int = strawberry.field(description="Its position among the run's steps, from 1.")
    kind: str = strawberry.field(description="The kind of step, such as `action` or `wait_until`.")
    action: str | None = strawberry.field(description="The id of the action that it does; null for other kinds.")
    action_id: str | None = strawberry.field(description="The id that the definition gives it.")
    status: StepStatus = strawberry.field(description="Its status.")
    attempts: int = strawberry.field(description="The number of attempts so far.")
    input: JSON | None = strawberry.field(description="Its input; secrets are redacted.")
    output: JSON | None = strawberry.field(description="Its result; secrets are redacted.")
    error: str | None = strawberry.field(description="The reason why it failed.")
    started_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it finished.")
    due_at: datetime | None = strawberry.field(
        description="The end of its wait at the latest; null for one without a limit."
    )

    @classmethod
    def of(cls, step: model.RunStep) -> Self:
        return copied(cls, step)


@strawberry.type(description="A change that a run made to an incident. `node` finds the change and the incident, too.")
class AutomationRunChange(Node):
    change_id: strawberry.ID = strawberry.field(description="The id of the change.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")
    action: ChangeAction = strawberry.field(description="The kind of change.")
    changed_fields: list[str] = strawberry.field(
        description="The changed fields, sorted, with `updates` and `links` among them."
    )
    occurred_at: datetime = strawberry.field(description="When it happened.")

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            id=strawberry.ID(with_prefix(change.id, "rch")),
            change_id=strawberry.ID(change.id),
            incident_id=strawberry.ID(change.entity_id),
            action=change.action,
            changed_fields=[to_camel(name) for name in change.visible_fields(Audience.MANAGER)],
            occurred_at=change.occurred_at,
        )
