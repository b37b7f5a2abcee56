"""Runs a run: from wherever it stands to its end, however often somebody starts over."""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.automations.definition import Definition
from domain.automations.running.interpreter import Interpreter
from domain.automations.running.journal import RunEndedError, actor_of
from domain.automations.running.work import StepFailedError, StopError, Tools, Work
from domain.entities.handle import Origin, State
from domain.errors import ForbiddenError
from domain.model.automation import Automation, AutomationRun, RunStatus
from domain.model.viewer import Role
from domain.persistence.outages import DatabaseAwayError, telling_outages
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

logger = logging.getLogger(__name__)

#: How often a fault of ours is tried again before it fails the run.
_ATTEMPTS = 8
_LONGEST_PAUSE_SECONDS = 30.0
#: A database that was away is mostly back soon, and then nobody should wait much longer.
_LONGEST_AWAY_SECONDS = 5.0

#: Lets the next run of a queue start.
Proceed = Callable[[UnitOfWork, AutomationRun], Awaitable[None]]


class Runner:
    """Executes runs by their ids; executing one again goes on where its steps end."""

    def __init__(self, tools: Tools, *, proceed: Proceed) -> None:
        self._tools = tools
        self._proceed = proceed

    async def execute(self, run_id: str) -> None:
        """Bring a run to its end. Failures of the database are waited out; a fault of ours fails the run in the end."""
        faults = outages = 0
        while faults < _ATTEMPTS:
            try:
                with telling_outages():
                    await self._execute(run_id)
            except RunEndedError:
                return
            except DatabaseAwayError as error:
                outages += 1
                logger.warning(
                    "the database is away (%r); the run goes on when it is back", error.__cause__, extra=_of(run_id)
                )
                await self._pause(run_id, tried=outages, longest=_LONGEST_AWAY_SECONDS)
            except Exception:
                faults += 1
                logger.exception("the run failed inside; attempt %s", faults, extra=_of(run_id))
                await self._pause(run_id, tried=faults, longest=_LONGEST_PAUSE_SECONDS)
            else:
                return
            finally:
                self._tools.masker.drop(run_id)
        await self._end(run_id, RunStatus.FAILED, "An internal error; the server's log has it.", Origin())

    async def _pause(self, run_id: str, *, tried: int, longest: float) -> None:
        pause = timedelta(seconds=min(0.2 * 2 ** min(tried, 10), longest))
        with self._tools.wakes.watching((), run_id=run_id) as woken:
            await self._tools.clock.wait(woken, until=self._tools.clock.now() + pause)

    async def _execute(self, run_id: str) -> None:
        work = await self._loaded(run_id)
        # Known before the first step, so that a secret that turns up in an answer is masked there, too.
        self._tools.masker.register(run_id, (await self._tools.named_secrets(work.definition)).values())
        status, message = await _outcome(work)
        await self._end(run_id, status, message, work.origin)

    async def _loaded(self, run_id: str) -> Work:
        run, automation, definition = await self._tools.database.read(lambda session: _read(session, run_id))
        permit = await self._permit(definition)
        origin = Origin(actor=actor_of(automation), cause=run.cause, run_id=run_id, permit=permit)
        async with self._tools.writing:
            committed = await self._tools.database.write(lambda unit: self._tools.journal.begin(unit, run_id, origin))
        steps = (await self._tools.database.read(lambda session: session.runs.steps([run_id])))[run_id]
        return Work(
            self._tools,
            run=committed.value,
            automation=automation,
            definition=definition,
            steps=steps,
            origin=origin,
        )

    async def _permit(self, definition: Definition) -> Callable[[State | None, State | None], None]:
        """What the run may write: all, or what the token may that it runs as."""
        token_id = definition.run_as
        if token_id is None:
            return lambda _before, _after: None
        token = (await self._tools.database.read(lambda session: session.tokens.get_many([token_id]))).get(token_id)
        now = self._tools.clock.now()
        valid = token is not None and token.is_valid(now) and token.role.includes(Role.RESPONDER)
        systems = token.systems if token is not None else frozenset()

        def permit(before: State | None, after: State | None) -> None:
            if not valid:
                raise ForbiddenError("The token that the automation runs as is not valid any more.")
            for state in (before, after):
                reached = set((state or {}).get("system_ids", ()))
                if systems is not None and not reached <= systems:
                    raise ForbiddenError("The token that the automation runs as does not reach these systems.")

        return permit

    async def _end(self, run_id: str, status: RunStatus, message: str | None, origin: Origin) -> None:
        async def work(unit: UnitOfWork) -> None:
            run = (await unit.runs.get_many([run_id])).get(run_id)
            if run is None:
                return
            # The automation before the run, as everywhere: its mode may let the next one start.
            await unit.automations.lock([run.automation_id])
            await self._proceed(unit, await self._tools.journal.finish(unit, run_id, status, message, origin))

        async with self._tools.writing:
            try:
                await self._tools.database.write(work)
            except RunEndedError:
                return


def _of(run_id: str) -> dict[str, str]:
    return {"run": run_id}


async def _outcome(work: Work) -> tuple[RunStatus, str | None]:
    try:
        await Interpreter(work).run()
    except StepFailedError as error:
        return RunStatus.FAILED, str(error)
    except StopError as stop:
        return RunStatus.SUCCESS, str(stop)
    return RunStatus.SUCCESS, None


async def _read(session: ReadSession, run_id: str) -> tuple[AutomationRun, Automation, Definition]:
    run = (await session.runs.get_many([run_id])).get(run_id)
    if run is None or run.status.is_final:
        raise RunEndedError
    automation = (await session.automations.get_many([run.automation_id])).get(run.automation_id)
    version = await session.automations.version(run.automation_id, run.number)
    if automation is None or version is None:
        raise RunEndedError
    return run, automation, Definition.model_validate(version.definition)
