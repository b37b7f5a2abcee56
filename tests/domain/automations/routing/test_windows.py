"""Firing windows: a trigger has to fire several times within a time before it counts."""

from typing import Any

import pytest
import sqlalchemy as sa

from domain.model.automation import Automation, RunStatus
from domain.model.incident import Health, Severity, Status
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, set_status
from tests.inside import inside

CREATED = "incident.created"


async def windowed(world: World, *, event: str = CREATED, name: str | None = None, **window: Any) -> Automation:
    trigger = {"event": event, "window": {"count": 3, "minutes": 10, **window}}
    return await world.automation(name=name, triggers=[trigger], mode="parallel", max_runs=1000)


async def created(world: World, times: int = 1, *, after: float = 0, **fields: Any) -> None:
    """Open incidents one after the other, each that many minutes after the one before."""
    for _ in range(times):
        world.clock.advance(minutes=after)
        await make_incident(world.domain, **fields)
    await world.settle()


async def started(world: World) -> int:
    return len(await world.runs(RunStatus.SUCCESS))


@on_one_database
async def test_below_its_threshold_a_window_starts_nothing(world: World) -> None:
    await windowed(world, partition_by="'all'")
    await created(world, 2)
    assert await started(world) == 0
    assert await world.skips() == ["window", "window"]


@on_one_database
@pytest.mark.parametrize(("refire", "runs"), [("every", 3), ("once", 1)])
async def test_each_further_firing_counts_or_only_the_one_that_fills_the_window(
    world: World, refire: str, runs: int
) -> None:
    await windowed(world, refire=refire, partition_by="'all'")
    await created(world, 5)
    assert await started(world) == runs


@on_one_database
async def test_a_window_that_emptied_fires_once_again(world: World) -> None:
    await windowed(world, refire="once", partition_by="'all'")
    await created(world, 4)
    world.clock.advance(minutes=11)
    await created(world, 2)
    assert await started(world) == 1
    await created(world, 2)
    assert await started(world) == 2


@on_one_database
async def test_a_window_slides(world: World) -> None:
    await windowed(world, partition_by="'all'")
    await created(world, 5, after=6)
    assert await started(world) == 0
    await created(world, 1, after=3)
    assert await started(world) == 1


@on_one_database
async def test_only_firings_that_pass_the_filter_are_counted(world: World) -> None:
    trigger = {
        "event": CREATED,
        "filter": "trigger.payload.title == 'Checkout fails'",
        "window": {"count": 2, "minutes": 10, "partition_by": "'all'"},
    }
    await world.automation(triggers=[trigger])
    await created(world, 3, title="Search fails")
    await created(world, 1)
    assert await world.skips() == ["filter", "filter", "filter", "window"]


@on_one_database
async def test_each_thing_has_a_window_of_its_own(world: World) -> None:
    await windowed(world, event="system.health_changed")
    for key in ("payments", "search"):
        await make_system(world.domain, key)
    for health in (Health.DEGRADED, Health.HEALTHY):
        for key in ("payments", "search"):
            await world.report(key, health)
    await world.report("search", Health.UNHEALTHY)
    await world.settle()
    assert [run.firing.payload["systemKey"] for run in await world.runs(RunStatus.SUCCESS)] == ["search"]


@on_one_database
async def test_firings_about_nothing_share_a_window(world: World) -> None:
    trigger = {"event": "time.interval", "config": {"seconds": 60}, "window": {"count": 2, "minutes": 10}}
    await world.automation(triggers=[trigger])
    for _ in range(2):
        world.clock.advance(seconds=60)
        await world.domain.automations.scheduler.run_pending()
    await world.settle()
    assert (await started(world), await world.skips()) == (1, ["window"])


@on_one_database
async def test_a_window_is_partitioned_by_a_value(world: World) -> None:
    await windowed(world, partition_by="trigger.payload.severity")
    await created(world, 2, severity=Severity.MINOR)
    await created(world, 2, severity=Severity.CRITICAL)
    assert await started(world) == 0
    await created(world, 1, severity=Severity.CRITICAL)
    assert [run.firing.payload["severity"] for run in await world.runs(RunStatus.SUCCESS)] == ["critical"]


#: Empty, null, undefined, an error, a list and an object.
NO_VALUES = (
    "''",
    "none",
    "trigger.payload.previous.absent",
    "trigger.payload.title + 1",
    "trigger.payload.systemIds",
    "trigger.payload",
)


@on_one_database
async def test_a_partition_without_a_value_is_the_thing_itself(world: World) -> None:
    expressions = {
        (await windowed(world, name=each, event="incident.updated", count=2, partition_by=each)).id: each
        for each in NO_VALUES
    }
    incidents = [await make_incident(world.domain) for _ in range(2)]
    for incident in incidents:
        await set_status(world.domain, incident, Status.IDENTIFIED)
    await set_status(world.domain, incidents[0], Status.MONITORING)
    await world.settle()
    ran = [(expressions[run.automation_id], run.firing.context_key) for run in await world.runs(RunStatus.SUCCESS)]
    assert sorted(ran) == [(each, incidents[0].id) for each in sorted(NO_VALUES)]


@on_one_database
async def test_values_that_begin_alike_are_partitions_of_their_own(world: World) -> None:
    await windowed(world, count=2, partition_by="trigger.payload.description")
    for end in ("a", "b"):
        await created(world, 1, description="long " * 60 + end)
    assert await world.skips() == ["window", "window"]


async def test_firings_older_than_any_window_are_pruned(world: World) -> None:
    await windowed(world, partition_by="'all'")
    await created(world, 2)
    world.clock.advance(hours=25)
    await created(world, 1)
    assert await _rows(world) == 1


@on_one_database
async def test_the_windows_of_an_automation_are_deleted_too(world: World) -> None:
    automation = await windowed(world, partition_by="'all'")
    await created(world, 2)
    await world.domain.automations.service.delete(ADMIN, automation.id)
    assert await _rows(world) == 0


async def test_a_change_that_is_delivered_again_is_counted_once(world: World) -> None:
    await windowed(world, count=2, partition_by="'all'")
    await make_incident(world.domain)
    [change] = [change for change in await log_of(world.domain) if change.kind == "incident"]
    for _ in range(3):
        await inside(world.domain).database.write(lambda unit: world.domain.automations.router.route(unit, change))
    assert await world.skips() == ["window"]


async def _rows(world: World) -> int:
    query = sa.text("SELECT count(*) FROM automation_window_events")
    return int(await inside(world.domain).database.read(lambda session: session.connection.scalar(query)) or 0)
