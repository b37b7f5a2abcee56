"""Attempts at an action: their number, their back-off, and the traces of failures."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.automations.actions.registry import ActionContext, Result
from domain.errors import ConflictError
from domain.model.automation import AutomationRun, RunStatus
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system
from tests.inside import inside

LOG = {"action": "log", "config": {"message": "here"}}


class Moody:
    """The action `log` with failures of a kind and number that a test sets."""

    def __init__(self, world: World, *failures: Exception | None) -> None:
        actions = world.domain.automations.catalog.actions._actions
        actions["log"] = replace(actions["log"], perform=self.perform)
        self.failures = list(failures)
        self.keys: list[str] = []
        self.moments: list[Any] = []
        self._world = world

    async def perform(self, config: Any, context: ActionContext) -> Result:
        self.keys.append(context.idempotency_key)
        self.moments.append(self._world.clock.moment)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return Result()


def retrying(attempts: int, delay_seconds: float = 10) -> dict[str, Any]:
    return {**LOG, "retry": {"attempts": attempts, "delay_seconds": delay_seconds}}


async def begun_with_pauses(world: World, run: AutomationRun, *pauses: float) -> AutomationRun:
    for attempt, seconds in enumerate(pauses, start=2):
        await world.tried(run, "actions[0]", attempt)
        world.clock.advance(seconds=seconds)
    return await world.over(run)


@on_one_database
async def test_retries_back_off_exponentially_until_a_success(world: World) -> None:
    moody = Moody(world, ConflictError("no"), RuntimeError("bug"))
    began = world.clock.moment
    run = await begun_with_pauses(world, await world.begun(retrying(5)), 10, 20)
    assert [moment - began for moment in moody.moments] == [timedelta(seconds=at) for at in (0, 10, 30)]
    assert set(moody.keys) == {f"{run.id}:actions[0]"}
    step = await world.step(run, "actions[0]")
    assert (run.status, step.attempts, step.error, step.due_at) == (RunStatus.SUCCESS, 3, None, None)


@on_one_database
async def test_the_error_of_a_step_is_its_last_attempts(world: World) -> None:
    moody = Moody(world, ConflictError("first"), ConflictError("second"), None)
    run = await begun_with_pauses(world, await world.begun(retrying(2)), 10)
    assert (run.status, run.message, len(moody.keys)) == (RunStatus.FAILED, "second", 2)


async def test_a_back_off_is_kept_over_changes_and_crashes(world: World) -> None:
    moody = Moody(world, ConflictError("no"))
    beside = [{"variables": {"x": 1}}, {"delay": {"seconds": 5}}]
    run = await world.begun({"parallel": [retrying(2), {"sequence": beside}]})
    place = "actions[0].parallel[0]"
    await world.tried(run, place, 2)
    await world.waiting(run, "actions[0].parallel[1].sequence[1]")
    world.clock.advance(seconds=9.999)
    await world.settled_down(run, {"actions[0].parallel[1].sequence[1]": "success"})
    await world.crash()
    await world.run_enqueued()
    assert len(moody.keys) == 1
    world.clock.advance(seconds=0.001)
    assert (await world.over(run)).status is RunStatus.SUCCESS
    assert moody.moments[1] - moody.moments[0] == timedelta(seconds=10)


@on_one_database
async def test_an_attempt_fails_by_its_timeout(world: World) -> None:
    actions = world.domain.automations.catalog.actions._actions

    async def forever(config: Any, context: ActionContext) -> Result:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    actions["log"] = replace(actions["log"], perform=forever)
    run = await world.ran({**LOG, "timeout_seconds": 0.05})
    assert (run.status, run.message) == (RunStatus.FAILED, "It took longer than 0.05 seconds.")


async def test_a_commit_before_the_timeout_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_system(world.domain)
    write = inside(world.domain).database.write
    late: list[asyncio.Task[Any]] = []

    async def overdue(work: Any, **options: Any) -> Any:
        # The first one of the run: its beginning, what the action does, and its end.
        if getattr(work, "__name__", "") == "whole" and not late:
            late.append(asyncio.create_task(write(work, **options)))
            await asyncio.Event().wait()
        # Whatever is written about the attempt comes after what it did.
        await asyncio.gather(*late)
        return await write(work, **options)

    monkeypatch.setattr(inside(world.domain).database, "write", overdue)
    opened = {"title": "Down", "severity": "major", "systemIds": ["payments"]}
    run = await world.ran({"id": "open", "action": "incident.create", "config": opened, "timeout_seconds": 0.05})
    assert (run.status, len(await world.incidents()), len(late)) == (RunStatus.SUCCESS, 1, 1)


async def test_a_run_of_one_action_begins_acts_and_ends_in_one_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await make_incident(world.domain)
    said = {"action": "incident.add_update", "config": {"incidentId": incident.id, "message": "Seen."}}
    automation = await world.automation(said, triggers=[{"event": "system.healthy"}])
    run = (await world.domain.automations.service.run_by_hand(ADMIN, automation.id)).value
    assert run is not None
    before = await world.domain.events.head()
    write, written = inside(world.domain).database.write, []

    async def counting(work: Any) -> Any:
        written.append(await write(work))
        return written[-1]

    monkeypatch.setattr(inside(world.domain).database, "write", counting)
    await world.domain.automations.runner.execute(run.id)
    changes = await inside(world.domain).database.read(lambda session: session.changes.after(before, limit=10))
    assert len(written) == 1
    assert [(change.kind, (change.next or {}).get("status")) for change in changes] == [
        ("automation_run", "running"),
        ("incident", "investigating"),
        ("automation_run", "success"),
    ]


async def test_a_last_step_is_rolled_back_if_the_run_cannot_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await make_incident(world.domain)
    said = {"action": "incident.add_update", "config": {"incidentId": incident.id, "message": "Seen."}}
    tools, ended = world.domain.automations.runner._tools, list[str]()

    async def broken(unit: UnitOfWork, run: AutomationRun) -> None:
        ended.append(run.status)
        if run.status is RunStatus.SUCCESS:
            raise RuntimeError("the queue is broken")
        await tools.proceed(unit, run)

    monkeypatch.setattr(world.domain.automations.runner, "_tools", replace(tools, proceed=broken))
    run = await world.ran(said)
    assert (run.status, ended, await world.messages()) == (RunStatus.FAILED, ["success", "failed"], [])


@on_one_database
async def test_an_unknown_action_fails_the_step(world: World) -> None:
    automation = await world.automation(LOG, triggers=[{"event": "system.healthy"}])
    del world.domain.automations.catalog.actions._actions["log"]
    run = await world.over(await world.again(automation))
    assert (run.status, run.message) == (RunStatus.FAILED, "There is no action 'log'.")


async def test_an_action_that_fails_writes_nothing(world: World) -> None:
    incident = await make_incident(world.domain)
    run = await world.ran({"action": "incident.add_update", "config": {"incidentId": incident.id, "message": " "}})
    assert (run.status, await world.messages()) == (RunStatus.FAILED, [])
