"""The main flow of automations: open, wait, resolve."""

import pytest

from domain.model.automation import RunStatus
from domain.model.incident import Health, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_system

OPEN = {
    "id": "open",
    "action": "incident.create",
    "config": {
        "title": "{{ trigger.payload.systemName }} is unhealthy",
        "severity": "critical",
        "systemIds": ["{{ trigger.payload.systemId }}"],
        "dedupeOpenForSystem": True,
        "takeOver": True,
    },
}
RECOVERED = {
    "wait_until": {
        "condition": {"and": ["health.system.status == 'healthy'", "health.system.in_status_since | older_than(600)"]}
    }
}
RESOLVE = {"action": "incident.resolve", "config": {"message": "It stayed healthy."}}


async def sustained(world: World) -> None:
    trigger = {"event": "system.degraded", "for": {"minutes": 5}}
    await world.automation(OPEN, RECOVERED, RESOLVE, triggers=[trigger], concurrency_scope="context_key")
    await make_system(world.domain)


@on_one_database
async def test_a_degraded_system_has_an_incident_until_it_stays_healthy(
    world: World,
) -> None:
    await sustained(world)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    assert await world.incidents() == []
    world.clock.advance(minutes=5)
    await world.firing()
    run = await world.until(await world.only_run(), RunStatus.WAITING)
    [opened] = await world.incidents()
    assert (opened.title, opened.status) == ("Payments is unhealthy", Status.INVESTIGATING)
    await world.report("payments", Health.HEALTHY)
    world.clock.advance(minutes=10)
    await world.until(run, RunStatus.SUCCESS)
    [resolved] = await world.incidents()
    assert resolved.status is Status.RESOLVED


@pytest.mark.parametrize("moments", [1, 3])
async def test_a_wait_is_resumed_after_the_crash(world: World, moments: int) -> None:
    await sustained(world)
    await world.report("payments", Health.UNHEALTHY)
    await world.settle()
    world.clock.advance(minutes=5)
    await world.firing()
    run = await world.until(await world.only_run(), RunStatus.WAITING)
    await world.report("payments", Health.HEALTHY)
    for _ in range(moments):
        await world.crash()
        world.clock.advance(minutes=10)
        await world.run_enqueued()
    await world.until(run, RunStatus.SUCCESS)
    assert [incident.status for incident in await world.incidents()] == [Status.RESOLVED]
