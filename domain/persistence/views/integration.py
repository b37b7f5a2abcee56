"""Integrations and their deliveries. Nothing shows their digests."""

from domain.persistence.integration_tables import integration_deliveries, integrations
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.automation import INSIDERS
from domain.persistence.views.view import View

INTEGRATION = View(
    name="integration",
    table=integrations,
    audiences=INSIDERS,
    parts={"created_by": ACTOR},
    place="id",
)
INTEGRATION_DELIVERY = View(
    name="integration_delivery",
    table=integration_deliveries,
    audiences=INSIDERS,
    place="id",
)
