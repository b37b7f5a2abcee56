"""Webhooks, whose signing secrets are stored encrypted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.model.paging import Page, PageRequest
from domain.model.webhook import Webhook, WebhookAudience, WebhookDeliveryStatus
from domain.persistence.dialects import lock_rows
from domain.persistence.keyset import paged
from domain.persistence.prepared import Prepared
from domain.persistence.rows import actor_columns, actor_of
from domain.persistence.webhook_tables import webhook_deliveries, webhooks

#: Read back only where something is signed.
_SECRETS = {"secret", "former_secret"}
_COLUMNS = [column for column in webhooks.c if column.name not in _SECRETS]
_PLAIN = [
    column.name
    for column in _COLUMNS
    if not column.name.startswith(("created_by", "replay_")) and column.name != "audience"
]
#: Whether any webhook wants changes at all: asked before every change that is queued.
LISTENING = Prepared(lambda _: sa.select(sa.exists().where(webhooks.c.enabled)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The signing secrets of a webhook, encrypted: the present one, and the one before where there is one."""

    secret: str
    former: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A part of the log that a webhook is to get once more."""

    webhook: Webhook
    after: int
    until: int


class WebhookRepository:
    """Webhooks by id."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get_many(self, ids: Sequence[str]) -> dict[str, Webhook]:
        """Return the webhooks of these ids; those that do not exist are left out."""
        rows = (await self._connection.execute(sa.select(*_COLUMNS).where(webhooks.c.id.in_(ids)))).mappings()
        return {row["id"]: _webhook(row) for row in rows}

    async def enabled(self) -> Sequence[Webhook]:
        """Return all webhooks that are enabled, by id; there are at most as many as can be created."""
        statement = sa.select(*_COLUMNS).where(webhooks.c.enabled).order_by(webhooks.c.id)
        return [_webhook(row) for row in (await self._connection.execute(statement)).mappings()]

    async def replays(self) -> Sequence[Replay]:
        """Return the parts of the log that enabled webhooks are to get once more."""
        statement = sa.select(*_COLUMNS).where(webhooks.c.replay_seq.is_not(None), webhooks.c.enabled)
        rows = (await self._connection.execute(statement.order_by(webhooks.c.id))).mappings()
        return [Replay(webhook=_webhook(row), after=row["replay_seq"], until=row["replay_until"]) for row in rows]

    async def sealed(self, webhook_id: str) -> Sealed | None:
        """Return the encrypted secrets of a webhook; None where there is no webhook of that id."""
        statement = sa.select(webhooks.c.secret, webhooks.c.former_secret).where(webhooks.c.id == webhook_id)
        row = (await self._connection.execute(statement)).first()
        return None if row is None else Sealed(secret=row.secret, former=row.former_secret)

    async def lock(self, webhook_id: str) -> Webhook | None:
        """Return the webhook, locked against other writers until the commit; its deliveries can be written."""
        await lock_rows(self._connection, webhooks, [webhook_id], referable=True)
        return (await self.get_many([webhook_id])).get(webhook_id)

    async def page(self, page: PageRequest) -> Page[Webhook]:
        """Return one page of all webhooks, newest first."""
        statement = paged(sa.select(*_COLUMNS), [webhooks.c.id], page, descending=True)
        return page.cut([_webhook(row) for row in (await self._connection.execute(statement)).mappings()])

    async def count(self) -> int:
        """Return the number of webhooks."""
        return int(await self._connection.scalar(sa.select(sa.func.count()).select_from(webhooks)) or 0)

    async def insert(self, webhook: Webhook, secret: str) -> None:
        """Write a new webhook with its encrypted secret."""
        values = _values(webhook) | {"id": webhook.id, "secret": secret, "created_at": webhook.created_at}
        values |= actor_columns("created_by", webhook.created_by)
        await self._connection.execute(sa.insert(webhooks).values(**values))

    async def save(self, webhook: Webhook) -> None:
        """Write a changed webhook, but for its secrets."""
        await self._update(webhook.id, **_values(webhook))

    async def rotate(self, webhook_id: str, secret: str, *, at: datetime, former_until: datetime) -> None:
        """Write another encrypted secret; the one before is used as well until a moment."""
        former = {"former_secret": webhooks.c.secret, "former_secret_until": former_until}
        await self._update(webhook_id, secret=secret, secret_created_at=at, updated_at=at, **former)

    async def replay(self, webhook_id: str, *, after: int, until: int) -> None:
        """Note a part of the log to be queued once more; with one that is noted already, from the earlier one on."""
        pending = webhooks.c.replay_seq
        earliest = sa.case((pending < after, pending), else_=sa.literal(after, sa.BigInteger))
        await self._update(webhook_id, replay_seq=earliest, replay_until=until)

    async def replayed(self, webhook_id: str, *, to: int | None) -> None:
        """Note how far a part of the log was queued once more; None where all of it was."""
        ends = {"replay_until": None} if to is None else {}
        await self._update(webhook_id, replay_seq=to, **ends)

    async def delete(self, webhook_id: str) -> bool:
        """Delete a webhook with its deliveries; return False where there is none of that id."""
        statement = sa.delete(webhooks).where(webhooks.c.id == webhook_id).returning(webhooks.c.id)
        return await self._connection.scalar(statement) is not None

    async def succeeded(self, webhook_id: str, *, at: datetime) -> None:
        """Note that the receiver has taken a delivery."""
        await self._update(webhook_id, last_success_at=at, failing_since=None, paused_until=None)

    async def failed(self, webhook_id: str, *, at: datetime, paused_until: datetime | None) -> None:
        """Note that an attempt failed, and until when the receiver asked to be left alone, if it did."""
        since = sa.func.coalesce(webhooks.c.failing_since, sa.literal(at, webhooks.c.failing_since.type))
        pause = {} if paused_until is None else {"paused_until": paused_until}
        await self._update(webhook_id, failing_since=since, **pause)

    async def disable(self, webhook_id: str, *, at: datetime, reason: str) -> bool:
        """Disable a webhook for a reason that admins see, and return whether it was enabled before."""
        statement = sa.update(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.enabled)
        values = {"enabled": False, "disabled_at": at, "disabled_reason": reason, "updated_at": at}
        return (await self._connection.execute(statement.values(**values))).rowcount > 0

    async def mark_gap(self, webhook_id: str) -> None:
        """Note the moment of the oldest change that is parked; none where nothing is."""
        parked = sa.select(sa.func.min(webhook_deliveries.c.occurred_at)).where(
            webhook_deliveries.c.webhook_id == webhook_id,
            webhook_deliveries.c.status == WebhookDeliveryStatus.PARKED,
        )
        await self._update(webhook_id, gap_since=parked.scalar_subquery())

    async def _update(self, webhook_id: str, **values: Any) -> None:
        await self._connection.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(**values))


def _values(webhook: Webhook) -> dict[str, Any]:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "enabled": webhook.enabled,
        "audience": webhook.audience,
        "document": webhook.document,
        "variables": dict(webhook.variables),
        "updated_at": webhook.updated_at,
        "secret_created_at": webhook.secret_created_at,
        "disabled_at": webhook.disabled_at,
        "disabled_reason": webhook.disabled_reason,
        "failing_since": webhook.failing_since,
        "paused_until": webhook.paused_until,
        "after_seq": webhook.after_seq,
    }


def _webhook(row: sa.RowMapping) -> Webhook:
    return Webhook(
        **{name: row[name] for name in _PLAIN},
        audience=WebhookAudience(row["audience"]),
        created_by=actor_of("created_by", row),
    )
