"""Webhooks and deliveries for random queries, with all that may be missing from them."""

import random
from datetime import timedelta

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.webhook import Webhook, WebhookAudience, WebhookDelivery, WebhookDeliveryStatus
from domain.persistence.unit_of_work import UnitOfWork
from tests.inside import inside


async def fill_webhook(domain: Domain, chance: random.Random, author: Actor) -> list[str]:
    """Make a webhook with deliveries in any state; return the ids of all of them."""
    now = domain.clock.now()
    moments = (None, now, now - timedelta(days=1, milliseconds=7))
    webhook = Webhook(
        id=new_id("whk"),
        name="Größe",
        url="https://hooks.example.com/?a=1&b=ü",
        enabled=chance.random() < 0.5,
        audience=chance.choice(tuple(WebhookAudience)),
        document=chance.choice((None, "subscription {\n  incidentEvents { type }\n}")),
        variables=chance.choice(({}, {"b": [1, None], "a": {"ö": "🔥"}})),
        created_at=now,
        updated_at=now,
        created_by=author,
        secret_created_at=now,
        disabled_at=chance.choice(moments),
        disabled_reason=chance.choice((None, "The receiver is gone.")),
        failing_since=chance.choice(moments),
        paused_until=chance.choice(moments),
    )
    found = [
        WebhookDelivery(
            id=new_id("whd"),
            webhook_id=webhook.id,
            change_id=new_id("chg"),
            seq=seq,
            incident_id=new_id("inc"),
            event=chance.choice((None, "incident.created")),
            status=chance.choice(tuple(WebhookDeliveryStatus)),
            attempts=chance.randint(0, 11),
            occurred_at=now,
            created_at=now,
            next_attempt_at=chance.choice(moments),
            last_attempt_at=chance.choice(moments),
            delivered_at=chance.choice(moments),
            response_status=chance.choice((None, 204, 500)),
            reason=chance.choice((None, 'answered "500"')),
            duration_millis=chance.choice((None, 0, 15_000)),
            body_bytes=chance.choice((None, 2)),
        )
        for seq in range(1, 4)
    ]

    async def write(unit: UnitOfWork) -> None:
        await unit.webhooks.insert(webhook, "sealed")
        await unit.webhook_queues.add(found)

    await inside(domain).database.write(write)
    return [webhook.id, *(delivery.id for delivery in found)]
