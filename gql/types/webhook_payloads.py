"""The payloads of mutations on webhooks."""

import strawberry

from gql.types.payloads import Payload
from gql.types.webhook import Webhook, WebhookDelivery

_NOW = "The webhook as it is now."
_SHOWN_ONCE = "The signing secret, `whsec_` and base64, to be configured at the receiver. It is shown only this once."


@strawberry.type(description="The payload of `createWebhook`.")
class CreateWebhookPayload(Payload):
    webhook: Webhook | None = strawberry.field(default=None, description="The webhook.")
    secret: str | None = strawberry.field(default=None, description=_SHOWN_ONCE)


@strawberry.type(description="The payload of `updateWebhook`.")
class UpdateWebhookPayload(Payload):
    webhook: Webhook | None = strawberry.field(default=None, description=_NOW)


@strawberry.type(description="The payload of `rotateWebhookSecret`.")
class RotateWebhookSecretPayload(Payload):
    webhook: Webhook | None = strawberry.field(default=None, description=_NOW)
    secret: str | None = strawberry.field(default=None, description=_SHOWN_ONCE)


@strawberry.type(description="The payload of `deleteWebhook`.")
class DeleteWebhookPayload(Payload):
    deleted_webhook_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )


@strawberry.type(description="The payload of `redeliver`.")
class RedeliverPayload(Payload):
    delivery: WebhookDelivery | None = strawberry.field(default=None, description="The delivery, pending again.")


@strawberry.type(description="The payload of `redeliverWebhook`.")
class RedeliverWebhookPayload(Payload):
    webhook: Webhook | None = strawberry.field(default=None, description=_NOW)


@strawberry.type(description="The payload of `testWebhook`.")
class TestWebhookPayload(Payload):
    accepted: bool | None = strawberry.field(
        default=None, description="Whether the receiver answered with a status from 200 to 299."
    )
    response_status: int | None = strawberry.field(
        default=None, description="The status of its answer; null without one."
    )
    reason: str | None = strawberry.field(default=None, description="Why it was not accepted.")
    duration_millis: int | None = strawberry.field(default=None, description="How long it took.")
