"""Integrations and their deliveries."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.model import integration as model
from gql.compiled.declarations import made_by
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.integration_enums import IntegrationDeliveryOutcome, IntegrationType
from gql.types.node import Node


def _path_of(kind: str) -> str:
    return IntegrationType(kind).path


@strawberry.type(
    description="An address for monitors, whose alerts open and resolve incidents. Its token is not shown."
)
class Integration(Node):
    type: IntegrationType = strawberry.field(description="The format that it receives.")
    name: str = strawberry.field(description="Its name, which the incidents that it opens have as their actor.")
    enabled: bool = strawberry.field(description="Whether deliveries are applied; else they are refused and kept.")
    path: str = strawberry.field(
        resolver=made_by(_path_of, "type"), description="The path on this server that deliveries are sent to."
    )
    system_mapping: JSON = strawberry.field(description="From an alert to its system, without what has its default.")
    severity_mapping: JSON = strawberry.field(
        description="From an alert to its severity, without what has its default."
    )
    mapping: JSON = strawberry.field(description="Its expressions, in place of the rules of its format.")
    keep_bodies: bool = strawberry.field(description="Whether bodies of deliveries are kept.")
    masked_fields: list[str] = strawberry.field(
        description="The fields of bodies whose values are masked before anything reads them."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    created_by: Actor = strawberry.field(description="The actor that created it.")
    token_created_at: datetime = strawberry.field(description="When its token was made, or last replaced.")

    @classmethod
    def of(cls, integration: model.Integration) -> Self:
        return copied(
            cls,
            integration,
            created_by=Actor.of(integration.created_by),
            masked_fields=list(integration.masked_fields),
        )


@strawberry.type(description="A delivery to an integration, or several equal ones that changed nothing.")
class IntegrationDelivery(Node):
    integration_id: strawberry.ID = strawberry.field(description="The id of the integration.")
    outcome: IntegrationDeliveryOutcome = strawberry.field(description="Its outcome.")
    received_at: datetime = strawberry.field(description="When it was first received.")
    last_received_at: datetime = strawberry.field(description="When it was last received.")
    times: int = strawberry.field(description="How often it was received: equal ones that change nothing are one.")
    reason: str | None = strawberry.field(description="Why it, or which of its alerts, was refused.")
    alerts: int = strawberry.field(description="The number of alerts in it.")
    opened: int = strawberry.field(description="The number of incidents that it opened.")
    resolved: int = strawberry.field(description="The number of incidents that it resolved.")
    acknowledged: int = strawberry.field(description="The number of incidents that it acknowledged.")
    refused: int = strawberry.field(description="The number of its alerts that were refused.")
    incident_ids: list[strawberry.ID] = strawberry.field(
        description="The incidents that it changed, at most 100, by id; some may be deleted by now."
    )
    body: str | None = strawberry.field(
        description="Its body, mostly JSON, without what is masked; null where it is not kept."
    )
    replay_of: strawberry.ID | None = strawberry.field(description="The delivery that it is a replay of.")

    @classmethod
    def of(cls, delivery: model.IntegrationDelivery) -> Self:
        return copied(cls, delivery, incident_ids=[strawberry.ID(found) for found in delivery.incident_ids])
