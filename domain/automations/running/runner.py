"""The runner: it takes a run from any state to its end, however often it is resumed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from domain.automations.definitions.definition import Definition, stored
from domain.automations.running.interpreter import Interpreter
from domain.automations.running.journal import RunEndedError, actor_of
from domain.automations.running.work import StepFailedError, StopError, Tools, Work
from domain.entities.origin import BY_SYSTEM, Origin
from domain.entities.run import RUN
from domain.errors import DomainError, UnavailableError
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.tracing import SpanKind, span_of

logger = logging.getLogger(__name__)

#: The most retries after an internal error before it fails the run.
_ATTEMPTS = 8
_LONGEST_PAUSE_SECONDS = 30.0
#: The longest back-off while the database is away: it is mostly back soon.
_LONGEST_AWAY_SECONDS = 5.0


class Runner:
    """An executor of runs by id; executing a run again resumes it after its finished steps."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._executing: Counter[str] = Counter()

    async def execute(self, run_id: str) -> None:
        """Run a run to its end: retry while the database is away; fail the run after repeated internal errors."""
        self._executing[run_id] += 1
        try:
            parent = await self._parent(run_id)
            with span_of(self._tools.database.tracer, "automation run", kind=SpanKind.CONSUMER, parent=parent):
                await self._persistently(run_id)
        finally:
            # Another worker may be at the same run, and still needs its secrets for redacting.
            self._executing[run_id] -= 1
            if not self._executing[run_id]:
                del self._executing[run_id]
                self._tools.masker.drop(run_id)

    async def _parent(self, run_id: str) -> str | None:
        """Return the trace of what started a run; None without a tracer, and where it is not known."""
        if self._tools.database.tracer is None:
            return None
        with suppress(UnavailableError):
            return await self._tools.database.read(lambda session: session.changes.trace_of(RUN.name, run_id))
        return None

    async def _persistently(self, run_id: str) -> None:
        faults = outages = 0
        while True:
            try:
                await self._executed(run_id, given_up=faults >= _ATTEMPTS)
            except RunEndedError:
                return
            except UnavailableError:
                outages += 1
                logger.debug("the run waits for the database", extra=_of(run_id))
                await self._pause(tried=outages, longest=_LONGEST_AWAY_SECONDS)
            except Exception:
                faults += 1
                logger.exception("the run failed inside; attempt %s", faults, extra=_of(run_id))
                await self._pause(tried=faults, longest=_LONGEST_PAUSE_SECONDS)
            else:
                return

    async def _pause(self, *, tried: int, longest: float) -> None:
        pause = timedelta(seconds=min(0.2 * 2 ** min(tried, 10), longest))
        # No wake-up shortens it: the run's own changes would.
        await self._tools.clock.wait(asyncio.Event(), until=self._tools.clock.now() + pause)

    async def _executed(self, run_id: str, *, given_up: bool) -> None:
        try:
            if given_up:
                await self._end(run_id, RunStatus.FAILED, "An internal error; the server's log has it.")
            else:
                await self._execute(run_id)
        except RunEndedError:
            # Its end broke branches off, or a process died at a step before it.
            if self._executing[run_id] == 1:
                await self._abandon(run_id)

    async def _abandon(self, run_id: str) -> None:
        journal, database = self._tools.journal, self._tools.database
        if await database.read(lambda session: session.runs.unfinished_steps(run_id)):
            async with self._tools.writing:
                await database.write(lambda unit: journal.abandon(unit, run_id))

    async def _execute(self, run_id: str) -> None:
        work = await self._loaded(run_id)
        try:
            # Known before the first step, so that a secret is redacted in answers, too.
            self._tools.masker.register(run_id, (await self._tools.named_secrets(work.definition)).values())
            status, message = await _outcome(work)
        except UnavailableError:
            raise
        except DomainError as error:
            # Such as a secret that cannot be decrypted here: a retry does not help.
            status, message = RunStatus.FAILED, str(error)
        if not work.ended:
            await self._end(run_id, status, message, work)

    async def _loaded(self, run_id: str) -> Work:
        async with self._tools.reading:
            run, automation, definition, steps = await self._tools.database.read(lambda session: _read(session, run_id))
        origin = Origin(actor=actor_of(automation), cause=run.cause, run_id=run_id)
        return Work(self._tools, run=run, automation=automation, definition=definition, steps=steps, origin=origin)

    async def _end(self, run_id: str, status: RunStatus, message: str | None, work: Work | None = None) -> None:
        message = self._tools.masker.mask(run_id, message)

        async def end(unit: UnitOfWork) -> None:
            run = (await unit.runs.get_many([run_id])).get(run_id)
            if run is None:
                return
            # The automation before the run, as everywhere: its mode may let the next one start.
            await unit.automations.hold([run.automation_id])
            if work is not None:
                await work.begin(unit)
            origin = BY_SYSTEM if work is None else work.origin
            finished = await self._tools.journal.finish(unit, run_id, status, message, origin)
            await self._tools.proceed(unit, finished)

        async with self._tools.writing:
            await self._tools.database.write(end)


def _of(run_id: str) -> dict[str, str]:
    return {"run": run_id}


async def _outcome(work: Work) -> tuple[RunStatus, str | None]:
    try:
        await Interpreter(work).run()
    except StepFailedError as error:
        return RunStatus.FAILED, str(error)
    except StopError as stop:
        return RunStatus.FAILED if stop.failed else RunStatus.SUCCESS, str(stop)
    return RunStatus.SUCCESS, None


async def _read(session: ReadSession, run_id: str) -> tuple[AutomationRun, Automation, Definition, Sequence[RunStep]]:
    run = (await session.runs.get_many([run_id])).get(run_id)
    if run is None or run.status.is_final:
        raise RunEndedError
    automation = (await session.automations.get_many([run.automation_id])).get(run.automation_id)
    if automation is None:
        raise RunEndedError
    document = automation.definition
    if automation.number != run.number:
        version = await session.automations.version(run.automation_id, run.number)
        if version is None:
            raise RunEndedError
        document = version.definition
    # A run that has not begun has come to no step.
    steps = [] if run.status is RunStatus.PENDING else (await session.runs.steps([run_id]))[run_id]
    return run, automation, stored(document), steps
