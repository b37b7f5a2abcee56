"""The queues of visitors' messages: one for each subscription, in its own row, worked off under a lease."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.ids import new_id
from domain.model.visitor import VisitorDelivery, VisitorKind, VisitorNotice, VisitorState
from domain.persistence.dialects import insert_many_or_ignore, insert_or_ignore, keep_apart
from domain.persistence.visitor_tables import visitor_deliveries as deliveries
from domain.persistence.visitor_tables import visitor_notices as notices
from domain.persistence.visitor_tables import visitor_subscriptions as subscriptions


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorLease:
    """A queue that one process works off; when the lease has ended, another may take it."""

    subscription_id: str
    kind: VisitorKind
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A visitor who may want to be notified of a change."""

    id: str
    system_ids: Sequence[str]


class VisitorQueueRepository:
    """The changes that visitors are to be notified of, and the queues of their messages."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, notice: VisitorNotice) -> None:
        """Note a change that visitors are to be notified of; one that is noted already stays as it is."""
        values = {column.name: getattr(notice, column.name) for column in notices.c}
        await self._connection.execute(insert_or_ignore(self._connection, notices, values))

    async def has_notice(self) -> bool:
        """Return whether there is a change whose messages are not all queued."""
        return bool(await self._connection.scalar(sa.select(sa.exists(sa.select(notices.c.seq)))))

    async def first_notice(self) -> VisitorNotice | None:
        """Return the oldest change whose messages are not all queued, locked until the commit."""
        statement = keep_apart(self._connection, sa.select(notices).order_by(notices.c.seq).limit(1))
        row = (await self._connection.execute(statement)).mappings().first()
        return None if row is None else VisitorNotice(**row)

    async def reached(self, notice: VisitorNotice, *, to: str) -> None:
        """Note up to which subscription the messages of a change are queued."""
        await self._connection.execute(sa.update(notices).where(notices.c.seq == notice.seq).values(reached=to))

    async def drop_notice(self, notice: VisitorNotice) -> None:
        """Delete a change whose messages are all queued."""
        await self._connection.execute(sa.delete(notices).where(notices.c.seq == notice.seq))

    async def next_recipients(self, notice: VisitorNotice, *, limit: int) -> Sequence[Recipient]:
        """Return the next visitors, by id, who were confirmed before a change; they are locked until the commit.

        A process that closes a queue locks its row, too: a message is queued before that, or found by it.
        """
        statement = (
            sa.select(subscriptions.c.id, subscriptions.c.system_ids)
            .where(
                subscriptions.c.state == VisitorState.CONFIRMED,
                subscriptions.c.id > notice.reached,
                subscriptions.c.after_seq < notice.seq,
            )
            .order_by(subscriptions.c.id)
            .limit(limit)
        )
        rows = await self._connection.execute(keep_apart(self._connection, statement))
        return [Recipient(id=row.id, system_ids=row.system_ids) for row in rows]

    async def add(self, found: Sequence[VisitorDelivery], *, now: datetime) -> None:
        """Queue messages of subscriptions that are locked; one that is queued already stays as it is.

        A queue that waits for a retry goes on waiting.
        """
        if not found:
            return
        rows = [{column.name: getattr(delivery, column.name) for column in deliveries.c} for delivery in found]
        await self._connection.execute(insert_many_or_ignore(self._connection, deliveries), rows)
        waiting = subscriptions.c.id.in_([delivery.subscription_id for delivery in found])
        idle = sa.update(subscriptions).where(waiting, subscriptions.c.due_at.is_(None))
        await self._connection.execute(idle.values(due_at=now))

    async def due(self, *, now: datetime, besides: Collection[str], limit: int) -> Sequence[VisitorLease]:
        """Return leases to take on queues that are due, the longest waiting first; not of some kinds."""
        statement = (
            sa.select(subscriptions.c.id, subscriptions.c.kind)
            .where(*_free(now, besides), subscriptions.c.due_at <= now)
            .order_by(subscriptions.c.due_at)
            .limit(limit)
        )
        rows = await self._connection.execute(statement)
        return [VisitorLease(subscription_id=row.id, kind=VisitorKind(row.kind), owner=new_id("lse")) for row in rows]

    async def next_due(self, *, now: datetime, besides: Collection[str]) -> datetime | None:
        """Return the moment at which the next queue is due, not of some kinds, which may have been; None without."""
        statement = sa.select(sa.func.min(subscriptions.c.due_at)).where(*_free(now, besides))
        found: datetime | None = await self._connection.scalar(statement)
        return found

    async def take(self, lease: VisitorLease, *, now: datetime, until: datetime) -> bool:
        """Take a queue; return False where another process was quicker, or nothing is due any more."""
        statement = (
            sa.update(subscriptions)
            .where(subscriptions.c.id == lease.subscription_id, subscriptions.c.due_at <= now, _is_free(now))
            .values(leased_until=until, leased_by=lease.owner)
            .returning(subscriptions.c.id)
        )
        return await self._connection.scalar(statement) is not None

    async def hold(self, lease: VisitorLease) -> bool:
        """Lock a queue until the commit; return False where the lease is another process's by now, or it is deleted."""
        statement = sa.select(subscriptions.c.due_at).where(
            subscriptions.c.id == lease.subscription_id, subscriptions.c.leased_by == lease.owner
        )
        return (await self._connection.execute(keep_apart(self._connection, statement))).first() is not None

    async def first(self, lease: VisitorLease) -> VisitorDelivery | None:
        """Return the oldest message of a queue."""
        statement = sa.select(deliveries).where(deliveries.c.subscription_id == lease.subscription_id)
        row = (await self._connection.execute(statement.order_by(deliveries.c.seq).limit(1))).mappings().first()
        return None if row is None else VisitorDelivery(**row)

    async def prolong(self, lease: VisitorLease, *, until: datetime) -> None:
        """Keep a held queue until a later moment."""
        statement = sa.update(subscriptions).where(subscriptions.c.id == lease.subscription_id)
        await self._connection.execute(statement.values(leased_until=until))

    async def release(self, lease: VisitorLease, *, due_at: datetime | None) -> None:
        """Give a held queue back; it is due again at a moment, or holds nothing any more."""
        statement = sa.update(subscriptions).where(subscriptions.c.id == lease.subscription_id)
        await self._connection.execute(statement.values(due_at=due_at, leased_until=None, leased_by=None))

    async def attempted(self, delivery: VisitorDelivery) -> None:
        """Note that a message was sent once more, in vain."""
        statement = sa.update(deliveries).where(deliveries.c.id == delivery.id)
        await self._connection.execute(statement.values(attempts=delivery.attempts + 1))

    async def drop(self, delivery_id: str) -> None:
        """Delete a message that is sent, or given up."""
        await self._connection.execute(sa.delete(deliveries).where(deliveries.c.id == delivery_id))

    async def empty(self, subscription_id: str) -> None:
        """Delete all messages of a subscription."""
        await self._connection.execute(sa.delete(deliveries).where(deliveries.c.subscription_id == subscription_id))

    async def count(self) -> int:
        """Return the number of messages that are yet to be sent."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(deliveries)) or 0)

    async def prune(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` messages that were queued before a moment and that no server could send."""
        old = sa.select(deliveries.c.id).where(deliveries.c.created_at < before).limit(limit)
        result = await self._connection.execute(sa.delete(deliveries).where(deliveries.c.id.in_(old)))
        return result.rowcount


def _is_free(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(subscriptions.c.leased_until.is_(None), subscriptions.c.leased_until <= now)


def _free(now: datetime, besides: Collection[str]) -> Sequence[sa.ColumnElement[bool]]:
    return subscriptions.c.due_at.is_not(None), _is_free(now), subscriptions.c.kind.not_in(list(besides))
