"""The delivering: leased queues are worked off, each in order, and no receiver waits for another."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from domain.clock import Clock
from domain.errors import InvalidInputError, UnavailableError
from domain.ids import new_id
from domain.model.change import Change
from domain.model.webhook import Webhook, WebhookDelivery, WebhookDeliveryStatus
from domain.outages import logging_failures
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.webhook_queues import Lease
from domain.persistence.webhooks import Replay, Sealed
from domain.webhooks.bodies import Bodies
from domain.webhooks.cloudevents import traceparent_of
from domain.webhooks.queueing import Queueing
from domain.webhooks.rules import Answer, Verdict, judge
from domain.webhooks.sending import Message, Sender

logger = logging.getLogger(__name__)

#: How many queues of one webhook a process works off at a time. There is no bound for all: each has its own, so that
#: slow receivers take nothing from others.
_AT_ONCE = 4
#: How many queues are taken in one transaction.
_TAKEN = 32
#: How many deliveries of a queue are sent before others have their turn.
_IN_A_ROW = 20
#: How long a process has for one delivery, from making its body to recording the answer, before another may take it.
_LEASE = timedelta(seconds=60)
#: How long a process that learns of nothing rests: what another process queued, or left behind when it was killed.
_REST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A delivery to send now, and all that it takes."""

    webhook: Webhook
    sealed: Sealed
    delivery: WebhookDelivery
    #: None where it is no longer in the log.
    change: Change | None
    now: datetime


class _Unwanted:
    """The outcome of a delivery that its webhook does not want."""


class _Interrupted:
    """The outcome of an attempt that the end of the process cut off."""


_Outcome = Answer | _Unwanted | _Interrupted


class Deliverer:
    """The work of one process. A process that is killed leaves leases behind, which end; others then send again."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        queueing: Queueing,
        bodies: Bodies,
        sender: Sender,
        chance: Callable[[], float],
    ) -> None:
        self._database = database
        self._clock = clock
        self._queueing = queueing
        self._bodies = bodies
        self._sender = sender
        self._chance = chance
        self._busy: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        #: Set where something may be due.
        self.wake = asyncio.Event()

    async def run(self) -> None:
        """Deliver what is due as it becomes due, until `stop`."""
        while not self._stopping.is_set():
            until = self._clock.now() + _REST
            with logging_failures(logger, "delivering failed; retrying in %s s", _REST.seconds):
                due_at = await self._do_due()
                until = until if due_at is None else min(until, due_at)
            if not self._stopping.is_set():
                await self._clock.wait(self.wake, until=until)
        await self._drained()

    async def _do_due(self) -> datetime | None:
        """Do what is due, and return when something will be; an idle process reads that and nothing else."""
        now = self._clock.now()
        replays, due_at = await self._database.read(partial(_look, now=now, besides=self._full()))
        if replays:
            await self._queueing.replay()
            self.wake.set()
        if due_at is None or due_at > now:
            return due_at
        await self._take_due()
        # Without those of webhooks that have as many at a time as they may: the end of one wakes the loop.
        _, due_at = await self._database.read(partial(_look, now=self._clock.now(), besides=self._full()))
        return due_at

    def _full(self) -> list[str]:
        return [webhook_id for webhook_id, busy in self._busy.items() if busy >= _AT_ONCE]

    async def run_pending(self) -> None:
        """Deliver all that is due now, and return when that is done."""
        while await self._queueing.replay():
            pass
        while await self._take_due() or self._tasks:
            if self._tasks:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def stop(self) -> None:
        """Begin nothing more; what is being sent is broken off, and sent again by others."""
        self._stopping.set()
        self.wake.set()

    async def _drained(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _take_due(self) -> int:
        """Take queues that are due, as many as each webhook may have; return how many."""
        taken = 0
        while not self._stopping.is_set():
            now = self._clock.now()
            due = await self._database.read(
                partial(_due, now=now, besides=self._full()),
            )
            leases = self._chosen(due)
            if not leases:
                break
            for lease in (await self._database.write(partial(_take, leases=leases, now=now))).value:
                taken += 1
                self._busy[lease.webhook_id] += 1
                task = asyncio.create_task(self._work(lease))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return taken

    def _chosen(self, due: list[tuple[str, str]]) -> list[Lease]:
        room = Counter({webhook_id: _AT_ONCE - self._busy[webhook_id] for webhook_id, _ in due})
        chosen = []
        for webhook_id, incident_id in due:
            if room[webhook_id] > 0:
                room[webhook_id] -= 1
                chosen.append(Lease(webhook_id=webhook_id, incident_id=incident_id, owner=new_id("lse")))
        return chosen

    async def _work(self, lease: Lease) -> None:
        """Send the deliveries of a queue, one after another, until one fails or none is left."""
        try:
            # A failure here, such as an outage of the database, leaves the lease to its end.
            with logging_failures(logger, "a queue of webhook %s is left for later", lease.webhook_id):
                job = await self._settled(lease, None, _Interrupted(), goes_on=True)
                for count in range(1, _IN_A_ROW + 1):
                    if job is None:
                        break
                    outcome = await self._attempt(job)
                    goes_on = count < _IN_A_ROW and not self._stopping.is_set()
                    job = await self._settled(lease, job, outcome, goes_on=goes_on)
        finally:
            self._busy[lease.webhook_id] -= 1
            if not self._busy[lease.webhook_id]:
                del self._busy[lease.webhook_id]
            self.wake.set()

    async def _settled(self, lease: Lease, job: _Job | None, outcome: _Outcome, *, goes_on: bool) -> _Job | None:
        """Record the outcome of a job and return the next one of its queue, in one transaction."""

        async def work(unit: UnitOfWork) -> _Job | None:
            # The webhook before its queue, in the order of whoever queues once more, against deadlocks.
            present = await unit.webhooks.lock(lease.webhook_id)
            if present is None or not await unit.webhook_queues.hold(lease):
                # It was deleted, or the lease had ended, and another process has it: it sends the same delivery again.
                return None
            due_at = None if job is None else await self._record(unit, job, outcome, present)
            if due_at is not None:
                await unit.webhook_queues.release(lease, due_at=due_at)
                return None
            return await _next(unit, lease, goes_on=goes_on)

        return (await self._database.write(work)).value

    async def _attempt(self, job: _Job) -> _Outcome:
        """Make the body and send it; cut off where the process ends.

        Raises:
            UnavailableError: the database is away.
        """
        try:
            return await self._made_and_sent(job)
        except UnavailableError:
            raise
        except Exception:
            # Counted as a failed attempt: else the change would hold up those behind it for good.
            logger.exception("an attempt for webhook %s failed", job.webhook.id)
            return Answer(reason="this server failed; its log has the error")

    async def _made_and_sent(self, job: _Job) -> _Outcome:
        if job.change is None:
            return Answer(reason="its change is no longer in the log", is_final=True)
        try:
            body = await self._bodies.make(job.webhook, job.change)
        except InvalidInputError as error:
            return Answer(reason=error.message)
        if body is None:
            return _Unwanted()
        until = job.webhook.former_secret_until
        message = Message(
            webhook_id=job.webhook.id,
            id=job.delivery.id,
            url=job.webhook.url,
            body=body,
            traceparent=traceparent_of(job.change.id),
            sealed=job.sealed,
            signs_twice=until is not None and job.now < until,
        )
        return await self._sent(message)

    async def _sent(self, message: Message) -> _Outcome:
        sending = asyncio.create_task(self._sender.send(message))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            # Nothing but the network is cut off.
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            return _Interrupted()
        finally:
            stopped.cancel()

    async def _record(self, unit: UnitOfWork, job: _Job, outcome: _Outcome, present: Webhook) -> datetime | None:
        """Write what became of a job; return when its queue is due again, None where it goes on now."""
        now = unit.moment()
        if isinstance(outcome, _Interrupted):
            return now
        if isinstance(outcome, _Unwanted):
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
        if is_delivered:
            await unit.webhooks.succeeded(job.webhook.id, at=now)
            return None
        await unit.webhooks.failed(job.webhook.id, at=now, paused_until=verdict.paused_until)
        if verdict.status is WebhookDeliveryStatus.PARKED:
            await unit.webhooks.mark_gap(job.webhook.id)
        if verdict.disabling is not None:
            logger.warning("webhook %s is disabled: %s", job.webhook.id, verdict.disabling)
            await unit.webhooks.disable(job.webhook.id, at=now, reason=verdict.disabling)
        return verdict.next_attempt_at

    def _judged(
        self, job: _Job, answer: Answer, *, failing_since: datetime | None, attempts: int, now: datetime
    ) -> Verdict:
        return judge(
            answer,
            attempts=attempts,
            queued_at=job.delivery.created_at,
            now=now,
            failing_since=failing_since,
            chance=self._chance,
        )


async def _look(
    session: ReadSession, *, now: datetime, besides: Sequence[str]
) -> tuple[Sequence[Replay], datetime | None]:
    """Return what is to be queued once more, and when the next queue is due."""
    return await session.webhooks.replays(), await session.webhook_queues.next_due(now=now, besides=besides)


async def _due(session: ReadSession, *, now: datetime, besides: list[str]) -> list[tuple[str, str]]:
    return list(await session.webhook_queues.due(now=now, besides=besides, limit=_TAKEN))


async def _take(unit: UnitOfWork, *, leases: list[Lease], now: datetime) -> list[Lease]:
    return [lease for lease in leases if await unit.webhook_queues.take(lease, now=now, until=now + _LEASE)]


async def _next(unit: UnitOfWork, lease: Lease, *, goes_on: bool) -> _Job | None:
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
    await unit.webhook_queues.prolong(lease, until=now + _LEASE)
    change = (await unit.changes.get_many([delivery.change_id])).get(delivery.change_id)
    return _Job(webhook=webhook, sealed=sealed, delivery=delivery, change=change, now=now)
