"""The use cases of webhooks: who manages them, and what is sent once more."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import orjson

from domain.clock import Clock
from domain.errors import ConflictError, CursorExpiredError, InvalidInputError, NotFoundError
from domain.ids import is_id, new_id
from domain.model.audit import AuditAction, AuditKind, hidden
from domain.model.cursor import CursorCodec
from domain.model.paging import Page, PageRequest
from domain.model.viewer import Viewer
from domain.model.webhook import Webhook, WebhookAudience, WebhookDelivery, WebhookDeliveryFilter
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.webhooks import Sealed
from domain.services.auditing import audit
from domain.services.writing import Outcome, Writer
from domain.webhooks.bodies import Body
from domain.webhooks.cloudevents import CONTENT_TYPE, test_event, traceparent_of
from domain.webhooks.documents import DocumentPort
from domain.webhooks.drafting import Drafts, WriteWebhook, merged
from domain.webhooks.rules import Answer
from domain.webhooks.sending import Message, Sender
from domain.webhooks.signing import fresh_secret

#: How many webhooks there may be: each change is looked at for each of them.
MOST_WEBHOOKS = 100
#: How long a former secret may be used beside the present one.
LONGEST_OVERLAP = timedelta(days=7)
#: How many parked deliveries are queued once more by one call.
_MOST_PARKED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The outcome of a test, which is in no log."""

    is_accepted: bool
    status: int | None
    reason: str | None
    duration_millis: int


class WebhookService:
    """The use cases of webhooks. Like integrations, they are not in the log; what they deliver is."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        writer: Writer,
        cursors: CursorCodec,
        sender: Sender,
        port: DocumentPort,
        wake: asyncio.Event,
    ) -> None:
        self._database = database
        self._clock = clock
        self._writer = writer
        self._cursors = cursors
        self._sender = sender
        self._drafts = Drafts(sender, port)
        self._wake = wake

    async def create(self, viewer: Viewer, command: WriteWebhook) -> Outcome[tuple[Webhook, str]]:
        """Create a webhook, which gets changes from now on, and return it with its signing secret.

        Raises:
            InvalidInputError: the address, the document or a text cannot be accepted.
            UnsupportedError: the server has no key to encrypt secrets with.
            ConflictError: there are as many as there may be.
        """
        draft = await self._drafts.accepted(_blank(viewer, self._clock.now()), command)
        secret = fresh_secret()
        sealed = await self._sender.secrets.seal(draft.id, secret)

        async def work(unit: UnitOfWork) -> tuple[Webhook, str]:
            # Two at once may pass one beyond it, which costs no more than the bound does.
            if await unit.webhooks.count() >= MOST_WEBHOOKS:
                raise ConflictError(f"There are {MOST_WEBHOOKS} webhooks, which are the most. Delete one first.")
            now = unit.moment()
            head = await unit.changes.head()
            made = replace(draft, created_at=now, updated_at=now, secret_created_at=now, after_seq=head)
            if not made.enabled:
                made = replace(made, disabled_at=now)
            await unit.webhooks.insert(made, sealed)
            await audit(unit, viewer, AuditKind.WEBHOOK, AuditAction.CREATED, after=made)
            await unit.people.note_user(viewer.actor, at=now)
            return made, secret

        return await self._writer.run(work)

    async def update(self, viewer: Viewer, webhook_id: str, command: WriteWebhook) -> Outcome[Webhook]:
        """Change a webhook; what is pending is sent as it is from now on.

        Raises:
            NotFoundError: there is none of that id.
            InvalidInputError, UnsupportedError: see `create`.
        """
        known = (await self.get_many([webhook_id])).get(webhook_id) if is_id(webhook_id, "whk") else None
        if known is None:
            raise NotFoundError("Webhook", webhook_id)
        # The network and the executor are asked before the transaction, which then writes what they accepted.
        accepted = await self._drafts.accepted(known, command)

        async def work(unit: UnitOfWork) -> Webhook:
            before = await _locked(unit, webhook_id)
            after = merged(before, accepted, command)
            if after == before:
                return before
            if after.enabled is not before.enabled:
                after = await _switched(unit, after)
            if after.url != before.url:
                # What the former receiver failed at, or asked for, says nothing about this one.
                after = replace(after, failing_since=None, paused_until=None)
            after = replace(after, updated_at=unit.moment())
            await unit.webhooks.save(after)
            await audit(unit, viewer, AuditKind.WEBHOOK, AuditAction.UPDATED, before=before, after=after)
            return after

        return await self._writer.run(work)

    async def rotate(self, viewer: Viewer, webhook_id: str, *, overlap: timedelta) -> Outcome[tuple[Webhook, str]]:
        """Replace the signing secret and return the new one; both sign until the overlap is over.

        Raises:
            NotFoundError: there is none of that id.
            InvalidInputError: the overlap is negative, or longer than a week.
            UnsupportedError: the server has no key to encrypt secrets with.
        """
        if not timedelta() <= overlap <= LONGEST_OVERLAP:
            raise InvalidInputError("The overlap must be 0 to 604800 seconds, a week.", field=["overlapSeconds"])
        if not is_id(webhook_id, "whk"):
            raise NotFoundError("Webhook", webhook_id)
        secret = fresh_secret()
        sealed = await self._sender.secrets.seal(webhook_id, secret)

        async def work(unit: UnitOfWork) -> tuple[Webhook, str]:
            before = await _locked(unit, webhook_id)
            now = unit.moment()
            await unit.webhooks.rotate(webhook_id, sealed, at=now, former_until=now + overlap)
            changes = hidden("secret")
            await audit(
                unit, viewer, AuditKind.WEBHOOK, AuditAction.ROTATED, before=before, after=before, changes=changes
            )
            return replace(before, secret_created_at=now, updated_at=now, former_secret_until=now + overlap), secret

        return await self._writer.run(work)

    async def delete(self, viewer: Viewer, webhook_id: str) -> Outcome[str]:
        """Delete a webhook with its deliveries.

        Raises:
            NotFoundError: there is none of that id.
        """

        async def work(unit: UnitOfWork) -> str:
            known = await _locked(unit, webhook_id)
            if not await unit.webhooks.delete(webhook_id):
                raise NotFoundError("Webhook", webhook_id)
            await audit(unit, viewer, AuditKind.WEBHOOK, AuditAction.DELETED, before=known)
            return webhook_id

        return await self._writer.run(work)

    async def test(self, webhook_id: str) -> Outcome[Tested]:
        """Send a test to the receiver now, once, and return its answer.

        Raises:
            NotFoundError: there is none of that id.
        """
        # A unit of work, because every payload has a place of the log.
        outcome = await self._writer.run(lambda unit: _with_secrets(unit, webhook_id))
        webhook, sealed = outcome.value
        now = self._clock.now()
        message_id = new_id("whd")
        body = Body(content=orjson.dumps(test_event(webhook_id, message_id, now=now)), content_type=CONTENT_TYPE)
        until = webhook.former_secret_until
        message = Message(
            webhook_id=webhook_id,
            id=message_id,
            url=webhook.url,
            body=body,
            traceparent=traceparent_of(message_id),
            sealed=sealed,
            signs_twice=until is not None and now < until,
        )
        return Outcome(_tested(await self._sender.send(message)), outcome.seq)

    async def redeliver(self, delivery_id: str) -> Outcome[WebhookDelivery]:
        """Queue a delivery once more, with all of its retries before it.

        Raises:
            NotFoundError: there is no such delivery, or not any more.
            ConflictError: its webhook is disabled.
        """

        async def work(unit: UnitOfWork) -> WebhookDelivery:
            known = (await unit.webhook_deliveries.get_many([delivery_id] if is_id(delivery_id, "whd") else [])).get(
                delivery_id
            )
            if known is None:
                raise NotFoundError("Delivery", delivery_id)
            _require_enabled(await _locked(unit, known.webhook_id))
            again = _again(known, now=unit.moment())
            await unit.webhook_queues.add([again], urgent=True)
            await unit.webhooks.mark_gap(known.webhook_id)
            return again

        outcome = await self._writer.run(work)
        self._wake.set()
        return outcome

    async def redeliver_all(self, webhook_id: str, *, after: str | None) -> Outcome[Webhook]:
        """Queue once more all changes behind a cursor of the log; without one, up to 1000 deliveries that were parked.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: it is disabled.
            InvalidCursorError: this database did not issue the cursor.
            CursorExpiredError: changes behind it are no longer kept.
        """
        position = None if after is None else self._cursors.read_position(after)

        async def work(unit: UnitOfWork) -> Webhook:
            _require_enabled(await _locked(unit, webhook_id))
            if position is None:
                await _queue_parked(unit, webhook_id)
            else:
                if not await unit.changes.keeps(position):
                    raise CursorExpiredError
                await unit.webhooks.replay(webhook_id, after=position, until=await unit.changes.head())
            return (await unit.webhooks.get_many([webhook_id]))[webhook_id]

        outcome = await self._writer.run(work)
        self._wake.set()
        return outcome

    async def get_many(self, ids: Sequence[str]) -> dict[str, Webhook]:
        """Return the webhooks of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.webhooks.get_many(ids))

    async def page(self, page: PageRequest) -> Page[Webhook]:
        """Return one page of all webhooks, newest first."""
        return await self._database.read(lambda session: session.webhooks.page(page))

    async def count(self) -> int:
        """Return the number of webhooks."""
        return await self._database.read(lambda session: session.webhooks.count())

    async def deliveries(self, ids: Sequence[str]) -> dict[str, WebhookDelivery]:
        """Return the deliveries of these ids; unknown ones are left out."""
        return await self._database.read(lambda session: session.webhook_deliveries.get_many(ids))

    async def delivery_page(self, page: PageRequest, wanted: WebhookDeliveryFilter) -> Page[WebhookDelivery]:
        """Return one page of the deliveries that match, newest first."""
        return await self._database.read(lambda session: session.webhook_deliveries.page(page, wanted))

    async def delivery_count(self, wanted: WebhookDeliveryFilter) -> int:
        """Return the number of deliveries that match."""
        return await self._database.read(lambda session: session.webhook_deliveries.count(wanted))


async def _locked(unit: UnitOfWork, webhook_id: str) -> Webhook:
    found = await unit.webhooks.lock(webhook_id) if is_id(webhook_id, "whk") else None
    if found is None:
        raise NotFoundError("Webhook", webhook_id)
    return found


async def _with_secrets(session: ReadSession, webhook_id: str) -> tuple[Webhook, Sealed]:
    known = await session.webhooks.get_many([webhook_id]) if is_id(webhook_id, "whk") else {}
    sealed = await session.webhooks.sealed(webhook_id) if known else None
    if sealed is None:
        raise NotFoundError("Webhook", webhook_id)
    return known[webhook_id], sealed


async def _switched(unit: UnitOfWork, webhook: Webhook) -> Webhook:
    """Return a webhook that was enabled or disabled now; one that is enabled begins at the head of the log."""
    if not webhook.enabled:
        return replace(webhook, disabled_at=unit.moment(), disabled_reason=None)
    return replace(
        webhook,
        disabled_at=None,
        disabled_reason=None,
        failing_since=None,
        paused_until=None,
        after_seq=await unit.changes.head(),
    )


async def _queue_parked(unit: UnitOfWork, webhook_id: str) -> None:
    parked = await unit.webhook_deliveries.parked(webhook_id, limit=_MOST_PARKED)
    await unit.webhook_queues.add([_again(each, now=unit.moment()) for each in parked], urgent=True)
    await unit.webhooks.mark_gap(webhook_id)


def _again(delivery: WebhookDelivery, *, now: datetime) -> WebhookDelivery:
    """Return a delivery that is pending again; it keeps its id, by which receivers know it."""
    return WebhookDelivery(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        change_id=delivery.change_id,
        seq=delivery.seq,
        incident_id=delivery.incident_id,
        event=delivery.event,
        occurred_at=delivery.occurred_at,
        created_at=now,
        next_attempt_at=now,
    )


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise ConflictError("This webhook is disabled. Enable it first.", field=["id"])


def _tested(answer: Answer) -> Tested:
    return Tested(
        is_accepted=answer.is_success,
        status=answer.status,
        reason=None if answer.is_success else answer.reason,
        duration_millis=round(answer.seconds * 1000),
    )


def _blank(viewer: Viewer, now: datetime) -> Webhook:
    return Webhook(
        id=new_id("whk"),
        name="",
        url="",
        enabled=True,
        audience=WebhookAudience.PUBLIC,
        variables={},
        created_at=now,
        updated_at=now,
        created_by=viewer.actor,
        secret_created_at=now,
    )
