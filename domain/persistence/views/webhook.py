"""Webhooks and their deliveries. Nothing shows their secrets."""

from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import View
from domain.persistence.webhook_tables import webhook_deliveries, webhooks

WEBHOOK = View(
    name="webhook",
    table=webhooks,
    audiences=INSIDERS,
    parts={"created_by": ACTOR},
    place="id",
)
WEBHOOK_DELIVERY = View(
    name="webhook_delivery",
    table=webhook_deliveries,
    audiences=INSIDERS,
    place="id",
)
