"""Webhooks and their deliveries."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from domain.model import webhook as model
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.node import Node
from gql.types.webhook_enums import WebhookAudience, WebhookDeliveryStatus


@strawberry.type(description="A server that is sent what changes. Its signing secret is not shown.")
class Webhook(Node):
    name: str = strawberry.field(description="Its name; without one, the host of its address.")
    url: str = strawberry.field(description="The address that deliveries are sent to.")
    enabled: bool = strawberry.field(description="Whether changes are delivered.")
    audience: WebhookAudience = strawberry.field(description="The audience whose view of a change is sent.")
    document: str | None = strawberry.field(
        description="The subscription whose answers are sent; null where CloudEvents of trigger events are."
    )
    variables: JSON = strawberry.field(description="The variables of the document, by name.")
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When its settings last changed.")
    created_by: Actor = strawberry.field(description="The actor that created it.")
    secret_created_at: datetime = strawberry.field(description="When its signing secret was made, or last replaced.")
    former_secret_until: datetime | None = strawberry.field(
        description="Until when deliveries are signed with the former secret as well."
    )
    disabled_at: datetime | None = strawberry.field(description="Since when it is disabled.")
    disabled_reason: str | None = strawberry.field(
        description="Why the server disabled it: after 410 Gone, or when every attempt failed for five days."
    )
    failing_since: datetime | None = strawberry.field(
        description="When an attempt first failed since the last success; null while it works."
    )
    last_success_at: datetime | None = strawberry.field(description="When the receiver last took a delivery.")
    paused_until: datetime | None = strawberry.field(
        description="Until when the receiver last asked to be left alone, with 429 or 503 and `Retry-After`."
    )
    gap_since: datetime | None = strawberry.field(
        description="When the oldest change was made that was given up, and not delivered once more since."
    )

    @classmethod
    def of(cls, webhook: model.Webhook) -> Self:
        return copied(cls, webhook, created_by=Actor.of(webhook.created_by), variables=JSON(dict(webhook.variables)))


@strawberry.type(
    description=(
        "A change of an incident for a webhook. Its id is the header `webhook-id`, the same for every attempt. Its "
        "body is made from the log whenever it is sent, and not kept."
    )
)
class WebhookDelivery(Node):
    webhook_id: strawberry.ID = strawberry.field(description="The id of the webhook.")
    change_id: strawberry.ID = strawberry.field(description="The id of the change.")
    incident_id: strawberry.ID = strawberry.field(
        description="The id of the incident, whose deliveries are sent in the order of their changes."
    )
    event: str | None = strawberry.field(description="The trigger that the change fired, such as `incident.resolved`.")
    status: WebhookDeliveryStatus = strawberry.field(description="Its state.")
    attempts: int = strawberry.field(description="How often it was sent since it was last queued.")
    occurred_at: datetime = strawberry.field(description="When the change was made.")
    created_at: datetime = strawberry.field(description="When it was last queued.")
    next_attempt_at: datetime | None = strawberry.field(
        description="When it is due, once those before it of the same incident are settled; null when it is settled."
    )
    last_attempt_at: datetime | None = strawberry.field(description="When the last attempt ended.")
    delivered_at: datetime | None = strawberry.field(description="When the receiver took it.")
    response_status: int | None = strawberry.field(description="The status of the last answer; null without one.")
    reason: str | None = strawberry.field(description="Why the last attempt failed.")
    duration_millis: int | None = strawberry.field(description="How long the last attempt took.")
    body_bytes: int | None = strawberry.field(description="The size of the body of the last attempt.")

    @classmethod
    def of(cls, delivery: model.WebhookDelivery) -> Self:
        return copied(cls, delivery)
