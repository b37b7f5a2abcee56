"""Webhooks for tests, and what drives their deliveries by hand."""

from typing import Any

from domain.bootstrap import Domain
from domain.model.paging import PageRequest
from domain.model.webhook import Webhook, WebhookDelivery, WebhookDeliveryFilter
from domain.webhooks.drafting import WriteWebhook
from tests.factories import ADMIN
from tests.inside import inside


async def make_webhook(domain: Domain, url: str, **fields: Any) -> tuple[Webhook, str]:
    """Create a webhook and return it with its secret; changes are queued for it from now on."""
    await domain.webhooks.changes.register()
    return (await domain.webhooks.service.create(ADMIN, WriteWebhook(url=url, **fields))).value


async def queue(domain: Domain) -> None:
    """Queue all that was written."""
    await inside(domain).tail.read_now()
    await domain.webhooks.changes.run_pending()


async def deliver(domain: Domain) -> None:
    """Queue all that was written, and deliver what is due."""
    await queue(domain)
    await domain.webhooks.deliverer.run_pending()


async def found(domain: Domain, webhook: Webhook) -> Webhook:
    """Return a webhook as it is now."""
    return (await domain.webhooks.service.get_many([webhook.id]))[webhook.id]


async def deliveries(domain: Domain, **wanted: Any) -> list[WebhookDelivery]:
    """Return all deliveries that match, oldest first."""
    page = await domain.webhooks.service.delivery_page(PageRequest(size=100), WebhookDeliveryFilter(**wanted))
    return list(reversed(page.items))
