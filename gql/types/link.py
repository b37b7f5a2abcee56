"""Links of incidents."""

from datetime import datetime
from typing import Self

import strawberry

from domain.model import incident as model
from gql.types.copying import copied
from gql.types.enums import Visibility
from gql.types.node import Node


@strawberry.type(description="A link from an incident to a page elsewhere.")
class IncidentLink(Node):
    label: str | None = strawberry.field(description="Its label.")
    url: str = strawberry.field(description="Its address, unique on its incident.")
    visibility: Visibility = strawberry.field(description="Its visibility.")
    created_at: datetime = strawberry.field(description="When it was added.")
    incident_id: strawberry.ID = strawberry.field(description="The id of the incident.")

    @classmethod
    def of(cls, link: model.IncidentLink) -> Self:
        return copied(cls, link)
