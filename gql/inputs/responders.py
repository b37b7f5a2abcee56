"""Inputs of the mutations of responders."""

import strawberry

from gql.inputs.incident import VERSION


@strawberry.input(description="An incident to acknowledge.")
class AcknowledgeIncidentInput:
    id: strawberry.ID = strawberry.field(description="The incident.")
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)
