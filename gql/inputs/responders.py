"""Inputs of the mutations of responders."""

from datetime import datetime

import strawberry

from domain.model.commands import AssignIncident
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none
from gql.inputs.incident import VERSION


@strawberry.input(description="An incident to acknowledge.")
class AcknowledgeIncidentInput:
    id: strawberry.ID = strawberry.field(description="The incident.")
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)


@strawberry.input(description="An incident whose reminders to silence.")
class SnoozeIncidentInput:
    id: strawberry.ID = strawberry.field(description="The incident.")
    until: datetime | None = strawberry.field(
        description="The moment at which reminders begin again, in the next 30 days; null for now."
    )
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)


@strawberry.input(description="The people on an incident: absent fields stay, null clears.")
class AssignIncidentInput:
    id: strawberry.ID = strawberry.field(description="The incident.")
    lead: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The person who leads, by the id in `people`.",
    )
    assignees: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description="All people who take part from now on, at most 20; an empty list for none.",
    )
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)

    def command(self) -> AssignIncident:
        return AssignIncident(
            id=self.id,
            lead=kept_or_cleared(self.lead),
            assignees=kept_or_set(self.assignees, "assignees"),
            expected_version=value_or_none(self.expected_version),
        )
