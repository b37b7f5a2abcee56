"""The journal of runs: each entry is written in one transaction with the effect that it records."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from domain.entities.handle import Applied, EntityHandle
from domain.entities.kind import Snapshot
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.entities.run import snapshot_of
from domain.errors import NotFoundError
from domain.model.actor import Actor, ActorType
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep, StepStatus
from domain.model.change import Touched
from domain.model.viewer import Visibility
from domain.persistence.unit_of_work import UnitOfWork


class RunEndedError(Exception):
    """A run that was cancelled, or ended elsewhere, while a worker was at it."""


class Journal:
    """A writer of runs and their steps through the handle of runs, with secrets redacted."""

    def __init__(self, *, handle: EntityHandle[AutomationRun], masker: SecretMasker) -> None:
        self._handle = handle
        self._masker = masker

    async def open(self, unit: UnitOfWork, run: AutomationRun, *, once_key: str | None) -> None:
        """Write a new run."""

        async def apply() -> Applied[AutomationRun]:
            await unit.runs.insert(run, once_key=once_key)
            return Applied(after=snapshot_of(run))

        origin = Origin(actor=run.firing.actor, cause=replace(run.cause, run_id=None, depth=run.firing.depth))
        await self._handle.create(unit, run.id, apply, origin=origin)

    async def begin(self, unit: UnitOfWork, run_id: str, origin: Origin) -> AutomationRun:
        """Mark the run as begun, and return it.

        Raises:
            RunEndedError: it is over.
        """

        async def apply(before: Snapshot[AutomationRun] | None) -> Applied[AutomationRun]:
            run = _active(before)
            if run.status is RunStatus.PENDING:
                run = replace(run, status=RunStatus.RUNNING, started_at=unit.moment())
            return Applied(after=snapshot_of(run))

        return (await self._handle.mutate(unit, run_id, apply, origin=origin)).after.entity

    async def hold(self, unit: UnitOfWork, run_id: str) -> AutomationRun:
        """Lock the run until the commit, and return it.

        Raises:
            RunEndedError: it is over.
        """
        await unit.runs.lock([run_id])
        return _active(await self._handle.get(unit, run_id))

    async def note(
        self, unit: UnitOfWork, step: RunStep, origin: Origin, *, is_last: bool = False
    ) -> tuple[RunStep, AutomationRun]:
        """Write the status of a step, and that of the run which follows; return the step as stored, and the run.

        The run succeeds with its last step.

        Raises:
            RunEndedError: the run is over, and the step was not under way when it ended.
        """
        masked = self.masked(step)

        async def apply(before: Snapshot[AutomationRun] | None) -> Applied[AutomationRun]:
            if before is not None and before.entity.status.is_final and await _was_under_way(unit, step):
                await unit.runs.put_step(masked)
                return Applied(after=before, touched=(_touched(step),))
            run = _active(before)
            await unit.runs.put_step(masked)
            if is_last and step.status is StepStatus.SUCCESS:
                run = replace(run, status=RunStatus.SUCCESS, finished_at=unit.moment())
            else:
                run = replace(run, status=await _stands(unit, run, step))
            return Applied(after=snapshot_of(run), touched=(_touched(step),))

        return masked, (await self._handle.mutate(unit, step.run_id, apply, origin=origin)).after.entity

    def masked(self, step: RunStep) -> RunStep:
        """Return the step with secrets redacted."""
        return replace(
            step,
            input=self._masker.mask(step.run_id, step.input),
            output=self._masker.mask(step.run_id, step.output),
            error=self._masker.mask(step.run_id, step.error),
        )

    async def finish(
        self, unit: UnitOfWork, run_id: str, status: RunStatus, message: str | None, origin: Origin
    ) -> AutomationRun:
        """Finish the run, and return it.

        Raises:
            RunEndedError: it was over before.
        """
        text = self._masker.mask(run_id, message)

        async def apply(before: Snapshot[AutomationRun] | None) -> Applied[AutomationRun]:
            run = replace(_active(before), status=status, message=text, finished_at=unit.moment())
            # Only an internal error leaves steps of other branches unfinished.
            ended = await _end_steps(unit, run_id) if status is RunStatus.FAILED else ()
            return Applied(after=snapshot_of(run), touched=ended)

        return (await self._handle.mutate(unit, run_id, apply, origin=origin)).after.entity

    async def cancel(
        self, unit: UnitOfWork, run_id: str, *, message: str, origin: Origin | None = None
    ) -> AutomationRun:
        """Cancel the run, and return it; if it is over, it stays as it is.

        Raises:
            NotFoundError: there is no such run.
        """

        async def apply(before: Snapshot[AutomationRun] | None) -> Applied[AutomationRun]:
            if before is None:
                raise NotFoundError("Run", run_id)
            if before.entity.status.is_final:
                return Applied(after=before)
            run = replace(before.entity, status=RunStatus.CANCELLED, message=message, finished_at=unit.moment())
            # Steps under way finish and are recorded; steps that wait would wait for ever.
            ended = await _end_steps(unit, run_id, unless=_is_under_way)
            return Applied(after=snapshot_of(run), touched=ended)

        return (await self._handle.mutate(unit, run_id, apply, origin=origin or Origin())).after.entity

    async def abandon(self, unit: UnitOfWork, run_id: str) -> None:
        """End the steps that a run, which is over, left behind and no worker is at."""

        async def apply(before: Snapshot[AutomationRun] | None) -> Applied[AutomationRun]:
            if before is None:
                raise NotFoundError("Run", run_id)
            ended = await _end_steps(unit, run_id) if before.entity.status.is_final else ()
            return Applied(after=before, touched=ended)

        await self._handle.mutate(unit, run_id, apply)


def actor_of(automation: Automation) -> Actor:
    """Return the actor of an automation's writes."""
    return Actor(type=ActorType.SERVICE, id=automation.id, name=automation.name)


async def _was_under_way(unit: UnitOfWork, step: RunStep) -> bool:
    """Return whether the step is over now and began before its run ended: its effect outside is recorded even so."""
    before = await unit.runs.step(step.run_id, step.path)
    return step.status.is_final and before is not None and before.status is StepStatus.RUNNING


async def _end_steps(
    unit: UnitOfWork, run_id: str, *, unless: Callable[[RunStep, datetime], bool] | None = None
) -> tuple[Touched, ...]:
    """End the steps of a locked run that are not over, and return what was touched."""
    now = unit.moment()
    steps = [step for step in await unit.runs.unfinished_steps(run_id) if unless is None or not unless(step, now)]
    ended = [replace(step, status=StepStatus.CANCELLED, finished_at=now, request=None) for step in steps]
    for step in ended:
        await unit.runs.put_step(step)
    return tuple(_touched(step) for step in ended)


def _is_under_way(step: RunStep, now: datetime) -> bool:
    """Return whether a worker may be at the step at this moment; between two attempts none is."""
    return step.status is StepStatus.RUNNING and (step.due_at is None or step.due_at <= now)


async def _stands(unit: UnitOfWork, run: AutomationRun, step: RunStep) -> RunStatus:
    """Return the status of a run by that of its step, already written: while any step waits, the run waits."""
    waiting = step.status is StepStatus.WAITING
    if not waiting and run.status is RunStatus.WAITING:
        waiting = await unit.runs.waiting_steps(run.id) > 0
    return RunStatus.WAITING if waiting else RunStatus.RUNNING


def _touched(step: RunStep) -> Touched:
    # The log shows a step that is over as added.
    before = None if step.status.is_final else Visibility.INTERNAL
    return Touched(part="steps", id=step.path, before=before, after=Visibility.INTERNAL)


def _active(before: Snapshot[AutomationRun] | None) -> AutomationRun:
    if before is None or before.entity.status.is_final:
        raise RunEndedError
    return before.entity
