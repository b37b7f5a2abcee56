"""Runs whose process dies at any write, and runs with two workers: each effect once, and the same trace."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.entities.origin import Origin
from domain.model.automation import AutomationRun, RunStatus, RunStep, WaitEnd
from domain.model.incident import Health
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.messaging.changes import until, until_it_is
from tests.factories import make_system
from tests.inside import inside

INCIDENT = "{{ artifacts.open.incident.incidentId }}"
CREATE = {
    "id": "open",
    "action": "incident.create",
    "config": {"title": "Down", "severity": "major", "systemIds": ["payments"], "initialMessage": "Looking"},
}
HEALTHY = "health.systems['payments'].status == 'healthy'"


def say(text: str) -> dict[str, Any]:
    return {"action": "incident.add_update", "config": {"incidentId": INCIDENT, "message": text}}


#: Every kind of step there is.
STEPS = (
    CREATE,
    {"variables": {"items": ["a", "b"]}},
    {"choose": [{"when": "1 == 2", "sequence": [say("never")]}], "else": [say("else")]},
    {"repeat": {"for_each": "variables.items", "sequence": [say("{{ repeat.item }}")]}},
    {"repeat": {"while": "repeat.index < 1", "sequence": [say("while")]}},
    {"parallel": [say("left"), {"sequence": [say("right"), {"stop": {}}]}]},
    {"action": "incident.resolve", "config": {"incidentId": "inc_unknown"}, "continue_on_error": True},
    {**say("off"), "enabled": False},
    {"delay": {"seconds": 0}},
    {"wait_until": {"condition": HEALTHY, "timeout_seconds": 60}},
    {"wait_for_trigger": {"event": "incident.created", "timeout_seconds": 60, "continue_on_timeout": True}},
    {"action": "log", "config": {"message": "done"}},
    {"condition": "1 == 1"},
    {"action": "incident.resolve", "config": {"message": "Over"}},
    {"if": ["1 == 1", "1 == 2"], "then": [say("never")], "else": [say("otherwise")]},
    {"repeat": {"for_each": ["c", "{{ variables.items[1] }}"], "sequence": [say("listed {{ repeat.item }}")]}},
    {"stop": {"reason": "All done."}},
)
SAID = ["Looking", "else", "a", "b", "while", "left", "right", "Over", "otherwise", "listed c", "listed b"]
LAST = "actions[10]"


async def begun(world: World) -> AutomationRun:
    await make_system(world.domain)
    return await world.begun(*STEPS)


async def test_after_a_death_at_any_write_each_effect_happens_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await begun(world)
    await world.crash()
    write, lives, written = inside(world.domain).database.write, 0, 0
    life: asyncio.Task[None]

    async def dying(work: Callable[[UnitOfWork], Awaitable[Any]]) -> Any:
        nonlocal written
        written += 1
        # Every other life ends once its last write is committed, and those between before that write begins.
        if written < 2 + lives % 3:
            return await write(work)
        if lives % 2:
            await write(work)
        life.cancel()
        return await asyncio.Event().wait()

    def over() -> bool:
        world.clock.advance(seconds=60)
        return life.done()

    monkeypatch.setattr(inside(world.domain).database, "write", dying)
    while not (now := await world.run(run.id)).status.is_final:
        lives, written = lives + 1, 0
        assert lives < 100
        life = asyncio.create_task(world.domain.automations.runner.execute(run.id))
        await until(over)
    assert lives > 5
    assert (now.status, now.message) == (RunStatus.SUCCESS, "All done.")
    await same_as_without_deaths(world, now)


async def test_processes_that_work_on_the_same_run_do_everything_once(world: World, other: Domain) -> None:
    run = await begun(world)
    runners = [world.domain.automations.runner, other.automations.runner]
    others = [asyncio.create_task(runner.execute(run.id)) for runner in runners]
    await world.waiting(run, LAST)
    world.clock.advance(seconds=60)
    now = await world.over(run)
    await asyncio.gather(*others)
    assert (now.status, now.message) == (RunStatus.SUCCESS, "All done.")
    await same_as_without_deaths(world, now)


async def test_of_two_writers_of_a_step_the_first_counts_for_both(world: World, other: Domain) -> None:
    run = await world.begun({"delay": {"seconds": 60}})
    await world.waiting(run, "actions[0]")
    first, second = [await domain.automations.runner._loaded(run.id) for domain in (world.domain, other)]
    for number in range(10):
        step = first.begun(f"actions[{number + 1}]", "variables")
        results = await asyncio.gather(first.succeed(step, {"by": 1}), second.succeed(step, {"by": 2}))
        assert results[0].output == results[1].output == (await world.step(run, step.path)).output


async def test_a_late_worker_does_not_end_a_run_whose_wait_was_over(world: World, other: Domain) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    run = await world.begun({"wait_until": {"condition": HEALTHY, "timeout_seconds": 60}}, {"delay": {"seconds": 60}})
    await world.waiting(run, "actions[0]")
    first, late = [await domain.automations.runner._loaded(run.id) for domain in (world.domain, other)]
    step = await world.step(run, "actions[0]")
    await first.succeed(step, {"timedOut": True})
    # It looked only after the first had gone on, and resolved the incident.
    stored = await late.conclude(step, {"ended": WaitEnd.INCIDENT_RESOLVED.value}, WaitEnd.INCIDENT_RESOLVED.message)
    assert stored.output == {"timedOut": True}
    assert not (await world.run(run.id)).status.is_final


async def test_a_deadline_is_set_once_by_two_workers(world: World, other: Domain) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    run = await world.begun({"wait_until": {"condition": HEALTHY, "timeout_seconds": 60}})
    await world.waiting(run, "actions[0]")
    due_at = (await world.step(run, "actions[0]")).due_at
    late = await other.automations.runner._loaded(run.id)
    world.clock.advance(seconds=10)
    begun = replace(await world.step(run, "actions[0]"), due_at=world.clock.moment)
    assert (await late.note(begun)).due_at == due_at
    assert (await world.step(run, "actions[0]")).due_at == due_at


async def same_as_without_deaths(world: World, run: AutomationRun) -> None:
    """Check that the effects and the trace are those of the definition, each once."""
    assert sorted(await world.messages()) == sorted(SAID)
    assert len(await world.incidents()) == 1
    steps = await world.steps(run)
    assert len({step.position for step in steps}) == len(steps)
    trace = {step.path: step.status.value for step in steps}
    assert {path for path, status in trace.items() if status != "success"} == {"actions[6]", "actions[7]"}
    assert (trace["actions[6]"], trace["actions[7]"], len(trace)) == ("failed", "skipped", 28)


async def test_an_internal_error_in_a_branch_stops_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await make_system(world.domain)
    await world.report("payments", Health.DEGRADED)
    noted, failing = world.domain.automations.journal.note, [True, False]

    async def note(unit: UnitOfWork, step: RunStep, origin: Origin, **options: Any) -> tuple[RunStep, AutomationRun]:
        if step.path.endswith("parallel[1]") and failing.pop(0):
            raise RuntimeError("the disk is full")
        return await noted(unit, step, origin, **options)

    monkeypatch.setattr(world.domain.automations.journal, "note", note)
    wait = {"wait_until": {"condition": HEALTHY}}
    run = await world.begun({"parallel": [wait, {"variables": {"x": 1}}]})

    async def paused() -> bool:
        return "the disk is full" in caplog.text and not world.domain.automations.wakes.owners("health", "payments")

    await until_it_is(paused)
    world.clock.advance(seconds=1)
    await world.report("payments", Health.HEALTHY)
    assert (await world.over(run)).status is RunStatus.SUCCESS
