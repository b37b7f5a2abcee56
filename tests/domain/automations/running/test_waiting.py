"""Waits for conditions: changes that wake them, changes that do not, and flips by time alone."""

from datetime import timedelta
from typing import Any

import pytest

from domain.model.automation import AutomationRun, RunStatus
from domain.model.incident import Health, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until, until_it_is
from tests.factories import ADMIN, make_incident, make_system, set_status

HEALTHY = "health.systems['payments'].status == 'healthy'"
DONE = {"variables": {"done": True}}
PLACE = "actions[0]"


def wait(condition: Any = HEALTHY, **options: Any) -> dict[str, Any]:
    return {"wait_until": {"condition": condition, **options}}


async def sick(world: World, *keys: str) -> None:
    for key in keys or ("payments",):
        await make_system(world.domain, key)
        await world.report(key, Health.DEGRADED)


async def waits(world: World, *steps: Any, path: str = PLACE, **options: Any) -> AutomationRun:
    run = await world.begun(*steps, **options)
    await world.waiting(run, path)
    return run


@on_one_database
async def test_a_condition_that_holds_already_is_not_waited_for(world: World) -> None:
    await make_system(world.domain)
    run = await world.ran(wait(), DONE)
    assert (await world.step(run, PLACE)).output["immediate"] is True
    assert run.status is RunStatus.SUCCESS


async def test_a_wait_is_woken_by_relevant_changes_alone(world: World, scope_reads: list[Any]) -> None:
    await sick(world, "payments", "search")
    run = await waits(world, wait(), DONE)
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await until(lambda: len(scope_reads) >= 2)  # the second because the wait itself is a change of the run
    before = len(scope_reads)
    await world.report("search", Health.HEALTHY)
    await world.report("payments", Health.UNHEALTHY)
    await until(lambda: len(scope_reads) > before)
    assert [read["health"]["systems"]["payments"]["status"] for read in scope_reads[before:]] == ["unhealthy"]
    assert await world.trace(run) == {PLACE: "waiting"}
    await world.report("payments", Health.HEALTHY)
    run = await world.over(run)
    output = (await world.step(run, PLACE)).output
    assert (output["immediate"], output["condition"]["value"]) == (False, True)
    assert await world.trace(run) == {PLACE: "success", "actions[1]": "success"}


async def test_a_condition_that_comes_true_during_the_write_is_not_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sick(world)
    states = world.domain.automations.states
    enriched, seen = states.enriched, []

    async def overtaken(*arguments: Any, **options: Any) -> dict[str, Any]:
        found = await enriched(*arguments, **options)
        seen.append(found["health"]["systems"]["payments"]["status"])
        if len(seen) == 1:
            await world.report("payments", Health.HEALTHY)
        return found

    monkeypatch.setattr(states, "enriched", overtaken)
    run = await world.ran(wait(), DONE)
    assert (seen[0], seen[-1]) == ("degraded", "healthy")
    assert (await world.step(run, PLACE)).output["immediate"] is False


@on_one_database
@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_wait_times_out_once_at_its_very_moment(world: World, goes_on: bool) -> None:
    await sick(world)
    run = await waits(world, wait(timeout_seconds=60, continue_on_timeout=goes_on), DONE)
    began = world.clock.moment
    world.clock.advance(seconds=59.999)
    await world.crash()
    await world.run_enqueued()
    world.clock.advance(seconds=0.001)
    run = await world.over(run)
    step = await world.step(run, PLACE)
    assert (step.due_at, step.finished_at) == (began + timedelta(seconds=60),) * 2
    assert (step.output, run.status, run.message) == (
        ({"timedOut": True}, RunStatus.SUCCESS, None)
        if goes_on
        else (None, RunStatus.FAILED, "The condition did not hold in time.")
    )


NESTED: dict[str, tuple[dict[str, Any], str]] = {
    "sequence": ({"sequence": [wait(), DONE]}, "sequence[0]"),
    "choose": ({"choose": [{"when": "1 == 1", "sequence": [wait(), DONE]}]}, "choose[0].sequence[0]"),
    "else": ({"choose": [{"when": "1 == 2", "sequence": [DONE]}], "else": [wait(), DONE]}, "else[0]"),
    "count": ({"repeat": {"count": 2, "sequence": [wait(), DONE]}}, "repeat[0].sequence[0]"),
    "while": ({"repeat": {"while": "repeat.first", "sequence": [wait(), DONE]}}, "repeat[0].sequence[0]"),
    "parallel": ({"parallel": [DONE, {"sequence": [wait(), DONE]}]}, "parallel[1].sequence[0]"),
    "deep": (
        {"parallel": [{"repeat": {"count": 1, "sequence": [{"choose": [{"when": "1 == 1", "sequence": [wait()]}]}]}}]},
        "parallel[0].repeat[0].sequence[0].choose[0].sequence[0]",
    ),
}


async def test_a_wait_is_resumed_after_a_crash(world: World) -> None:
    await sick(world)
    runs = {place: await waits(world, step, DONE, path=f"{PLACE}.{place}") for step, place in NESTED.values()}
    # What merely waits has not failed: the steps around it stand as they were decided.
    assert {status for run in runs.values() for status in (await world.trace(run)).values()} == {"waiting", "success"}
    await world.crash()
    await world.run_enqueued()
    await world.report("payments", Health.HEALTHY)
    for place, run in runs.items():
        assert (await world.over(run)).status is RunStatus.SUCCESS, place
        assert set((await world.trace(run)).values()) == {"success"}, place
        assert list(await world.trace(run))[-1] == "actions[1]", place


@on_one_database
async def test_a_loop_is_resumed_with_the_list_of_its_beginning(world: World) -> None:
    await sick(world)
    change = {"variables": {"list": ["x"]}}
    seen = {"variables": {"seen": "{{ variables.seen }}{{ repeat.item }}"}}
    loop = {"repeat": {"for_each": "variables.list", "sequence": [seen, change, wait()]}}
    first = {"variables": {"list": ["a", "b"], "seen": ""}}
    run = await waits(world, first, loop, seen | {"variables": {"all": "{{ variables.seen }}"}},
                      path="actions[1].repeat[0].sequence[2]")  # fmt: skip
    await world.crash()
    await world.run_enqueued()
    await world.report("payments", Health.HEALTHY)
    run = await world.over(run)
    assert (await world.step(run, "actions[2]")).output == {"all": "ab"}


@on_one_database
@pytest.mark.parametrize("order", [("payments", "search"), ("search", "payments")], ids=["first-first", "last-first"])
async def test_two_branches_that_wait_go_on_in_either_order(world: World, order: tuple[str, str]) -> None:
    await sick(world, "payments", "search")
    keys = ["payments", "search"]
    branches = [{"sequence": [wait(f"health.systems['{key}'].status == 'healthy'"), DONE]} for key in keys]
    places = {key: f"{PLACE}.parallel[{number}].sequence[0]" for number, key in enumerate(keys)}
    run = await world.begun({"parallel": branches}, DONE)
    await world.waiting(run, *places.values())
    for key in order:
        assert (await world.run(run.id)).status is RunStatus.WAITING
        await world.report(key, Health.HEALTHY)

        async def goes_on(place: str = places[key]) -> bool:
            return (await world.trace(run)).get(place) == "success"

        await until_it_is(goes_on)
    assert (await world.over(run)).status is RunStatus.SUCCESS


async def test_any_system_wakes_a_wait_with_a_dynamic_system(world: World) -> None:
    await sick(world)
    incident = await make_incident(world.domain, "payments")
    its = f"state.incident['{incident.id}']"
    condition = f"health.systems[{its}.systemIds[0]].status == 'healthy' and {its}.status == 'monitoring'"
    run = await waits(world, wait(condition), DONE)
    await world.report("payments", Health.HEALTHY)
    await set_status(world.domain, incident, Status.MONITORING)
    assert (await world.over(run)).status is RunStatus.SUCCESS


async def test_a_change_of_an_incident_wakes_its_runs_wait(world: World, scope_reads: list[Any]) -> None:
    await make_system(world.domain)
    opened = {"title": "Down", "severity": "major", "systemIds": ["payments"]}
    condition = "state.incident[artifacts.open.incident.incidentId].status == 'resolved'"
    create = {"id": "open", "action": "incident.create", "config": opened}
    run = await waits(world, create, wait(condition), DONE, path="actions[1]")
    [incident] = await world.incidents()
    await until(lambda: len(scope_reads) >= 2)
    before = len(scope_reads)
    await set_status(world.domain, incident, Status.IDENTIFIED)
    await until(lambda: len(scope_reads) > before)
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await world.domain.incidents.resolve(ADMIN, incident.id)
    assert (await world.over(run)).status is RunStatus.SUCCESS


@on_one_database
async def test_the_deletion_of_an_incident_wakes_its_wait(world: World, scope_reads: list[Any]) -> None:
    incident = await make_incident(world.domain)
    run = await waits(world, wait(f"not (state.incident['{incident.id}'] is defined)"))
    await world.domain.incidents.delete(ADMIN, incident.id)
    assert (await world.over(run)).status is RunStatus.SUCCESS


TIMED = {
    "older_than": ("health.systems['payments'].in_status_since | older_than(600)", 600.0),
    "state for": ({"state": {"entity": "payments", "status": "degraded", "for": {"minutes": 10}}}, 600.0),
    "numeric": ({"numeric_state": {"value": "health.systems['payments'].in_status_since | duration_since",
                                   "above": 600}}, 600.0),
    "time of day": ({"time": {"after": "09:10", "before": "17:00"}}, 600.0),
}  # fmt: skip


@on_one_database
async def test_time_alone_ends_a_wait_at_the_very_moment(world: World) -> None:
    await sick(world)
    runs = {case: await waits(world, wait(condition)) for case, (condition, _) in TIMED.items()}
    began = world.clock.moment
    world.clock.advance(seconds=599.999)
    assert {(await world.run(run.id)).status for run in runs.values()} == {RunStatus.WAITING}
    world.clock.advance(seconds=0.001)
    for case, run in runs.items():
        if case == "numeric":
            world.clock.advance(seconds=0.001)
        ended = await world.over(run)
        assert ended.finished_at is not None
        assert ended.finished_at - began <= timedelta(seconds=600.001), case
