"""Admission of runs by their automation's mode, in one short critical section."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.automations.definitions.definition import Definition
from domain.automations.definitions.parts import RateLimit
from domain.automations.engine.adapter import Workflow
from domain.automations.routing.releases import release
from domain.automations.running.journal import Journal
from domain.ids import new_id
from domain.model.automation import (
    Automation,
    AutomationRun,
    ConcurrencyScope,
    Firing,
    Mode,
    RunStatus,
    SkipReason,
)
from domain.persistence.unit_of_work import UnitOfWork

#: Enqueues a workflow that runs once the unit of work is committed.
Enqueue = Callable[[UnitOfWork, Workflow, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The result of a firing: a run or a row with the reason for none; None if it was handled before."""

    run: AutomationRun | None

    @property
    def started(self) -> bool:
        """True if there is a run."""
        return self.run is not None and self.run.status is not RunStatus.SKIPPED


class Admission:
    """A gatekeeper that starts runs by their automation's mode; the automation's row is locked, so counts hold."""

    def __init__(self, *, journal: Journal, enqueue: Enqueue) -> None:
        self._journal = journal
        self._enqueue = enqueue
        #: How often this process has recorded that a firing led to no run.
        self.skipped = 0

    async def admit(
        self,
        unit: UnitOfWork,
        automation: Automation,
        definition: Definition,
        trigger_id: str,
        firing: Firing,
        *,
        once_key: str | None = None,
        by_hand: bool = False,
    ) -> Admitted:
        """Start a run, queue it, or record the reason for none; idempotent for a firing.

        A firing by hand is new each time, and its automation is locked already.
        """
        if not by_hand and not await self._is_new(unit, automation, trigger_id, firing):
            return Admitted(run=None)
        run = self._run(unit, automation, definition, trigger_id, firing)
        if once_key is not None and await unit.runs.once_taken(automation.id, once_key):
            return await self.skip(unit, automation, trigger_id, firing, SkipReason.ONCE)
        if not by_hand and (limit := await self._reached(unit, automation, definition, run.bucket)) is not None:
            told = {"message": f"{limit.count} runs began within {limit.minutes:g} minutes.", "bucket": run.bucket}
            return await self.skip(unit, automation, trigger_id, firing, SkipReason.RATE_LIMIT, **told)
        active = 0 if by_hand else await self._active(unit, automation, definition, run.bucket)
        reason = _refusal(definition, active)
        if reason is not None:
            return await self.skip(unit, automation, trigger_id, firing, reason, bucket=run.bucket)
        if definition.mode is Mode.RESTART:
            for former in await unit.runs.active(automation.id, run.bucket) if active else ():
                await self._journal.cancel(unit, former.id, message="Superseded by a newer run.")
        await self._journal.open(unit, run, once_key=once_key)
        if definition.mode is not Mode.QUEUED or not active:
            await self._enqueue(unit, Workflow.RUN, run.id)
        return Admitted(run=run)

    @staticmethod
    async def _is_new(unit: UnitOfWork, automation: Automation, trigger_id: str, firing: Firing) -> bool:
        """Lock the automation, and return whether it is to handle the firing."""
        if automation.id not in await unit.automations.lock([automation.id]):
            # Deleted at this very moment: a run of it would never begin.
            return False
        return await unit.runs.find(automation.id, trigger_id, firing.key) is None

    @staticmethod
    async def _reached(
        unit: UnitOfWork, automation: Automation, definition: Definition, bucket: str
    ) -> RateLimit | None:
        """Return the limit on runs in a time, if it is reached."""
        limit = definition.rate_limit
        if limit is None:
            return None
        since = unit.moment() - timedelta(minutes=limit.minutes)
        return limit if await unit.runs.started(automation.id, bucket, since=since) >= limit.count else None

    async def _active(self, unit: UnitOfWork, automation: Automation, definition: Definition, bucket: str) -> int:
        """Return the number of runs that block a new one; runs that only wait for what is over are ended instead."""
        active = (await unit.runs.standing(automation.id, bucket)).active
        if _refusal(definition, active) is None:
            return active
        ended = await release(unit, self._journal, automation, await unit.runs.active(automation.id, bucket))
        for run in ended:
            await self.proceed(unit, run)
        return active - len(ended)

    async def skip(
        self,
        unit: UnitOfWork,
        automation: Automation,
        trigger_id: str,
        firing: Firing,
        reason: SkipReason,
        *,
        message: str | None = None,
        bucket: str = "",
    ) -> Admitted:
        """Record that a firing led to no run, and the reason."""
        now = unit.moment()
        run = AutomationRun(
            id=new_id("run"),
            automation_id=automation.id,
            number=automation.number,
            trigger_id=trigger_id,
            firing=firing,
            bucket=bucket,
            status=RunStatus.SKIPPED,
            reason=reason,
            message=message,
            created_at=now,
            finished_at=now,
        )
        if not await unit.runs.insert(run):
            return Admitted(run=None)
        unit.when_committed(self._count_skipped)
        return Admitted(run=run)

    def _count_skipped(self) -> None:
        self.skipped += 1

    async def proceed(self, unit: UnitOfWork, finished: AutomationRun) -> None:
        """Start the next run of a queue, now that one of its bucket has ended; the automation is locked."""
        standing = await unit.runs.standing(finished.automation_id, finished.bucket)
        if standing.outdated:
            await self._start_next(unit, await unit.runs.active(finished.automation_id, finished.bucket))
        elif standing.first is not None:
            await self._enqueue(unit, Workflow.RUN, standing.first)

    async def release(self, unit: UnitOfWork, automation_id: str) -> None:
        """Start the queued runs that a changed mode lets run beside others; the automation is locked."""
        buckets: dict[str, list[AutomationRun]] = {}
        for run in await unit.runs.active(automation_id):
            buckets.setdefault(run.bucket, []).append(run)
        for active in buckets.values():
            await self._start_next(unit, active)

    async def _start_next(self, unit: UnitOfWork, active: Sequence[AutomationRun]) -> None:
        pending = [run for run in active if run.status is RunStatus.PENDING]
        if not pending:
            return
        automation = (await unit.automations.get_many([pending[0].automation_id])).get(pending[0].automation_id)
        width = 1 if automation is None else _width(Definition.model_validate(automation.definition))
        # Those that were enqueued and have not begun are enqueued again, which changes nothing.
        for run in pending[: max(width - (len(active) - len(pending)), 0)]:
            await self._enqueue(unit, Workflow.RUN, run.id)

    def _run(
        self, unit: UnitOfWork, automation: Automation, definition: Definition, trigger_id: str, firing: Firing
    ) -> AutomationRun:
        return AutomationRun(
            id=new_id("run"),
            automation_id=automation.id,
            number=automation.number,
            trigger_id=trigger_id,
            firing=firing,
            bucket=bucket_of(definition, firing),
            status=RunStatus.PENDING,
            created_at=unit.moment(),
        )


def bucket_of(definition: Definition, firing: Firing) -> str:
    """Return the bucket of runs that count together: the automation's, or those with the same context key or none."""
    if definition.concurrency_scope is ConcurrencyScope.AUTOMATION:
        return "all"
    return "none" if firing.context_key is None else f"key:{firing.context_key}"


def _width(definition: Definition) -> int:
    """Return how many queued runs of a bucket may be under way at once: one, but for the mode parallel."""
    return definition.max_runs if definition.mode is Mode.PARALLEL else 1


def _refusal(definition: Definition, active: int) -> SkipReason | None:
    match definition.mode:
        case Mode.SINGLE if active:
            return SkipReason.ALREADY_RUNNING
        case Mode.PARALLEL if active >= definition.max_runs:
            return SkipReason.MAX_RUNS
        case Mode.QUEUED if active > definition.max_runs:
            return SkipReason.QUEUE_FULL
        case _:
            return None
