"""The enums of webhooks, imported from here alone: this module registers them with Strawberry."""

from domain.model.webhook import WebhookAudience, WebhookDeliveryStatus
from gql.types.enums import described

__all__ = ["WebhookAudience", "WebhookDeliveryStatus"]

described(
    WebhookAudience,
    name="WebhookAudience",
    description="The audience that the receiver of a webhook belongs to.",
    values={
        WebhookAudience.PUBLIC: "It gets what everybody may see.",
        WebhookAudience.RESPONDERS: "It gets what responders see, with internal updates and people.",
    },
)

described(
    WebhookDeliveryStatus,
    name="WebhookDeliveryStatus",
    description="The state of a delivery to a webhook.",
    values={
        WebhookDeliveryStatus.PENDING: "It is to be sent, for the first time or once more.",
        WebhookDeliveryStatus.DELIVERED: "The receiver answered with a status from 200 to 299.",
        WebhookDeliveryStatus.PARKED: "It was given up: a gap, until it is delivered once more.",
    },
)
