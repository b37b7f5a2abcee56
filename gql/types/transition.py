"""The history of incidents' reactive fields."""

from datetime import datetime
from typing import Self

import strawberry
from pydantic.alias_generators import to_camel

from domain.ids import with_prefix
from domain.model import history
from domain.model.change import Transition
from gql.types.enums import Severity, Status
from gql.types.node import Node


@strawberry.type(description="A change of one reactive field of an incident.")
class IncidentTransition(Node):
    field: str = strawberry.field(description="The field: `status`, `severity` or `systemIds`.")
    from_value: str | None = strawberry.field(
        description="The value before, as text; null when the incident was opened."
    )
    to_value: str = strawberry.field(description="The value after, as text; lists as JSON.")
    from_status: Status | None = strawberry.field(
        description="The status before; null when the incident was opened, and for other fields."
    )
    to_status: Status | None = strawberry.field(description="The status after; null for other fields.")
    from_severity: Severity | None = strawberry.field(
        description="The severity before; null when the incident was opened, and for other fields."
    )
    to_severity: Severity | None = strawberry.field(description="The severity after; null for other fields.")
    from_system_ids: list[strawberry.ID] | None = strawberry.field(
        description="The ids of the systems before; null when the incident was opened, and for other fields."
    )
    to_system_ids: list[strawberry.ID] | None = strawberry.field(
        description="The ids of the systems after, at most 100; null for other fields."
    )
    occurred_at: datetime = strawberry.field(description="When the value changed.")
    change_id: strawberry.ID = strawberry.field(description="The change that it was part of.")

    @classmethod
    def of(cls, transition: Transition) -> Self:
        name, before, after = transition.field, transition.from_value, transition.to_value
        field = to_camel(name)
        return cls(
            id=strawberry.ID(f"{with_prefix(transition.change_id, 'trn')}:{field}"),
            field=field,
            from_value=before,
            to_value=after,
            from_status=history.status_of(name, before),
            to_status=history.status_of(name, after),
            from_severity=history.severity_of(name, before),
            to_severity=history.severity_of(name, after),
            from_system_ids=_ids(history.systems_of(name, before)),
            to_system_ids=_ids(history.systems_of(name, after)),
            occurred_at=transition.occurred_at,
            change_id=strawberry.ID(transition.change_id),
        )


def _ids(known: list[str] | None) -> list[strawberry.ID] | None:
    return None if known is None else [strawberry.ID(identifier) for identifier in known]
