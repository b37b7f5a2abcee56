"""The delivering: how a message to a visitor is made and sent, and what follows from the answer."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from typing_extensions import override

from domain.counting import counted_from_zero
from domain.errors import UnavailableError, UnsupportedError
from domain.messaging.leasing import LEASE, CutOff, LeasedQueues
from domain.model.visitor import VisitorDelivery, VisitorKind, VisitorState, VisitorSubscription
from domain.model.webhook import WebhookDeliveryStatus
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.visitor_queues import VisitorLease
from domain.visitors.queueing import VisitorQueueing
from domain.visitors.sending import VisitorSender
from domain.webhooks.rules import Answer, judge

logger = logging.getLogger(__name__)

#: How many a process sends at a time. A mail server takes few at once from one client; receivers of webhooks are each
#: on their own, and slow ones must not hold up all others.
_AT_ONCE = {VisitorKind.MAIL: 4, VisitorKind.WEBHOOK: 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A message to send now."""

    subscription: VisitorSubscription
    delivery: VisitorDelivery


class Unwanted:
    """The outcome of a message whose change the public may not read any more."""


Outcome = Answer | Unwanted


class VisitorQueues(LeasedQueues[VisitorLease, Job, Outcome]):
    """The queues of visitors, one for each subscription; those of one kind are limited together."""

    def __init__(self, *, queueing: VisitorQueueing, sender: VisitorSender, chance: Callable[[], float]) -> None:
        self._queueing = queueing
        self._sender = sender
        self._chance = chance
        #: What became of attempts, by the kind of visitor; one that is still pending is to be sent again.
        self.results = counted_from_zero((kind, status) for kind in VisitorKind for status in WebhookDeliveryStatus)

    @override
    def group_of(self, lease: VisitorLease) -> str:
        return lease.kind

    @override
    def most_at_once(self, group: str) -> int:
        return _AT_ONCE[VisitorKind(group)]

    @override
    async def look(
        self, session: ReadSession, *, now: datetime, besides: Sequence[str]
    ) -> tuple[bool, datetime | None]:
        has_notice = await session.visitor_queues.has_notice()
        return has_notice, await session.visitor_queues.next_due(now=now, besides=self._besides(besides))

    @override
    async def fill(self) -> bool:
        return await self._queueing.spread()

    @override
    async def due(
        self, session: ReadSession, *, now: datetime, besides: Sequence[str], limit: int
    ) -> Sequence[VisitorLease]:
        return await session.visitor_queues.due(now=now, besides=self._besides(besides), limit=limit)

    def _besides(self, full: Sequence[str]) -> list[str]:
        """Return the kinds to leave: those that are full, and those that this process cannot send."""
        return [*full, *(kind for kind in VisitorKind if kind not in self._sender.kinds)]

    @override
    async def take(self, unit: UnitOfWork, lease: VisitorLease, *, now: datetime, until: datetime) -> bool:
        return await unit.visitor_queues.take(lease, now=now, until=until)

    @override
    async def settle(
        self, unit: UnitOfWork, lease: VisitorLease, job: Job | None, answer: Outcome | None, *, goes_on: bool
    ) -> Job | None:
        if not await unit.visitor_queues.hold(lease):
            # They left, or the lease had ended, and another process has it: it sends the same message again.
            return None
        present = (await unit.visitors.get_many([lease.subscription_id]))[lease.subscription_id]
        now = unit.moment()
        due_at = None if job is None else await self._record(unit, job, answer, present, now=now)
        if due_at is not None:
            await unit.visitor_queues.release(lease, due_at=due_at)
            return None
        delivery = await unit.visitor_queues.first(lease)
        if delivery is None or not goes_on:
            await unit.visitor_queues.release(lease, due_at=None if delivery is None else now)
            return None
        await unit.visitor_queues.prolong(lease, until=now + LEASE)
        return Job(subscription=present, delivery=delivery)

    @override
    async def attempt(self, job: Job, cut_off: CutOff[Outcome]) -> Outcome | None:
        try:
            prepared = await self._sender.prepare(job.subscription, job.delivery)
            return Unwanted() if prepared is None else await cut_off(prepared())
        except UnavailableError:
            raise
        except UnsupportedError as error:
            return Answer(reason=error.message)
        except Exception:
            # Counted as a failed attempt: else it would hold up what is behind it for good.
            logger.exception("an attempt for visitor %s failed", job.subscription.id)
            return Answer(reason="this server failed; its log has the error")

    def _count(self, kind: VisitorKind, status: WebhookDeliveryStatus) -> None:
        self.results[kind, status] += 1

    async def _record(
        self, unit: UnitOfWork, job: Job, outcome: Outcome | None, present: VisitorSubscription, *, now: datetime
    ) -> datetime | None:
        """Write what became of a message; return when its queue is due again, None where it goes on now."""
        if outcome is None:
            return now
        if isinstance(outcome, Unwanted):
            await unit.visitor_queues.drop(job.delivery.id)
            return None
        verdict = judge(
            outcome,
            attempts=job.delivery.attempts + 1,
            queued_at=job.delivery.created_at,
            now=now,
            failing_since=present.failing_since,
            chance=self._chance,
        )
        unit.when_committed(partial(self._count, job.subscription.kind, verdict.status))
        if verdict.status is WebhookDeliveryStatus.PENDING:
            await unit.visitor_queues.attempted(job.delivery)
        else:
            await unit.visitor_queues.drop(job.delivery.id)
        if verdict.status is WebhookDeliveryStatus.DELIVERED:
            await unit.visitors.succeeded(present.id, at=now)
            return None
        after = replace(present, failing_since=present.failing_since or now)
        if verdict.disabling is not None and present.state is VisitorState.CONFIRMED:
            logger.warning("visitor %s is paused: %s", present.id, verdict.disabling)
            after = replace(after, state=VisitorState.PAUSED, paused_at=now, paused_reason=verdict.disabling)
            await unit.visitor_queues.empty(present.id)
        await unit.visitors.save(after)
        return None if after.state is VisitorState.PAUSED else verdict.next_attempt_at
