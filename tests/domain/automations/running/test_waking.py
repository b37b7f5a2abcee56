"""Wake-ups: each relevant change wakes a wait, until the wait is over."""

from typing import Any

from domain.model.automation import RunStatus
from domain.model.incident import Health, Status
from tests.domain.automations.running.test_waiting import DONE, sick, wait, waits
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until
from tests.factories import make_incident, set_status


@on_one_database
async def test_22_the_same_system_wakes_a_wait_every_time(world: World, scope_reads: list[Any]) -> None:
    await sick(world)
    run = await waits(world, wait(), DONE)
    for health in (Health.UNHEALTHY, Health.DEGRADED, Health.UNHEALTHY):
        await world.report("payments", health)
        await until(lambda health=health: _seen(scope_reads) == health)  # type: ignore[misc]
    await world.report("payments", Health.HEALTHY)
    assert (await world.over(run)).status is RunStatus.SUCCESS


def _seen(scope_reads: list[Any]) -> str:
    return str(scope_reads[-1]["health"]["systems"]["payments"]["status"])


async def test_267_a_finished_wait_is_woken_by_nothing(world: World, scope_reads: list[Any]) -> None:
    await sick(world)
    run = await waits(world, wait(), {"delay": {"seconds": 60}})
    assert world.domain.automations.wakes._waiting
    await world.report("payments", Health.HEALTHY)
    await world.waiting(run, "actions[1]")
    # The step waits in the database first, and then in memory.
    await until(lambda: set(world.domain.automations.wakes._waiting) == {f"automation_run:{run.id}"})
    before = len(scope_reads)
    await world.report("payments", Health.DEGRADED)
    world.clock.advance(seconds=60)
    assert (await world.over(run)).status is RunStatus.SUCCESS
    assert len(scope_reads) == before
    assert world.domain.automations.wakes._waiting == {}


async def test_279_a_wait_on_any_system_is_woken_by_another_system(world: World) -> None:
    await sick(world, "payments", "search")
    incident = await make_incident(world.domain, "search")
    condition = f"health.systems[state.incident['{incident.id}'].systemIds[0]].status == 'healthy'"
    run = await waits(world, wait(condition), DONE, payload={"systemId": "payments"})
    await world.report("payments", Health.HEALTHY)
    await world.report("search", Health.UNHEALTHY)
    assert (await world.run(run.id)).status is RunStatus.WAITING
    await world.report("search", Health.HEALTHY)
    assert (await world.over(run)).status is RunStatus.SUCCESS


@on_one_database
async def test_282_a_wait_on_any_incident_is_woken_by_a_changed_one(world: World) -> None:
    second = await make_incident(world.domain)
    first = await make_incident(world.domain, title=second.id)
    condition = f"state.incident[state.incident['{first.id}'].title].status == 'monitoring'"
    run = await waits(world, wait(condition), DONE)
    await set_status(world.domain, second, Status.IDENTIFIED)
    await set_status(world.domain, second, Status.MONITORING)
    assert (await world.over(run)).status is RunStatus.SUCCESS
