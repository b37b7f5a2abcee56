"""Subscriptions of visitors: found by digests, because their addresses are encrypted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.visitor import VisitorDigests, VisitorKind, VisitorLink, VisitorState, VisitorSubscription
from domain.persistence.dialects import count_up, insert_or_ignore, keep_apart, lock_rows
from domain.persistence.keyset import paged
from domain.persistence.prepared import Prepared
from domain.persistence.visitor_tables import visitor_former_links as former_links
from domain.persistence.visitor_tables import visitor_requests as requests
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

    async def link(self, digest: str, *, now: datetime) -> VisitorLink | None:
        """Return what the token of a link confirms, while that is good."""
        present = sa.select(subscriptions.c.id, subscriptions.c.asked_system_ids).where(
            subscriptions.c.confirm_digest == digest, subscriptions.c.confirm_until > now
        )
        former = sa.select(former_links.c.subscription_id, former_links.c.system_ids).where(
            former_links.c.confirm_digest == digest, former_links.c.confirm_until > now
        )
        row = (await self._connection.execute(sa.union_all(present, former).limit(1))).first()
        return None if row is None else VisitorLink(subscription_id=row[0], system_ids=tuple(row[1]))

    async def replace_link(self, subscription: VisitorSubscription, *, digest: str) -> None:
        """Write a subscription that has the token of another link; what the former one confirms stays as it was."""
        columns = ("confirm_digest", "id", "asked_system_ids", "confirm_until")
        former = sa.select(*(subscriptions.c[name] for name in columns)).where(subscriptions.c.id == subscription.id)
        names = ["confirm_digest", "subscription_id", "system_ids", "confirm_until"]
        await self._connection.execute(sa.insert(former_links).from_select(names, former))
        present = sa.update(subscriptions).where(subscriptions.c.id == subscription.id)
        await self._connection.execute(present.values(**_values(subscription), confirm_digest=digest))

    async def id_to_leave(self, digest: str) -> str | None:
        """Return the id of the subscription that a token ends."""
        return await self._id_where(subscriptions.c.leave_digest == digest)

    async def asks_of(self, place_digests: Sequence[str]) -> tuple[int, datetime | None]:
        """Return how often a place was asked by now, and until when it is asked no more; 0 and None where it never was.

        Of all its subscriptions the one that was asked most often counts, and the latest moment.
        """
        most, latest = sa.func.max(subscriptions.c.asks), sa.func.max(subscriptions.c.next_ask_at)
        of_place = sa.select(most, latest).where(subscriptions.c.place_digest.in_(place_digests))
        asks, until = (await self._connection.execute(of_place)).one()
        return asks or 0, until

    async def count_request(self, caller: str, *, hour: datetime, most: int) -> bool:
        """Count a request of a caller in an hour; return False where it has made so many."""
        statement = count_up(self._connection, requests, caller=caller, hour=hour, most=most)
        return await self._connection.scalar(statement) is not None

    async def lock_requests(self, caller: str) -> None:
        """Lock the count of a caller's requests until the commit; what two do at once, they do one after another."""
        row = sa.select(requests.c.caller).where(requests.c.caller == caller)
        await self._connection.execute(keep_apart(self._connection, row))

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
        statement = sa.select(sa.func.count()).select_from(subscriptions)
        return int(await self._connection.scalar(statement) or 0)

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

    async def prune_links(self, *, now: datetime, limit: int) -> int:
        """Delete up to `limit` links of earlier confirmations that are good no more, and return how many."""
        late = sa.select(former_links.c.confirm_digest).where(former_links.c.confirm_until <= now).limit(limit)
        result = await self._connection.execute(sa.delete(former_links).where(former_links.c.confirm_digest.in_(late)))
        return result.rowcount

    async def prune_requests(self, *, before: datetime, limit: int) -> int:
        """Delete up to `limit` counts of hours before a moment, and return how many."""
        old = sa.select(requests.c.caller).where(requests.c.hour < before).limit(limit)
        statement = sa.delete(requests).where(requests.c.caller.in_(old), requests.c.hour < before)
        return (await self._connection.execute(statement)).rowcount

    async def _id_where(self, *conditions: sa.ColumnElement[bool]) -> str | None:
        found: str | None = await self._connection.scalar(sa.select(subscriptions.c.id).where(*conditions).limit(1))
        return found


def _values(subscription: VisitorSubscription) -> dict[str, Any]:
    values = {name: getattr(subscription, name) for name in _FIELDS}
    return values | {name: list(values[name]) for name in _LISTS}


def _subscription(row: sa.RowMapping) -> VisitorSubscription:
    values = {name: row[name] for name in _FIELDS} | {name: tuple(row[name]) for name in _LISTS}
    kept = {"kind": VisitorKind(row["kind"]), "state": VisitorState(row["state"])}
    return VisitorSubscription(**(values | kept))
