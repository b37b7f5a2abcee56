"""One run under way: what it is, how far it is, and the ways to write, read and evaluate in its name."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from domain.automations.actions.registry import ActionRegistry, Produced
from domain.automations.conditions.evaluation import Verdict, evaluate
from domain.automations.conditions.model import Condition
from domain.automations.conditions.scope import StateReader, context_system, trigger_scope
from domain.automations.definitions.definition import Definition
from domain.automations.engine.wakes import WakeIndex
from domain.automations.expressions.rendering import mentions_state
from domain.automations.running.journal import Journal, RunEndedError
from domain.automations.running.limits import permit_of
from domain.clock import Clock
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep, StepStatus, WaitEnd
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

T = TypeVar("T")

#: A run comes to so many steps at most: loops in loops would never end.
MOST_STEPS = 10_000
#: Woken by nothing, a wait looks again after about so long: the net under a wake-up that was lost. Every process reads
#: all of the log, so that would be a fault of ours; a thousand waits that look each half minute cost a quarter core.
NET_SECONDS = 300.0
#: Where no wake-up can get lost, a wait that nothing but a change can end has no end.
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
#: The kinds of steps that may end before their time, for the sake of what they wait for.
_WAITS = {"wait_until", "wait_for_trigger"}


class StepFailedError(Exception):
    """A step failed; the text says why, for people."""


class StopError(Exception):
    """The run ends here, or the branch of a parallel that this is in; nothing lets it go on."""

    def __init__(self, reason: str, *, failed: bool = False) -> None:
        super().__init__(reason)
        self.failed = failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What all runs of a process share."""

    database: Database
    clock: Clock
    journal: Journal
    actions: ActionRegistry
    states: StateReader
    wakes: WakeIndex
    masker: SecretMasker
    #: The values of these secrets; raises for one that is not there.
    secrets: Callable[[Collection[str]], Awaitable[Mapping[str, str]]]
    #: The values of the secrets that a definition names, as far as they are there.
    named_secrets: Callable[[Definition], Awaitable[Mapping[str, str]]]
    #: Lets the next run of a queue start, now that this one has ended; its automation is locked.
    proceed: Callable[[UnitOfWork, AutomationRun], Awaitable[None]]
    #: How many transactions runs may have under way: people's writes stand in the same line.
    writing: asyncio.Semaphore
    reading: asyncio.Semaphore
    #: Woken by nothing, a wait looks again after about so long: the net under a wake-up that was lost.
    net_seconds: float | None = NET_SECONDS


@dataclass(slots=True, kw_only=True)
class Frame:
    """What steps know of the steps before them."""

    variables: dict[str, Any] = field(default_factory=dict)
    #: Data by the id of the action and the local name of its type.
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: The newest artifact of each type.
    latest: dict[str, Produced] = field(default_factory=dict)
    #: The incidents that the run resolved itself, or saw resolved and went on all the same.
    concluded: set[str] = field(default_factory=set)
    repeat: Mapping[str, Any] | None = None
    resume: Mapping[str, Any] | None = None

    def fork(self) -> "Frame":
        """A copy for a branch that runs beside others."""
        return replace(
            self,
            variables=dict(self.variables),
            artifacts={name: dict(value) for name, value in self.artifacts.items()},
            latest=dict(self.latest),
            concluded=set(self.concluded),
        )

    def join(self, branches: "Sequence[Frame]") -> None:
        """Take over what branches that were forked off found, the last one's where several did."""
        # Compared with what they began with: what a branch left alone is not its own.
        before = self.fork()
        for branch in branches:
            self.variables |= _added(before.variables, branch.variables)
            self.latest |= _added(before.latest, branch.latest)
            self.concluded |= branch.concluded
            for name, value in branch.artifacts.items():
                self.artifacts.setdefault(name, {}).update(_added(before.artifacts.get(name, {}), value))


class Work:
    """One run under way in this process."""

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
        """The step of that path, where the run came to it before."""
        return self._steps.get(path)

    def begun(self, path: str, kind: str, **fields: Any) -> RunStep:
        """A step that the run has come to now, or had come to before.

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
        """Write where a step stands; what another process wrote before stays. The step as stored."""
        # Masked before it stands in line: when its turn comes, the run may be over here and its secrets forgotten.
        masked = self.tools.journal.masked(step)
        return await self.write(lambda unit: self.note_in(unit, masked), may_end=self._ends_with(step))

    async def note_in(self, unit: UnitOfWork, step: RunStep) -> RunStep:
        """Write where a step stands in a unit of work that is under way, and the end that a last step brings.

        A unit of work in which the run may end is one that `write` was told so.

        Raises:
            RunEndedError: the run is over, and the step with it.
        """
        is_last = self._ends_with(step)
        # Locked before the look: on PostgreSQL what another process writes meanwhile would be written over.
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
        """Write that a step is done; the step as stored.

        Raises:
            StepFailedError: another process has written before that it failed.
        """
        return settled(await self.note(self.finished(step, StepStatus.SUCCESS, output=output)))

    async def fail(self, step: RunStep, error: str) -> RunStep:
        """Write that a step failed; the step as stored where somebody has written before that it is done.

        Raises:
            StepFailedError: it failed.
        """
        return settled(await self.note(self.finished(step, StepStatus.FAILED, error=error)))

    async def conclude(self, step: RunStep, output: Mapping[str, Any], message: str) -> RunStep:
        """Write that a step is done and the run over with it, at once: a firing in between would find it active."""
        done = self.tools.journal.masked(self.finished(step, StepStatus.SUCCESS, output=output))

        async def both(unit: UnitOfWork) -> RunStep:
            stored = await self.note_in(unit, done)
            run = await self.tools.journal.finish(unit, step.run_id, RunStatus.SUCCESS, message, self.origin)
            await self.tools.proceed(unit, run)
            unit.when_committed(self._end)
            return stored

        return await self.write(both, may_end=True)

    def finished(self, step: RunStep, status: StepStatus, **fields: Any) -> RunStep:
        """The step, over now."""
        return replace(step, status=status, finished_at=self.tools.clock.now(), request=None, **fields)

    async def write(self, work: Callable[[UnitOfWork], Awaitable[T]], *, may_end: bool = False) -> T:
        """Do something in a unit of work; the first one of a run begins it as well.

        `may_end` is for those that can write the last step, and the end of the run with it.

        Raises:
            UnavailableError: what the step was to do says nothing about that, so it is no failure of the step.
        """

        async def whole(unit: UnitOfWork) -> T:
            if may_end:
                # The automation before the run and all that refers to it, as everywhere: who restarts, cancels or
                # deletes has the automation and waits for the run.
                await unit.automations.hold([self.run.automation_id])
            await self.begin(unit)
            return await work(unit)

        async with self.tools.writing:
            return (await self.tools.database.write(whole)).value

    async def begin(self, unit: UnitOfWork) -> None:
        """Write that the run is under way, where that is not written yet.

        Raises:
            RunEndedError: it is over.
        """
        if self._begins:
            await self.tools.journal.begin(unit, self.run.id, self.origin)
            unit.when_committed(self._begin)

    async def read(self, work: Callable[[ReadSession], Awaitable[T]]) -> T:
        """Read something.

        Raises:
            UnavailableError
        """
        async with self.tools.reading:
            return await self.tools.database.read(work)

    async def require_active(self, session: ReadSession) -> None:
        """Go on while the run is active.

        Raises:
            RunEndedError: it is over.
        """
        run = (await session.runs.get_many([self.run.id])).get(self.run.id)
        if run is None or run.status.is_final:
            raise RunEndedError

    def next_look(self, now: datetime, *moments: datetime | None) -> datetime:
        """When to look again at the latest: at the first of these moments, or when the net's time has come."""
        looks = [moment for moment in moments if moment is not None]
        net = self.tools.net_seconds
        if net is not None:
            looks.append(now + timedelta(seconds=net * random.uniform(0.8, 1.2)))  # noqa: S311 - only spreads the looks
        return min(looks, default=_NEVER)

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
                await self.tools.clock.wait(woken, until=self.next_look(now, until))

    async def limited(self, session: ReadSession) -> Origin:
        """How actions write: with the limits of the token that the run runs as, as they are now.

        Raises:
            ForbiddenError: the token is not valid any more.
        """
        permit = await permit_of(session, self.definition.run_as, now=self.tools.clock.now())
        return replace(self.origin, permit=permit)

    def scope(self, frame: Frame) -> dict[str, Any]:
        """What expressions see without looking at the database."""
        scope: dict[str, Any] = {
            "trigger": trigger_scope(self.run.firing, self.run.trigger_id),
            "variables": frame.variables,
            "vars": frame.variables,
            "artifacts": frame.artifacts,
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
        return scope

    @property
    def context_system(self) -> str | None:
        """The system that the run is about."""
        return context_system(self.run.firing)

    async def enriched(
        self, session: ReadSession, scope: Mapping[str, Any], *conditions: Condition, now: datetime
    ) -> dict[str, Any]:
        """The scope with the health and state that conditions look at, as they are now."""
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
        """What templates in that value see; health too, where they look at it."""
        scope = self.scope(frame)
        if not mentions_state(value):
            return scope
        return await self.read(lambda session: self.enriched(session, scope, now=now))

    async def evaluate(self, condition: Condition, frame: Frame) -> Verdict:
        """What a condition gives now."""
        now = self.tools.clock.now()
        scope = await self.read(lambda session: self.enriched(session, self.scope(frame), condition, now=now))
        return evaluate(condition, scope, now=now)

    def _ends_with(self, step: RunStep) -> bool:
        # One that ended early ends the run with its reason, which is written after it.
        return step.path == self.last and step.status is StepStatus.SUCCESS and wait_end(step) is None

    def _begin(self) -> None:
        self._begins = False

    def _end(self) -> None:
        self.ended = True


def wait_end(step: RunStep) -> WaitEnd | None:
    """Why a wait ended before its time, where it did."""
    ended = step.output.get("ended") if isinstance(step.output, dict) and step.kind in _WAITS else None
    return None if ended is None else WaitEnd(ended)


def settled(step: RunStep) -> RunStep:
    """A step that is over and did not fail.

    Raises:
        StepFailedError: it failed.
    """
    if step.status is StepStatus.FAILED:
        raise StepFailedError(step.error or "The step failed.")
    return step


def _stays(stored: RunStep, step: RunStep) -> bool:
    """Whether what is written of a step stands: it is over, or the same attempt or wait began before."""
    return stored.status.is_final or (stored.status is step.status and stored.attempts >= step.attempts)


def _added(before: Mapping[str, T], after: Mapping[str, T]) -> dict[str, T]:
    return {name: value for name, value in after.items() if name not in before or before[name] is not value}
