"""Unfinished steps of runs that are over: each is ended with its run."""

from typing import Any

import pytest

from domain.automations.running import runner
from domain.entities.origin import Origin
from domain.model.automation import AutomationRun, RunStatus, RunStep, StepStatus
from domain.model.incident import Health
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.running.test_cancelling import LOG, WAITS, Slow, cancel, slow_log
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until_it_is
from tests.factories import ADMIN, log_of, make_incident, make_system

RETRIED = {
    "action": "incident.resolve",
    "config": {"incidentId": "inc_x"},
    "retry": {"attempts": 2, "delay_seconds": 60},
}
PLACES = [f"actions[0].parallel[{index}]" for index in range(len(WAITS))]


async def waiting(world: World, **definition: Any) -> AutomationRun:
    """Return a run that waits for a condition, an event and a time."""
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    run = await world.begun({"parallel": [*WAITS, RETRIED]}, **definition)
    await world.waiting(run, *PLACES)
    await world.tried(run, "actions[0].parallel[3]", 2)
    return run


async def ended(world: World, run: AutomationRun) -> None:
    """Check that every step ended in the very transaction that ended the run."""
    await world.ended(run)
    steps = await world.steps(run)
    assert {step.status for step in steps} == {StepStatus.CANCELLED}
    assert {step.finished_at for step in steps} == {(await world.run(run.id)).finished_at}
    last = [change for change in await log_of(world.domain) if change.entity_id == run.id][-1]
    assert (last.next or {})["status"] == "cancelled"
    assert {part.id for part in last.touched} == {step.path for step in steps}


async def left_behind(world: World, slow: Slow) -> AutomationRun:
    """Return a run that was cancelled after the process at its step had died."""
    run = await world.begun(LOG)
    await slow.begun.wait()
    await world.crash()
    await cancel(world, run)
    assert await world.trace(run) == {"actions[0]": "running"}
    return run


@on_one_database
async def test_waiting_steps_end_with_a_cancelled_run(world: World) -> None:
    run = await waiting(world)
    await cancel(world, run)
    await ended(world, run)


@on_one_database
async def test_waiting_steps_end_with_a_superseded_run(world: World) -> None:
    run = await waiting(world, mode="restart", triggers=[{"event": "incident.created"}])
    await make_incident(world.domain)
    await world.route()
    await ended(world, run)


@on_one_database
async def test_waiting_steps_end_with_a_deleted_automation(world: World) -> None:
    run = await waiting(world)
    await world.domain.automations.service.delete(ADMIN, run.automation_id)
    await ended(world, run)


async def test_a_step_broken_off_beside_a_wait_is_cancelled(world: World) -> None:
    with slow_log(world) as slow:
        run = await world.begun({"parallel": [LOG, {"delay": {"seconds": 60}}]})
        await slow.begun.wait()
        await world.waiting(run, "actions[0].parallel[1]")
        await cancel(world, run)
        await world.ended(run)
    assert set((await world.trace(run)).values()) == {"cancelled"}


async def test_a_step_of_a_dead_process_is_cancelled_on_resume(world: World) -> None:
    with slow_log(world) as slow:
        run = await left_behind(world, slow)
        await world.run_enqueued()
        await world.ended(run)
    assert (await world.trace(run), slow.calls) == ({"actions[0]": "cancelled"}, 1)


@on_one_database
async def test_a_wait_beside_a_branch_with_an_internal_error_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = world.domain.automations.journal.note

    async def note(unit: UnitOfWork, step: RunStep, origin: Origin, *, is_last: bool) -> tuple[RunStep, AutomationRun]:
        if step.path.endswith("parallel[1]"):
            raise RuntimeError("the disk is full")
        return await noted(unit, step, origin, is_last=is_last)

    monkeypatch.setattr(world.domain.automations.journal, "note", note)
    run = await world.begun({"parallel": [{"delay": {"seconds": 80_000}}, {"variables": {"x": 1}}]})

    async def over() -> bool:
        world.clock.advance(seconds=30)
        return (await world.run(run.id)).status.is_final

    await until_it_is(over)
    assert (await world.run(run.id)).status is RunStatus.FAILED
    assert await world.trace(run) == {"actions[0].parallel[0]": "cancelled"}


@on_one_database
async def test_a_run_given_up_after_its_cancellation_leaves_no_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slow_log(world) as slow:
        run = await left_behind(world, slow)
    # As many faults as it takes came before the cancelling.
    monkeypatch.setattr(runner, "_ATTEMPTS", 0)
    await world.domain.automations.runner.execute(run.id)
    assert await world.trace(run) == {"actions[0]": "cancelled"}
