"""The log of deliveries to webhooks."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.webhook import WebhookDelivery, WebhookDeliveryFilter, WebhookDeliveryStatus
from domain.persistence.keyset import paged
from domain.persistence.webhook_queues import delivery_of
from domain.persistence.webhook_tables import webhook_deliveries as deliveries
from domain.persistence.webhook_tables import webhooks


class WebhookDeliveryRepository:
    """Deliveries, newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, WebhookDelivery]:
        """Return the deliveries of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(deliveries).where(deliveries.c.id.in_(ids)))).mappings()
        return {row["id"]: delivery_of(row) for row in rows}

    async def page(self, page: PageRequest, wanted: WebhookDeliveryFilter) -> Page[WebhookDelivery]:
        """Return one page of the deliveries that match, newest first."""
        statement = sa.select(deliveries).where(*_conditions(wanted))
        statement = paged(statement, [deliveries.c.id], page, descending=True)
        return page.cut([delivery_of(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self, wanted: WebhookDeliveryFilter) -> int:
        """Return the number of deliveries that match."""
        statement = sa.select(sa.func.count()).select_from(deliveries).where(*_conditions(wanted))
        return int(await self._connection.scalar(statement) or 0)

    async def save(self, delivery: WebhookDelivery) -> None:
        """Write what became of a delivery."""
        values = {
            "status": delivery.status,
            "attempts": delivery.attempts,
            "next_attempt_at": delivery.next_attempt_at,
            "last_attempt_at": delivery.last_attempt_at,
            "delivered_at": delivery.delivered_at,
            "response_status": delivery.response_status,
            "reason": delivery.reason,
            "duration_millis": delivery.duration_millis,
            "body_bytes": delivery.body_bytes,
        }
        await self._connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery.id).values(**values))

    async def drop(self, delivery_id: str) -> None:
        """Delete a delivery that its webhook does not want."""
        await self._connection.execute(sa.delete(deliveries).where(deliveries.c.id == delivery_id))

    async def parked(self, webhook_id: str, *, limit: int) -> Sequence[WebhookDelivery]:
        """Return the oldest parked deliveries of a webhook."""
        statement = sa.select(deliveries).where(
            deliveries.c.webhook_id == webhook_id, deliveries.c.status == WebhookDeliveryStatus.PARKED
        )
        rows = await self._connection.execute(statement.order_by(deliveries.c.occurred_at).limit(limit))
        return [delivery_of(row) for row in rows.mappings()]

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` deliveries that were queued before a moment, and return how many.

        What is pending stays, unless its webhook is disabled: it is delivered or parked first.
        """
        is_settled = deliveries.c.status != WebhookDeliveryStatus.PENDING
        disabled = sa.select(webhooks.c.id).where(sa.not_(webhooks.c.enabled))
        old = sa.select(deliveries.c.id).where(
            deliveries.c.created_at < before, sa.or_(is_settled, deliveries.c.webhook_id.in_(disabled))
        )
        old = old.limit(limit)
        result = await self._connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(old)))
        return result.rowcount


def _conditions(wanted: WebhookDeliveryFilter) -> list[sa.ColumnElement[bool]]:
    return [deliveries.c[name].in_([str(value) for value in values]) for name, values in wanted.among]
