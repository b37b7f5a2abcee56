"""A driver of automations by hand: it routes changes, runs what is enqueued, and waits under a deadline."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from domain.automations.engine.adapter import Workflow
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.model.automation import Automation, AutomationRun, RunStatus, RunStep
from domain.model.change import Change
from domain.model.filters import EVERYTHING
from domain.model.incident import Health, Incident
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.conftest import SteppingClock
from tests.domain.messaging.changes import until_it_is
from tests.factories import ADMIN, report_health
from tests.inside import inside

#: How long a state may take to come about before the test fails.
DEADLINE_SECONDS = 60


class World:
    """A domain whose router and runner a test calls itself; nothing runs in the background."""

    def __init__(self, domain: Domain, clock: SteppingClock) -> None:
        self.domain = domain
        self.viewer = ADMIN
        self.clock = clock
        self._position = 0
        self._made = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def automation(self, *actions: Mapping[str, Any], name: str | None = None, **definition: Any) -> Automation:
        """Add an automation, by default triggered by created incidents."""
        document = {"triggers": [{"event": "incident.created"}], "actions": list(actions), **definition}
        self._made += 1
        unique = "tested" if self._made == 1 else f"tested {self._made}"
        command = WriteAutomation(name=unique if name is None else name, definition=document)
        created = (await self.domain.automations.service.create(ADMIN, command)).value
        assert created is not None
        return created

    async def begun(
        self, *actions: Mapping[str, Any], payload: Mapping[str, Any] | None = None, **definition: Any
    ) -> AutomationRun:
        """Add an automation and begin a run of it by hand."""
        context_key = definition.pop("context_key", None)
        # The only trigger whose payload may be anything.
        document = {"triggers": [{"event": "manual"}], **definition}
        automation = await self.automation(*actions, **document)
        return await self.again(automation, payload=payload, context_key=context_key)

    async def again(self, automation: Automation, **firing: Any) -> AutomationRun:
        """Begin a further run of an automation by hand."""
        run = (await self.domain.automations.service.run_by_hand(ADMIN, automation.id, **firing)).value
        assert run is not None
        await self.run_enqueued()
        return run

    async def ran(self, *actions: Mapping[str, Any], **options: Any) -> AutomationRun:
        """Return a run by hand once it is over."""
        return await self.over(await self.begun(*actions, **options))

    async def over(self, run: AutomationRun) -> AutomationRun:
        """Return the run once it is over."""
        if run.id in self._tasks:
            await self.ended(run)
        await until_it_is(partial(self._is_over, run))
        return await self.run(run.id)

    async def all_over(self, runs: Mapping[str, Awaitable[AutomationRun]]) -> dict[str, AutomationRun]:
        """Return these concurrent runs once they are over."""
        return dict(zip(runs, await asyncio.gather(*runs.values()), strict=True))

    async def _is_over(self, run: AutomationRun) -> bool:
        return (await self.run(run.id)).status.is_final

    async def trace(self, run: AutomationRun) -> dict[str, str]:
        """Return the status of each step of a run, in order."""
        return {step.path: step.status.value for step in await self.steps(run)}

    async def waiting(self, run: AutomationRun, *paths: str) -> None:
        """Wait until these steps of a run wait."""

        async def do() -> bool:
            trace = await self.trace(run)
            return all(trace.get(path) == "waiting" for path in paths)

        await until_it_is(do)

    async def route(self) -> None:
        """Route every change that was not routed yet, in the log's order."""
        while batch := await inside(self.domain).database.read(self._unrouted):
            await self._route_all(batch)

    async def _route_all(self, batch: Sequence[Change]) -> None:
        for change in batch:
            self._position = change.seq
            if change.kind in self.domain.automations.routed:
                await inside(self.domain).database.write(partial(self._route, change))

    async def _unrouted(self, session: ReadSession) -> list[Change]:
        return await session.changes.after(self._position, limit=100)

    async def _route(self, change: Change, unit: UnitOfWork) -> None:
        await self.domain.automations.router.route(unit, change)

    async def enqueued(self, workflow: Workflow = Workflow.RUN) -> list[str]:
        """Return the ids enqueued so far, oldest first."""
        return [identifier for name, identifier in await self._everything_enqueued() if name == workflow]

    async def _everything_enqueued(self) -> list[tuple[str, str]]:
        return await inside(self.domain).database.read(_enqueued)

    async def run_enqueued(self) -> None:
        """Begin the enqueued runs and dwells that are not under way yet."""
        self._begin(await self._everything_enqueued())

    def _begin(self, enqueued: Sequence[tuple[str, str]]) -> None:
        for workflow, handler in (
            (Workflow.RUN, self.domain.automations.runner.execute),
            (Workflow.DWELL, self.domain.automations.dwells.keep),
        ):
            for name, identifier in enqueued:
                if name == workflow and identifier not in self._tasks:
                    self._tasks[identifier] = asyncio.create_task(handler(identifier))

    async def settle(self) -> int:
        """Route and run until every run is over or waits; return the log's end, up to which all is routed."""
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        while True:
            # One transaction for all that is to be known: a feed settles hundreds of times.
            unrouted, enqueued, busy, head = await inside(self.domain).database.read(self._work_left)
            await self._route_all(unrouted)
            self._begin(enqueued)
            under_way = [run for run in busy if run.id in self._tasks]
            if not under_way and not unrouted and head == self._position:
                return head
            assert asyncio.get_running_loop().time() < deadline, f"still busy: {under_way}"
            if not unrouted:
                await asyncio.sleep(0.005)

    async def _work_left(
        self, session: ReadSession
    ) -> tuple[list[Change], list[tuple[str, str]], Sequence[AutomationRun], int]:
        statuses = (RunStatus.PENDING, RunStatus.RUNNING)
        page = await session.runs.page(PageRequest(size=1000), statuses=statuses)
        unrouted = await self._unrouted(session)
        head = unrouted[-1].seq if unrouted else await session.changes.head()
        return unrouted, await _enqueued(session), page.items, head

    async def firing(self) -> None:
        """Fire the dwells that are over, and begin the runs that they start."""
        await self.fire()
        await self.settle()

    async def fire(self) -> None:
        """Fire the dwells that are over."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            for identifier in await self.enqueued(Workflow.DWELL):
                if identifier in self._tasks and self._tasks[identifier].done():
                    await self._tasks[identifier]
                    continue
                dwell = await inside(self.domain).database.read(
                    lambda session, identifier=identifier: session.dwells.get(identifier)  # type: ignore[misc]
                )
                if dwell is not None and dwell.fire_at <= self.clock.moment:
                    await self._tasks[identifier]

    async def crash(self) -> None:
        """Forget all that is under way, as a killed process does; what is recorded stays."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Cancel all that is under way."""
        await self.crash()

    async def runs(self, *statuses: RunStatus) -> list[AutomationRun]:
        """Return all runs, or those of these statuses, oldest first."""
        page = await inside(self.domain).database.read(
            lambda session: session.runs.page(PageRequest(size=1000), statuses=statuses or None)
        )
        return list(page.items)[::-1]

    async def run(self, run_id: str) -> AutomationRun:
        """Return a run as it is now."""
        return (await inside(self.domain).database.read(lambda session: session.runs.get_many([run_id])))[run_id]

    async def only_run(self) -> AutomationRun:
        """Return the only run; skipped firings do not count."""
        runs = [run for run in await self.runs() if run.status is not RunStatus.SKIPPED]
        assert len(runs) == 1, runs
        return runs[0]

    async def skips(self) -> list[str]:
        """Return the reasons of firings that led to no run, oldest first."""
        return [str(run.reason) for run in await self.runs(RunStatus.SKIPPED)]

    async def steps(self, run: AutomationRun) -> list[RunStep]:
        """Return the steps of a run in order."""
        return (await inside(self.domain).database.read(lambda session: session.runs.steps([run.id])))[run.id]

    async def step(self, run: AutomationRun, path: str) -> RunStep:
        """Return one step of a run."""
        return next(step for step in await self.steps(run) if step.path == path)

    async def opened(self, run: AutomationRun) -> list[str]:
        """Return the ids of the incidents that a run produced."""
        found = (await self.domain.automations.reads.artifact_pages([run.id], PageRequest(size=100)))[run.id]
        return [str(artifact.data["incidentId"]) for artifact in found.items]

    async def until(self, run: AutomationRun, status: RunStatus) -> AutomationRun:
        """Return the run once it has that status; fail when that takes too long."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (now := await self.run(run.id)).status is not status:  # noqa: ASYNC110 - it is the database that is watched
                await asyncio.sleep(0.005)
        return now

    async def report(self, system: str, health: Health) -> None:
        """Report a system's health."""
        await report_health(self.domain, system, health)

    async def incidents(self) -> Sequence[Incident]:
        """Return all incidents, oldest first."""
        page = await self.domain.reads.incident_page(
            EVERYTHING, Order(field="created_at", descending=False), PageRequest(size=100), Audience.MANAGER
        )
        return page.items

    async def messages(self) -> list[str]:
        """Return the messages of all timelines, oldest first."""
        rows = await self.rows("SELECT message FROM incident_updates ORDER BY id")
        return [str(row[0]) for row in rows]

    async def rows(self, query: str) -> Sequence[Sequence[Any]]:
        """Return the rows of a test's own query."""

        async def read(session: ReadSession) -> Sequence[Sequence[Any]]:
            return (await session.connection.execute(sa.text(query))).all()

        return await inside(self.domain).database.read(read)

    async def ended(self, run: AutomationRun) -> None:
        """Wait until no worker is at the run any more."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self._tasks[run.id]

    async def tried(self, run: AutomationRun, path: str, attempt: int) -> None:
        """Wait until a step backs off before that attempt."""

        async def pauses() -> bool:
            found = [step for step in await self.steps(run) if step.path == path]
            return bool(found) and found[0].attempts == attempt and found[0].due_at is not None

        await until_it_is(pauses)

    async def settled_down(self, run: AutomationRun, expected: Mapping[str, str]) -> None:
        """Wait until these steps of a run have that status."""

        async def stand() -> bool:
            return expected.items() <= (await self.trace(run)).items()

        await until_it_is(stand)


async def _enqueued(session: ReadSession) -> list[tuple[str, str]]:
    table = "workflow_status" if session.connection.dialect.name == "sqlite" else "dbos.workflow_status"
    query = f"SELECT name, workflow_uuid FROM {table} ORDER BY created_at, workflow_uuid"
    return [(name, str(uuid).partition(":")[2]) for name, uuid in await session.connection.execute(sa.text(query))]
