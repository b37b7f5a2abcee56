"""Waits for events, and runs with internal errors."""

from datetime import timedelta
from typing import Any

import pytest

from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Health
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until
from tests.factories import ADMIN, make_incident, make_system

PLACE = "actions[0]"
SEEN = {"variables": {"seen": "{{ resume.payload.incidentId | default('none') }}"}}


def wait(event: str = "incident.resolved", **options: Any) -> dict[str, Any]:
    return {"wait_for_trigger": {"event": event, **options}}


async def seen(world: World, run: AutomationRun) -> str:
    run = await world.over(run)
    assert run.status is RunStatus.SUCCESS, run.message
    return str((await world.step(run, "actions[1]")).output["seen"])


@on_one_database
async def test_a_wait_ends_with_the_first_matching_later_event(world: World) -> None:
    before, other, mine = [await make_incident(world.domain) for _ in range(3)]
    await world.domain.incidents.resolve(ADMIN, before.id)
    runs = {
        "key": await world.begun(wait(context_key="{{ trigger.payload.id }}"), SEEN, payload={"id": mine.id}),
        "filter": await world.begun(wait(filter=f"trigger.payload.incidentId == '{mine.id}'"), SEEN),
        "any": await world.begun(wait(), SEEN),
    }
    for run in runs.values():
        await world.waiting(run, PLACE)
    await world.domain.incidents.resolve(ADMIN, other.id)
    assert await seen(world, runs.pop("any")) == other.id
    await world.crash()
    await world.domain.incidents.resolve(ADMIN, mine.id)
    await world.run_enqueued()
    assert [await seen(world, run) for run in runs.values()] == [mine.id] * 2


@on_one_database
async def test_a_wait_for_an_event_times_out(world: World) -> None:
    for goes_on in (True, False):
        run = await world.begun(wait(timeout_seconds=60, continue_on_timeout=goes_on), SEEN)
        await world.waiting(run, PLACE)
        world.clock.advance(seconds=60)
        run = await world.over(run)
        assert run.status is (RunStatus.SUCCESS if goes_on else RunStatus.FAILED)
        assert run.message == (None if goes_on else "Timed out waiting for incident.resolved.")


@on_one_database
async def test_a_delay_ends_on_time_also_after_a_crash(world: World) -> None:
    beside = {"parallel": [{"delay": {"seconds": 90}}, {"delay": {"template": "{{ trigger.payload.minutes * 60 }}"}}]}
    run = await world.begun(beside, payload={"minutes": 2})
    began = world.clock.moment
    await world.waiting(run, f"{PLACE}.parallel[0]", f"{PLACE}.parallel[1]")
    world.clock.advance(seconds=89)
    await world.crash()
    await world.run_enqueued()
    world.clock.advance(seconds=1)
    await world.settled_down(run, {f"{PLACE}.parallel[0]": "success"})
    assert (await world.run(run.id)).status is RunStatus.WAITING
    world.clock.advance(seconds=30)
    assert (await world.over(run)).finished_at == began + timedelta(seconds=120)


@on_one_database
async def test_expressions_see_the_trigger_and_its_payload(world: World) -> None:
    system = await make_system(world.domain)
    seen = {
        "id": "{{ trigger.id }}",
        "event": "{{ trigger.event == trigger.eventId }}",
        "actor": "{{ trigger.actor.name }}",
        "health": "{{ health.system.status }} {{ health.systems['payments'].status }}",
        "run": "{{ run.contextKey == trigger.contextKey }}",
    }
    await world.automation({"variables": seen}, triggers=[{"event": "system.degraded"}], uses_state=["payments"])
    await world.report(system.key, Health.DEGRADED)
    await world.settle()
    run = await world.over(await world.only_run())
    output = (await world.step(run, PLACE)).output
    assert output == {"id": "system_degraded", "event": True, "actor": "admin",
                      "health": "degraded degraded", "run": True}  # fmt: skip


@on_one_database
async def test_a_run_with_internal_errors_is_retried_and_then_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal, finish = world.domain.automations.journal, world.domain.automations.journal.finish
    failures = [True] * 10

    async def broken(*arguments: Any, **_: Any) -> Any:
        if failures:
            failures.pop()
            raise RuntimeError("the disk is full")
        return await finish(*arguments)

    monkeypatch.setattr(journal, "note", broken)
    monkeypatch.setattr(journal, "finish", broken)
    run = await world.begun({"variables": {"x": 1}})
    for attempt in range(1, 11):
        await until(lambda attempt=attempt: f"attempt {attempt}\n" in caplog.text)  # type: ignore[misc]
        world.clock.advance(seconds=60)
    run = await world.over(run)
    assert (run.status, run.message) == (RunStatus.FAILED, "An internal error; the server's log has it.")
