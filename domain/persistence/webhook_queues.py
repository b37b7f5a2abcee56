"""The queues of deliveries: one for each webhook and incident, worked off by one process at a time under a lease."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import new_id
from domain.model.webhook import WebhookDelivery, WebhookDeliveryStatus
from domain.persistence.dialects import is_sqlite, keep_apart, locking_insert, upsert_of
from domain.persistence.webhook_tables import webhook_deliveries as deliveries
from domain.persistence.webhook_tables import webhook_queues as queues
from domain.persistence.webhook_tables import webhooks

_KEY = ("webhook_id", "incident_id")
#: Of a delivery that is queued once more, all but its id.
_REWRITTEN = [column.name for column in deliveries.c if column.name != "id"]
_NOW = sa.bindparam("now", type_=queues.c.due_at.type)


def _free() -> Any:
    """Return the query for queues that some process may take: without a lease, of a webhook that is to be called."""
    return (
        sa.select()
        .select_from(queues.join(webhooks))
        .where(
            webhooks.c.enabled,
            sa.or_(webhooks.c.paused_until.is_(None), webhooks.c.paused_until <= _NOW),
            sa.or_(queues.c.leased_until.is_(None), queues.c.leased_until <= _NOW),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A queue that one process works off; when the lease has ended, another may take it."""

    webhook_id: str
    incident_id: str
    owner: str


class WebhookQueueRepository:
    """Queues by webhook and incident. A queue exists as long as something in it is pending."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, found: Sequence[WebhookDelivery], *, urgent: bool = False) -> None:
        """Queue deliveries; one that is there already is pending again, with all of its retries before it.

        A queue that waits for a retry goes on waiting, unless it is urgent.
        """
        if not found:
            return
        rows = [_row(delivery) for delivery in found]
        lanes = {(row["webhook_id"], row["incident_id"]): row["created_at"] for row in rows}
        # The queue's row first, which whoever deletes an empty queue holds, too; in one order, against deadlocks.
        due = [{"webhook_id": key[0], "incident_id": key[1], "due_at": lanes[key]} for key in sorted(lanes)]
        sqlite = is_sqlite(self._connection)
        queueing = (
            upsert_of(queues, _KEY, [*_KEY, "due_at"], sqlite=sqlite)
            if urgent
            else locking_insert(queues, _KEY, sqlite=sqlite)
        )
        await self._connection.execute(queueing, due)
        await self._connection.execute(upsert_of(deliveries, ("webhook_id", "seq"), _REWRITTEN, sqlite=sqlite), rows)

    async def due(self, *, now: datetime, besides: Collection[str], limit: int) -> Sequence[Lease]:
        """Return leases to take on queues that are due, the longest waiting first; not of some webhooks."""
        statement = _free().add_columns(queues.c.webhook_id, queues.c.incident_id)
        statement = statement.where(queues.c.due_at <= _NOW, queues.c.webhook_id.not_in(list(besides)))
        statement = statement.order_by(queues.c.due_at).limit(limit)
        rows = await self._connection.execute(statement, {"now": now})
        return [Lease(webhook_id=row.webhook_id, incident_id=row.incident_id, owner=new_id("lse")) for row in rows]

    async def next_due(self, *, now: datetime, besides: Collection[str]) -> datetime | None:
        """Return the moment at which the next queue is due, not of some webhooks, which may have been; None without."""
        statement = _free().add_columns(sa.func.min(queues.c.due_at))
        statement = statement.where(queues.c.webhook_id.not_in(list(besides)))
        found: datetime | None = await self._connection.scalar(statement, {"now": now})
        return found

    async def take(self, lease: Lease, *, now: datetime, until: datetime) -> bool:
        """Take a queue; return False where another process was quicker, or nothing is due any more."""
        statement = (
            sa.update(queues)
            .where(
                *_of(lease),
                queues.c.due_at <= now,
                sa.or_(queues.c.leased_until.is_(None), queues.c.leased_until <= now),
            )
            .values(leased_until=until, leased_by=lease.owner)
            .returning(queues.c.incident_id)
        )
        return await self._connection.scalar(statement) is not None

    async def hold(self, lease: Lease) -> bool:
        """Lock a queue until the commit; return False where the lease is another process's by now."""
        statement = sa.select(queues.c.due_at).where(*_of(lease), queues.c.leased_by == lease.owner)
        return (await self._connection.execute(keep_apart(self._connection, statement))).first() is not None

    async def first(self, lease: Lease) -> WebhookDelivery | None:
        """Return the oldest pending delivery of a queue that is held."""
        statement = sa.select(deliveries).where(*_pending(lease)).order_by(deliveries.c.seq).limit(1)
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else delivery_of(row)

    async def prolong(self, lease: Lease, *, until: datetime) -> None:
        """Keep a held queue until a later moment."""
        await self._connection.execute(sa.update(queues).where(*_of(lease)).values(leased_until=until))

    async def release(self, lease: Lease, *, due_at: datetime) -> None:
        """Give a held queue back; it is due again at a moment."""
        values = {"due_at": due_at, "leased_until": None, "leased_by": None}
        await self._connection.execute(sa.update(queues).where(*_of(lease)).values(**values))

    async def close(self, lease: Lease) -> None:
        """Delete a held queue, in which nothing is pending any more."""
        await self._connection.execute(sa.delete(queues).where(*_of(lease)))


def delivery_of(row: sa.RowMapping) -> WebhookDelivery:
    """Return the delivery of a row."""
    return WebhookDelivery(**{**row, "status": WebhookDeliveryStatus(row["status"])})


def _of(lease: Lease) -> Iterable[sa.ColumnElement[bool]]:
    return queues.c.webhook_id == lease.webhook_id, queues.c.incident_id == lease.incident_id


def _pending(lease: Lease) -> Iterable[sa.ColumnElement[bool]]:
    return (
        deliveries.c.webhook_id == lease.webhook_id,
        deliveries.c.incident_id == lease.incident_id,
        deliveries.c.status == WebhookDeliveryStatus.PENDING,
    )


def _row(delivery: WebhookDelivery) -> dict[str, Any]:
    return {column.name: getattr(delivery, column.name) for column in deliveries.c}
