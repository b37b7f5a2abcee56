"""The delivering: what a job of a webhook's queue is, how it is sent, and what follows from the answer."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from typing_extensions import override

from domain.counting import counted_from_zero
from domain.errors import InvalidInputError, UnavailableError
from domain.messaging.leasing import LEASE, CutOff, LeasedQueues
from domain.model.audit import AuditAction, AuditKind
from domain.model.change import Change
from domain.model.viewer import SYSTEM_VIEWER
from domain.model.webhook import Webhook, WebhookDelivery, WebhookDeliveryStatus
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.webhook_queues import Lease
from domain.persistence.webhooks import Sealed
from domain.services.auditing import audit
from domain.tracing import SpanKind, Tracer, current_trace, span_of
from domain.webhooks.bodies import Bodies
from domain.webhooks.cloudevents import trace_of
from domain.webhooks.queueing import Queueing
from domain.webhooks.rules import Answer, Verdict, judge
from domain.webhooks.sending import Message, Sender

logger = logging.getLogger(__name__)

#: How many queues of one webhook a process works off at a time. There is no bound for all: each has its own, so that
#: slow receivers take nothing from others.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A delivery to send now, and all that it takes."""

    webhook: Webhook
    sealed: Sealed
    delivery: WebhookDelivery
    #: None where it is no longer in the log.
    change: Change | None
    now: datetime


class Unwanted:
    """The outcome of a delivery that its webhook does not want."""


Outcome = Answer | Unwanted


class WebhookQueues(LeasedQueues[Lease, Job, Outcome]):
    """The queues of webhooks: one for each webhook and incident, and those of a webhook are limited together."""

    def __init__(
        self,
        *,
        queueing: Queueing,
        bodies: Bodies,
        sender: Sender,
        chance: Callable[[], float],
        tracer: Tracer | None,
    ) -> None:
        self._tracer = tracer
        self._queueing = queueing
        self._bodies = bodies
        self._sender = sender
        self._chance = chance
        #: What became of attempts; one that is still pending is to be sent again.
        self.results = counted_from_zero(WebhookDeliveryStatus)

    @override
    def group_of(self, lease: Lease) -> str:
        return lease.webhook_id

    @override
    def most_at_once(self, group: str) -> int:
        return _AT_ONCE

    @override
    async def look(
        self, session: ReadSession, *, now: datetime, besides: Sequence[str]
    ) -> tuple[bool, datetime | None]:
        replays = await session.webhooks.replays()
        return bool(replays), await session.webhook_queues.next_due(now=now, besides=besides)

    @override
    async def fill(self) -> bool:
        return await self._queueing.replay()

    @override
    async def due(self, session: ReadSession, *, now: datetime, besides: Sequence[str], limit: int) -> Sequence[Lease]:
        return await session.webhook_queues.due(now=now, besides=besides, limit=limit)

    @override
    async def take(self, unit: UnitOfWork, lease: Lease, *, now: datetime, until: datetime) -> bool:
        return await unit.webhook_queues.take(lease, now=now, until=until)

    @override
    async def settle(
        self, unit: UnitOfWork, lease: Lease, job: Job | None, answer: Outcome | None, *, goes_on: bool
    ) -> Job | None:
        # The webhook before its queue, in the order of whoever queues once more, against deadlocks.
        present = await unit.webhooks.lock(lease.webhook_id)
        if present is None or not await unit.webhook_queues.hold(lease):
            # It was deleted, or the lease had ended, and another process has it: it sends the same delivery again.
            return None
        due_at = None if job is None else await self._record(unit, job, answer, present)
        if due_at is not None:
            await unit.webhook_queues.release(lease, due_at=due_at)
            return None
        return await _next(unit, lease, goes_on=goes_on)

    @override
    async def attempt(self, job: Job, cut_off: CutOff[Outcome]) -> Outcome | None:
        parent = job.change.cause.traceparent if job.change is not None else None
        try:
            with span_of(self._tracer, "webhook", kind=SpanKind.CLIENT, parent=parent) as span:
                answer = await self._made_and_sent(job, cut_off)
                if span is not None and isinstance(answer, Answer):
                    span.set(http_response_status_code=answer.status or 0)
                    if not answer.is_success:
                        span.fail("not delivered")
                return answer
        except UnavailableError:
            raise
        except Exception:
            # Counted as a failed attempt: else the change would hold up those behind it for good.
            logger.exception("an attempt for webhook %s failed", job.webhook.id)
            return Answer(reason="this server failed; its log has the error")

    async def _made_and_sent(self, job: Job, cut_off: CutOff[Outcome]) -> Outcome | None:
        if job.change is None:
            return Answer(reason="its change is no longer in the log", is_final=True)
        try:
            body = await self._bodies.make(job.webhook, job.change)
        except InvalidInputError as error:
            return Answer(reason=error.message)
        if body is None:
            return Unwanted()
        until = job.webhook.former_secret_until
        message = Message(
            webhook_id=job.webhook.id,
            id=job.delivery.id,
            url=job.webhook.url,
            body=body,
            traceparent=current_trace.get() or trace_of(job.change),
            sealed=job.sealed,
            signs_twice=until is not None and job.now < until,
        )
        return await cut_off(self._sender.send(message))

    async def _record(self, unit: UnitOfWork, job: Job, outcome: Outcome | None, present: Webhook) -> datetime | None:
        """Write what became of a job; return when its queue is due again, None where it goes on now."""
        now = unit.moment()
        if outcome is None:
            return now
        if isinstance(outcome, Unwanted):
            await unit.webhook_deliveries.drop(job.delivery.id)
            return None
        if not outcome.is_success and present.url != job.webhook.url:
            # It was moved meanwhile: the failure is another receiver's.
            return now
        attempts = job.delivery.attempts + 1
        verdict = self._judged(job, outcome, failing_since=present.failing_since, attempts=attempts, now=now)
        is_delivered = verdict.status is WebhookDeliveryStatus.DELIVERED
        done = replace(
            job.delivery,
            status=verdict.status,
            attempts=attempts,
            next_attempt_at=verdict.next_attempt_at,
            last_attempt_at=now,
            delivered_at=now if is_delivered else None,
            response_status=outcome.status,
            reason=verdict.reason,
            duration_millis=round(outcome.seconds * 1000),
            body_bytes=outcome.body_bytes,
        )
        await unit.webhook_deliveries.save(done)
        unit.when_committed(partial(self._count, verdict.status))
        if is_delivered:
            await unit.webhooks.succeeded(job.webhook.id, at=now)
            return None
        await unit.webhooks.failed(job.webhook.id, at=now, paused_until=verdict.paused_until)
        if verdict.status is WebhookDeliveryStatus.PARKED:
            await unit.webhooks.mark_gap(job.webhook.id)
        if verdict.disabling is not None:
            await _disable(unit, job.webhook, verdict.disabling)
        return verdict.next_attempt_at

    def _count(self, status: WebhookDeliveryStatus) -> None:
        self.results[status] += 1

    def _judged(
        self, job: Job, answer: Answer, *, failing_since: datetime | None, attempts: int, now: datetime
    ) -> Verdict:
        return judge(
            answer,
            attempts=attempts,
            queued_at=job.delivery.created_at,
            now=now,
            failing_since=failing_since,
            chance=self._chance,
        )


async def _next(unit: UnitOfWork, lease: Lease, *, goes_on: bool) -> Job | None:
    """Return the next job of a held queue, with more time for it; else give the queue back."""
    now = unit.moment()
    webhook = (await unit.webhooks.get_many([lease.webhook_id])).get(lease.webhook_id)
    delivery = await unit.webhook_queues.first(lease)
    if webhook is None or delivery is None:
        await unit.webhook_queues.close(lease)
        return None
    is_paused = webhook.paused_until is not None and now < webhook.paused_until
    sealed = await unit.webhooks.sealed(webhook.id)
    if not goes_on or is_paused or not webhook.enabled or sealed is None:
        await unit.webhook_queues.release(lease, due_at=now)
        return None
    await unit.webhook_queues.prolong(lease, until=now + LEASE)
    change = (await unit.changes.get_many([delivery.change_id])).get(delivery.change_id)
    return Job(webhook=webhook, sealed=sealed, delivery=delivery, change=change, now=now)


async def _disable(unit: UnitOfWork, webhook: Webhook, reason: str) -> None:
    logger.warning("webhook %s is disabled: %s", webhook.id, reason)
    if await unit.webhooks.disable(webhook.id, at=unit.moment(), reason=reason):
        disabled = replace(webhook, enabled=False)
        await audit(unit, SYSTEM_VIEWER, AuditKind.WEBHOOK, AuditAction.UPDATED, before=webhook, after=disabled)
