"""The queueing of deliveries, in the transaction that moves the reader of the log: none is lost, none is made up."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from domain.entities.incident import INCIDENT
from domain.ids import new_id
from domain.model.change import Change
from domain.model.webhook import Webhook, WebhookDelivery
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.persistence.webhooks import LISTENING, Replay

#: How many changes are queued once more in one transaction, which other writes wait for.
_BATCH = 200


class Queueing:
    """The queueing of new changes, and of those that webhooks are to get once more.

    What a document selects is known when it is answered, by the same execution that makes the body. So a delivery is
    queued for every change that its audience may see, and dropped when the document does not want it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def concerned(self, _: Sequence[Change]) -> bool:
        """Return whether any webhook is enabled; most servers have none, and the check is cheap."""
        return bool(await self._database.glance(LISTENING))

    async def handle(self, unit: UnitOfWork, change: Change) -> None:
        """Queue a change for all webhooks that may want it."""
        now = unit.moment()
        found = [
            _delivery(webhook, change, now=now)
            for webhook in await unit.webhooks.enabled()
            if change.seq > webhook.after_seq and _may_want(webhook, change)
        ]
        await unit.webhook_queues.add(found)

    async def replay(self) -> bool:
        """Queue the next part of what webhooks are to get once more; return whether there is more of it."""
        replays = await self._database.read(lambda session: session.webhooks.replays())
        parts = [
            (await self._database.write(partial(_replay, webhook_id=replay.webhook.id))).value for replay in replays
        ]
        return any(parts)


async def _replay(unit: UnitOfWork, *, webhook_id: str) -> bool:
    """Queue the next changes of a replay, and return whether there are more."""
    await unit.webhooks.lock(webhook_id)
    replay = next((each for each in await unit.webhooks.replays() if each.webhook.id == webhook_id), None)
    if replay is None:
        return False
    page = await unit.changes.after(replay.after, limit=_BATCH, kinds=[INCIDENT.name])
    now = unit.moment()
    found = [
        _delivery(replay.webhook, change, now=now)
        for change in _until(page, replay)
        if _may_want(replay.webhook, change)
    ]
    await unit.webhook_queues.add(found, urgent=True)
    is_over = len(page) < _BATCH or page[-1].seq >= replay.until
    await unit.webhooks.replayed(webhook_id, to=None if is_over else page[-1].seq)
    await unit.webhooks.mark_gap(webhook_id)
    return not is_over


def _until(page: Sequence[Change], replay: Replay) -> Sequence[Change]:
    return [change for change in page if change.seq <= replay.until]


def _may_want(webhook: Webhook, change: Change) -> bool:
    """Return whether the audience of a webhook sees the change and, without a document, a trigger event fired."""
    return change.concerns(webhook.audience.audience) and (webhook.document is not None or bool(change.events))


def _delivery(webhook: Webhook, change: Change, *, now: datetime) -> WebhookDelivery:
    return WebhookDelivery(
        id=new_id("whd"),
        webhook_id=webhook.id,
        change_id=change.id,
        seq=change.seq,
        incident_id=change.entity_id,
        event=change.events[0] if change.events else None,
        occurred_at=change.occurred_at,
        created_at=now,
        next_attempt_at=now,
    )
