"""Subscriptions of visitors: found by digests, because their addresses are encrypted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.visitor import VisitorDigests, VisitorKind, VisitorState, VisitorSubscription
from domain.persistence.dialects import insert_or_ignore, lock_rows
from domain.persistence.keyset import paged
from domain.persistence.prepared import Prepared
from domain.persistence.visitor_tables import visitor_subscriptions as subscriptions

#: Whether anybody is to be told anything: asked before every change that is queued.
ANYBODY = Prepared(lambda _: sa.select(sa.exists().where(subscriptions.c.state == VisitorState.CONFIRMED)))
_FIELDS = tuple(VisitorSubscription.__dataclass_fields__)
_COLUMNS = [subscriptions.c[name] for name in _FIELDS]
_LISTS = ("system_ids", "asked_system_ids")


class VisitorRepository:
    """Subscriptions by id, and by the digests of their address and their tokens."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert(self, subscription: VisitorSubscription, digests: VisitorDigests) -> bool:
        """Write a new subscription; return False where its address has one, also one that is not committed yet."""
        values = _values(subscription) | {
            "address_digest": digests.address,
            "place_digest": digests.place,
            "confirm_digest": digests.confirm,
            "leave_digest": digests.leave,
        }
        statement = insert_or_ignore(self._connection, subscriptions, values)
        return await self._connection.scalar(statement.returning(subscriptions.c.id)) is not None

    async def lock(self, subscription_id: str) -> VisitorSubscription | None:
        """Return the subscription, locked against other writers until the commit; messages can be queued for it."""
        await lock_rows(self._connection, subscriptions, [subscription_id], referable=True)
        return (await self.get_many([subscription_id])).get(subscription_id)

    async def id_of_address(self, digests: Sequence[str]) -> str | None:
        """Return the id of the subscription of an address, by its digest under any key."""
        return await self._id_where(subscriptions.c.address_digest.in_(digests))

    async def id_to_confirm(self, digest: str, *, now: datetime) -> str | None:
        """Return the id of the subscription that a token confirms, while that is good."""
        return await self._id_where(subscriptions.c.confirm_digest == digest, subscriptions.c.confirm_until > now)

    async def id_to_leave(self, digest: str) -> str | None:
        """Return the id of the subscription that a token ends."""
        return await self._id_where(subscriptions.c.leave_digest == digest)

    async def was_asked(self, place_digests: Sequence[str], *, since: datetime, besides: str) -> bool:
        """Return whether a place was sent a confirmation since a moment, for another subscription than one."""
        asked = sa.exists().where(
            subscriptions.c.place_digest.in_(place_digests),
            subscriptions.c.asked_at > since,
            subscriptions.c.id != besides,
        )
        return bool(await self._connection.scalar(sa.select(asked)))

    async def asked_since(self, moment: datetime) -> int:
        """Return how many subscriptions were sent a confirmation since a moment."""
        return await self._count(subscriptions.c.asked_at > moment)

    async def get_many(self, ids: Sequence[str]) -> dict[str, VisitorSubscription]:
        """Return the subscriptions of these ids; those that do not exist are left out."""
        rows = await self._connection.execute(sa.select(*_COLUMNS).where(subscriptions.c.id.in_(ids)))
        return {row["id"]: _subscription(row) for row in rows.mappings()}

    async def page(self, page: PageRequest) -> Page[VisitorSubscription]:
        """Return one page of all subscriptions, newest first."""
        statement = paged(sa.select(*_COLUMNS), [subscriptions.c.id], page, descending=True)
        return page.cut([_subscription(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of subscriptions, those that are not confirmed included."""
        return await self._count()

    async def save(self, subscription: VisitorSubscription) -> None:
        """Write a changed subscription."""
        await self._connection.execute(
            sa.update(subscriptions).where(subscriptions.c.id == subscription.id).values(**_values(subscription))
        )

    async def succeeded(self, subscription_id: str, *, at: datetime) -> None:
        """Note that a message was taken."""
        statement = sa.update(subscriptions).where(subscriptions.c.id == subscription_id)
        await self._connection.execute(statement.values(last_success_at=at, failing_since=None))

    async def delete(self, subscription_id: str) -> bool:
        """Delete a subscription with its messages; return False where there is none of that id."""
        statement = sa.delete(subscriptions).where(subscriptions.c.id == subscription_id)
        return await self._connection.scalar(statement.returning(subscriptions.c.id)) is not None

    async def prune(self, *, now: datetime, limit: int) -> int:
        """Delete up to `limit` subscriptions that were not confirmed in time, and return how many."""
        late = sa.select(subscriptions.c.id).where(
            subscriptions.c.state == VisitorState.PENDING, subscriptions.c.confirm_until <= now
        )
        late = late.order_by(subscriptions.c.id).limit(limit)
        result = await self._connection.execute(sa.delete(subscriptions).where(subscriptions.c.id.in_(late)))
        return result.rowcount

    async def _id_where(self, *conditions: sa.ColumnElement[bool]) -> str | None:
        found: str | None = await self._connection.scalar(sa.select(subscriptions.c.id).where(*conditions).limit(1))
        return found

    async def _count(self, *conditions: sa.ColumnElement[bool]) -> int:
        statement = sa.select(sa.func.count()).select_from(subscriptions).where(*conditions)
        return int(await self._connection.scalar(statement) or 0)


def _values(subscription: VisitorSubscription) -> dict[str, Any]:
    values = {name: getattr(subscription, name) for name in _FIELDS}
    return values | {name: list(values[name]) for name in _LISTS}


def _subscription(row: sa.RowMapping) -> VisitorSubscription:
    values = {name: row[name] for name in _FIELDS} | {name: tuple(row[name]) for name in _LISTS}
    kept = {"kind": VisitorKind(row["kind"]), "state": VisitorState(row["state"])}
    return VisitorSubscription(**(values | kept))
