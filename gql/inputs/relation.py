"""Inputs of the mutations on relations between incidents."""

import strawberry

from domain.model.commands import MergeIncident, RelateIncidents
from gql.inputs.given import value_or_none
from gql.inputs.incident import KEY, VERSION
from gql.types.enums import IncidentRelationType, Visibility


@strawberry.input(description="Two incidents to relate. The relation is shown on both of them.")
class RelateIncidentsInput:
    id: strawberry.ID = strawberry.field(description="The incident of which it says something.")
    type: IncidentRelationType = strawberry.field(description="What it says of that incident.")
    to: strawberry.ID = strawberry.field(
        description=(
            "The other incident: not the same one, nor, but for RELATED_TO, one from which relations of this type lead "
            "back to it."
        )
    )
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY)

    def command(self) -> RelateIncidents:
        return RelateIncidents(
            id=self.id, type=self.type, to=self.to, expected_version=value_or_none(self.expected_version)
        )


@strawberry.input(description="A relation of two incidents to take away from both of them.")
class UnrelateIncidentsInput:
    id: strawberry.ID = strawberry.field(description="The incident of which it says something; of RELATED_TO, either.")
    type: IncidentRelationType = strawberry.field(description="What it says of that incident.")
    to: strawberry.ID = strawberry.field(description="The other incident.")
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)

    def command(self) -> RelateIncidents:
        return RelateIncidents(
            id=self.id, type=self.type, to=self.to, expected_version=value_or_none(self.expected_version)
        )


@strawberry.input(description="An incident to resolve as a duplicate of another. Both keep their timelines.")
class MergeIncidentInput:
    id: strawberry.ID = strawberry.field(description="The incident to merge; a resolved one only becomes a duplicate.")
    into: strawberry.ID = strawberry.field(description="The incident that goes on: another one, which is open.")
    message: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The text of the timeline entry with which it is resolved; by default `Duplicate of INC-...`.",
    )
    visibility: Visibility | None = strawberry.field(
        default=strawberry.UNSET, description="The visibility of that entry; by default PUBLIC."
    )
    expected_version: int | None = strawberry.field(default=strawberry.UNSET, description=VERSION)
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY)

    def command(self) -> MergeIncident:
        return MergeIncident(
            id=self.id,
            into=self.into,
            message=value_or_none(self.message),
            visibility=value_or_none(self.visibility) or Visibility.PUBLIC,
            expected_version=value_or_none(self.expected_version),
        )
