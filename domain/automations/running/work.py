"""A run under way: its state, and its access to the database and to expressions."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from domain.automations.actions.registry import ActionRegistry
from domain.automations.conditions.evaluation import Verdict, evaluate
from domain.automations.conditions.model import Condition
from domain.automations.conditions.scope import StateReader, context_system, trigger_scope
from domain.automations.definitions.definition import Definition
from domain.automations.engine.wakes import WakeIndex
from domain.automations.expressions.rendering import mentions_state
from domain.automations.running.frame import Frame
from domain.automations.running.journal import Journal, RunEndedError
from domain.automations.running.limits import permit_of
from domain.clock import Clock
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep, StepStatus, WaitEnd
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

T = TypeVar("T")

#: The most steps of a run: loops in loops would never end.
MOST_STEPS = 10_000
#: The interval of a wait's fallback poll, in case a wake-up was lost. Every process reads all of the log, so a lost
#: wake-up would be a bug of ours; a thousand waits that poll each half minute cost a quarter of a core.
FALLBACK_POLL_SECONDS = 300.0
#: The deadline of a wait that only a change can end, where no wake-up can get lost.
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
#: The kinds of steps that may end early, with their subject.
_WAITS = {"wait_until", "wait_for_trigger"}


class StepFailedError(Exception):
    """A step's failure, with a reason for people."""


class StopError(Exception):
    """The end of a run, or of the branch of a parallel; nothing goes on after it."""

    def __init__(self, reason: str, *, failed: bool = False) -> None:
        super().__init__(reason)
        self.failed = failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The parts that all runs of a process share."""

    database: Database
    clock: Clock
    journal: Journal
    actions: ActionRegistry
    states: StateReader
    wakes: WakeIndex
    masker: SecretMasker
    #: Returns the values of these secrets; raises if one is missing.
    secrets: Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
    #: Returns the values of the secrets that a definition names and that exist.
    named_secrets: Callable[[Definition], Awaitable[Mapping[str, str]]]
    #: Starts the next run of a queue, now that this one has ended; its automation is locked.
    proceed: Callable[[UnitOfWork, AutomationRun], Awaitable[None]]
    #: Bounds the transactions of runs: people's writes wait in the same queue.
    writing: asyncio.Semaphore
    reading: asyncio.Semaphore
    #: The interval of a wait's fallback poll, in case a wake-up was lost.
    fallback_poll_seconds: float | None = FALLBACK_POLL_SECONDS


class Work:
    """A run under way in this process."""

    def __init__(
        self,
        tools: Tools,
        *,
        run: AutomationRun,
        automation: Automation,
        definition: Definition,
        steps: Sequence[RunStep],
        origin: Origin,
    ) -> None:
        self.tools = tools
        self.run = run
        self.automation = automation
        self.definition = definition
        self.origin = origin
        #: Whether the run's end is written.
        self.ended = False
        #: The step by whose success the run succeeds, where there is one.
        self.last: str | None = None
        self._begins = run.status is RunStatus.PENDING
        self._steps = {step.path: step for step in steps}
        self._count = max((step.position for step in steps), default=0)

    def known(self, path: str) -> RunStep | None:
        """Return the step of that path if the run came to it before."""
        return self._steps.get(path)

    def keep(self, stored: RunStep) -> RunStep:
        """Take over a step as another process stored it, and return it."""
        self._steps[stored.path] = stored
        return stored

    def begun(self, path: str, kind: str, **fields: Any) -> RunStep:
        """Return the step of that path, new or as it was begun before.

        Raises:
            StopError: the run has come to too many.
        """
        before = self._steps.get(path)
        if before is not None:
            return replace(before, **fields)
        self._count += 1
        if self._count > MOST_STEPS:
            raise StopError(f"The run came to more than {MOST_STEPS} steps.", failed=True)
        now = self.tools.clock.now()
        return RunStep(
            run_id=self.run.id,
            path=path,
            position=self._count,
            kind=kind,
            status=StepStatus.RUNNING,
            started_at=now,
            **fields,
        )

    async def note(self, step: RunStep) -> RunStep:
        """Write the state of a step unless another process did, and return it as stored."""
        # Redacted before it waits for the database: by then the run may be over here and its secrets forgotten.
        masked = self.tools.journal.masked(step)
        return await self.write(lambda unit: self.note_in(unit, masked), may_end=self._ends_with(step))

    async def note_in(self, unit: UnitOfWork, step: RunStep) -> RunStep:
        """Write the state of a step, and the end of the run if it is the last step; return the step as stored.

        The unit of work has to come from `write`, with `may_end` if this may be the last step.

        Raises:
                    RunEndedError: the run is over, and the step with it.
        """
        is_last = self._ends_with(step)
        # Locked before the read: on PostgreSQL another process's write in between would be lost.
        await unit.runs.lock([step.run_id])
        stored = await unit.runs.step(step.run_id, step.path)
        if stored is not None and stored.status is StepStatus.CANCELLED:
            raise RunEndedError
        if stored is None or not _stays(stored, step):
            stored, run = await self.tools.journal.note(unit, step, self.origin, is_last=is_last)
            if is_last and run.status is RunStatus.SUCCESS:
                await self.tools.proceed(unit, run)
                unit.when_committed(self._end)
        self._steps[step.path] = stored
        return stored

    async def succeed(self, step: RunStep, output: Mapping[str, Any] | None = None) -> RunStep:
        """Write that a step succeeded, and return it as stored.

        Raises:
            StepFailedError: another process wrote before that it failed.
        """
        return settled(await self.note(self.finished(step, StepStatus.SUCCESS, output=output)))

    async def fail(self, step: RunStep, error: str) -> RunStep:
        """Write that a step failed; return it as stored if another process wrote before that it succeeded.

        Raises:
            StepFailedError: it failed.
        """
        return settled(await self.note(self.finished(step, StepStatus.FAILED, error=error)))

    async def conclude(self, step: RunStep, output: Mapping[str, Any], message: str) -> RunStep:
        """Write the early end of a wait and the success of its run at once; return the step as stored.

        At once, since a firing in between would find the run active.
        """
        done = self.tools.journal.masked(self.finished(step, StepStatus.SUCCESS, output=output))

        async def both(unit: UnitOfWork) -> RunStep:
            stored = await self.note_in(unit, done)
            if wait_end(stored) is None:
                # Another process was past the wait, and may have resolved the incident itself.
                return stored
            run = await self.tools.journal.finish(unit, step.run_id, RunStatus.SUCCESS, message, self.origin)
            await self.tools.proceed(unit, run)
            unit.when_committed(self._end)
            return stored

        return await self.write(both, may_end=True)

    def finished(self, step: RunStep, status: StepStatus, **fields: Any) -> RunStep:
        """Return the step, over now."""
        return replace(step, status=status, finished_at=self.tools.clock.now(), request=None, **fields)

    async def write(self, work: Callable[[UnitOfWork], Awaitable[T]], *, may_end: bool = False) -> T:
        """Write in a unit of work; the first one of a run begins the run as well.

        `may_end` is for those that can write the last step, and the end of the run with it.

        Raises:
            UnavailableError: the database is away, which is no failure of the step.
        """

        async def whole(unit: UnitOfWork) -> T:
            if may_end:
                # Lock order, as everywhere: the automation before its run. A restart, cancellation or deletion holds
                # the automation and waits for the run.
                await unit.automations.hold([self.run.automation_id])
            await self.begin(unit)
            return await work(unit)

        async with self.tools.writing:
            return (await self.tools.database.write(whole)).value

    async def begin(self, unit: UnitOfWork) -> None:
        """Write that the run is under way, unless that is written already.

        Raises:
            RunEndedError: it is over.
        """
        if self._begins:
            await self.tools.journal.begin(unit, self.run.id, self.origin)
            unit.when_committed(self._begin)

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Read from the database.

        Raises:
            UnavailableError
        """
        async with self.tools.reading:
            return await self.tools.database.read(work)

    async def require_active(self, session: ReadSession) -> None:
        """Refuse to go on once the run is over.

        Raises:
            RunEndedError: it is over.
        """
        run = (await session.runs.get_many([self.run.id])).get(self.run.id)
        if run is None or run.status.is_final:
            raise RunEndedError

    def next_check(self, now: datetime, *moments: datetime | None) -> datetime:
        """Return when to read again at the latest: the first of these moments, or the next fallback poll."""
        checks = [moment for moment in moments if moment is not None]
        interval = self.tools.fallback_poll_seconds
        if interval is not None:
            checks.append(now + timedelta(seconds=interval * random.uniform(0.8, 1.2)))  # noqa: S311 - only jitter
        return min(checks, default=_NEVER)

    async def sleep(self, until: datetime) -> None:
        """Wait until that moment.

        Raises:
            RunEndedError: the run is over.
        """
        with self.tools.wakes.watching((), run_id=self.run.id) as woken:
            while True:
                await self.read(self.require_active)
                now = self.tools.clock.now()
                if now >= until:
                    return
                await self.tools.clock.wait(woken, until=self.next_check(now, until))

    async def limited(self, session: ReadSession) -> Origin:
        """Return the origin of the actions' writes, with the present limits of the token that the run runs as.

        Raises:
            ForbiddenError: the token is not valid any more.
        """
        permit = await permit_of(session, self.definition.run_as, now=self.tools.clock.now())
        return replace(self.origin, permit=permit)

    def scope(self, frame: Frame) -> dict[str, Any]:
        """Return the scope of expressions, without a read of the database."""
        scope: dict[str, Any] = {
            "trigger": trigger_scope(self.run.firing, self.run.trigger_id),
            "variables": frame.variables,
            "vars": frame.variables,
            "artifacts": frame.artifacts,
            "steps": frame.steps,
            "run": {
                "id": self.run.id,
                "automationId": self.run.automation_id,
                "contextKey": self.run.firing.context_key,
            },
        }
        if frame.repeat is not None:
            scope["repeat"] = frame.repeat
        if frame.resume is not None:
            scope["resume"] = frame.resume
        if frame.wait is not None:
            scope["wait"] = frame.wait
        return scope

    @property
    def context_system(self) -> str | None:
        """The system that the run is about."""
        return context_system(self.run.firing)

    async def enriched(
        self, session: ReadSession, scope: Mapping[str, Any], *conditions: Condition, now: datetime
    ) -> dict[str, Any]:
        """Return the scope with the present health and state that conditions read."""
        return await self.tools.states.enriched(
            session,
            scope,
            conditions=conditions,
            firing=self.run.firing,
            uses_state=self.definition.uses_state,
            window=timedelta(minutes=self.definition.state_window_minutes),
            now=now,
        )

    async def rendering_scope(self, frame: Frame, value: Any, *, now: datetime) -> dict[str, Any]:
        """Return the scope of templates in that value, with health if they read it."""
        scope = self.scope(frame)
        if not mentions_state(value):
            return scope
        return await self.read(lambda session: self.enriched(session, scope, now=now))

    async def evaluate(self, condition: Condition, frame: Frame) -> Verdict:
        """Evaluate a condition now."""
        now = self.tools.clock.now()
        scope = await self.read(lambda session: self.enriched(session, self.scope(frame), condition, now=now))
        return evaluate(condition, scope, now=now)

    def _ends_with(self, step: RunStep) -> bool:
        # A wait that ended early ends the run with its reason, which is written after it.
        return step.path == self.last and step.status is StepStatus.SUCCESS and wait_end(step) is None

    def _begin(self) -> None:
        self._begins = False

    def _end(self) -> None:
        self.ended = True


def wait_end(step: RunStep) -> WaitEnd | None:
    """Return why a wait ended early, if it did."""
    ended = step.output.get("ended") if isinstance(step.output, dict) and step.kind in _WAITS else None
    return None if ended is None else WaitEnd(ended)


def settled(step: RunStep) -> RunStep:
    """Return a step that is over and did not fail.

    Raises:
        StepFailedError: it failed.
    """
    if step.status is StepStatus.FAILED:
        raise StepFailedError(step.error or "The step failed.")
    return step


def _stays(stored: RunStep, step: RunStep) -> bool:
    """Return whether a stored step wins: it is over, or it is the same attempt or wait and began before."""
    return stored.status.is_final or (stored.status is step.status and stored.attempts >= step.attempts)
