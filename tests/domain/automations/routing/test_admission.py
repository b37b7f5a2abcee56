"""Admission: each mode's decision, the queue's next run, and firings that count once."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from domain.automations.definitions.definition import stored
from domain.automations.running.runner import Runner
from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain
from domain.model.actor import SYSTEM
from domain.model.automation import Automation, AutomationRun, Firing, RunStatus, SkipReason
from domain.model.incident import Health
from domain.model.paging import PageRequest
from domain.persistence.unit_of_work import UnitOfWork
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system
from tests.inside import inside

CHANGED = [{"event": "system.health_changed"}]
WAIT = {"delay": {"seconds": 60}}
FAIL = {"stop": {"reason": "No use.", "error": True}}


async def fire(world: World, times: int = 1) -> list[AutomationRun]:
    """Fire that many times, and return the present runs."""
    for _ in range(times):
        await make_incident(world.domain)
    await world.settle()
    return await world.runs()


async def statuses(world: World) -> list[str]:
    return [run.status.value for run in await world.runs()]


async def queue(world: World, *actions: Mapping[str, Any], times: int = 3) -> list[AutomationRun]:
    """Return the runs of a queue whose first run waits."""
    await world.automation(*(actions or (WAIT,)), mode="queued")
    return await fire(world, times)


@on_one_database
async def test_the_next_run_of_a_queue_starts_at_the_end_of_the_former(world: World) -> None:
    await queue(world)
    assert await statuses(world) == ["waiting", "pending", "pending"]
    world.clock.advance(seconds=60)
    await _until(world, ["success", "waiting", "pending"])


@on_one_database
async def test_a_failed_run_lets_the_next_one_start(world: World) -> None:
    await queue(world, WAIT, FAIL, times=2)
    world.clock.advance(seconds=60)
    await _until(world, ["failed", "waiting"])
    assert await statuses(world) == ["failed", "waiting"]


@on_one_database
async def test_a_cancelled_run_lets_the_next_one_start(world: World) -> None:
    first, *_ = await queue(world)
    await world.domain.automations.service.cancel_run(ADMIN, first.id)
    await _until(world, ["cancelled", "waiting", "pending"])
    assert await statuses(world) == ["cancelled", "waiting", "pending"]


@on_one_database
async def test_cancelling_a_queued_run_starts_no_other(world: World) -> None:
    _, second, third = await queue(world)
    await world.domain.automations.service.cancel_run(ADMIN, second.id)
    await world.settle()
    assert await statuses(world) == ["waiting", "cancelled", "pending"]
    assert third.id not in await world.enqueued()


async def test_the_end_of_a_run_and_the_start_of_the_next_are_one_transaction(world: World) -> None:
    await world.automation({"variables": {"done": True}}, mode="queued")
    for _ in range(2):
        await make_incident(world.domain)
    await world.route()
    first, second = await world.runs()
    crashing = asyncio.Event()

    async def crash(unit: UnitOfWork, finished: AutomationRun) -> None:
        await world.domain.automations.admission.proceed(unit, finished)
        crashing.set()
        raise RuntimeError("the process died")

    tools = dataclasses.replace(world.domain.automations._tools(), proceed=crash)
    task = asyncio.create_task(Runner(tools).execute(first.id))
    await crashing.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await statuses(world) == ["pending", "pending"]
    assert await world.enqueued() == [first.id]
    await world.settle()
    assert await statuses(world) == ["success", "success"]
    assert await world.enqueued() == [first.id, second.id]


async def test_a_queue_that_became_parallel_starts_its_runs_up_to_the_limit(
    world: World,
) -> None:
    runs = await queue(world)
    await _become(world, mode="parallel", max_runs=2)
    assert await world.enqueued() == [run.id for run in runs[:2]]
    await world.settle()
    assert await statuses(world) == ["waiting", "waiting", "pending"]
    world.clock.advance(seconds=60)
    await _until(world, ["success", "success", "waiting"])


@on_one_database
async def test_a_queue_that_became_single_still_starts_one_after_another(world: World) -> None:
    runs = await queue(world)
    await _become(world, mode="single")
    assert await world.enqueued() == [runs[0].id]
    for passed in (["success", "waiting", "pending"], ["success", "success", "waiting"]):
        world.clock.advance(seconds=60)
        await _until(world, passed)


@on_one_database
async def test_deleting_an_automation_ends_its_queue(world: World) -> None:
    runs = await queue(world)
    await world.domain.automations.service.delete(ADMIN, runs[0].automation_id)
    world.clock.advance(seconds=60)
    await world.settle()
    assert await statuses(world) == ["cancelled"] * len(runs)
    assert await world.enqueued() == [runs[0].id]


@on_one_database
async def test_a_restart_cancels_the_former_runs(world: World) -> None:
    await world.automation(WAIT, mode="restart")
    first, second = await fire(world, 2)
    assert (first.status, first.message) == (RunStatus.CANCELLED, "Superseded by a newer run.")
    world.clock.advance(seconds=60)
    assert (await world.until(second, RunStatus.SUCCESS)).id == second.id
    assert [step.status.value for step in await world.steps(first)] in ([], ["cancelled"])


@on_one_database
async def test_an_automation_runs_once_across_systems_or_once_for_each(world: World) -> None:
    trigger = {"event": "system.degraded"}
    await world.automation(WAIT, triggers=[trigger], concurrency_scope="automation", name="all")
    await world.automation(WAIT, triggers=[trigger], concurrency_scope="context_key", name="each")
    for key in ("payments", "search"):
        await make_system(world.domain, key)
        await world.report(key, Health.UNHEALTHY)
    await world.settle()
    assert sorted(await statuses(world)) == ["skipped", "waiting", "waiting", "waiting"]


@on_one_database
async def test_a_parallel_automation_starts_the_next_once_one_has_ended(world: World) -> None:
    await world.automation(WAIT, mode="parallel", max_runs=2)
    assert [run.status.value for run in await fire(world, 3)] == ["waiting", "waiting", "skipped"]
    world.clock.advance(seconds=60)
    await _until(world, ["success", "success", "skipped"])
    await fire(world)
    assert await world.skips() == ["max_runs"]
    assert (await statuses(world))[-1] == "waiting"


@on_one_database
async def test_an_automation_runs_once_for_each_value(world: World) -> None:
    await world.automation(once_for="trigger.payload.title", mode="parallel")
    for title in ("A", "B", "A", "A"):
        await make_incident(world.domain, title=title)
    await world.settle()
    assert [run.firing.payload["title"] for run in await world.runs(RunStatus.SUCCESS)] == ["A", "B"]
    assert await world.skips() == ["once", "once"]


@on_one_database
async def test_no_more_runs_are_started_within_a_time_than_a_rate_limit_allows(world: World) -> None:
    await world.automation(mode="parallel", rate_limit={"count": 2, "minutes": 60})
    await fire(world)
    world.clock.advance(minutes=30)
    assert [run.status.value for run in await fire(world, 2)] == ["success", "success", "skipped"]
    assert [(run.reason, run.message) for run in await world.runs(RunStatus.SKIPPED)] == [
        (SkipReason.RATE_LIMIT, "2 runs began within 60 minutes.")
    ]
    # The first run is an hour ago, the second is not yet; what was skipped does not count.
    world.clock.advance(minutes=30)
    assert (await statuses(world))[-1] == "skipped"
    assert [run.status.value for run in (await fire(world, 2))[-2:]] == ["success", "skipped"]


@on_one_database
async def test_a_rate_limit_counts_the_runs_that_the_mode_counts(world: World) -> None:
    limit = {"count": 1, "minutes": "1h"}
    await world.automation(WAIT, mode="restart", concurrency_scope="context_key", rate_limit=limit, triggers=CHANGED)
    for key in ("payments", "search"):
        await make_system(world.domain, key)
    for key, health in (("payments", Health.DEGRADED), ("search", Health.DEGRADED), ("payments", Health.UNHEALTHY)):
        await world.report(key, health)
    await world.settle()
    # A run that goes on is not superseded by one that may not begin.
    assert await statuses(world) == ["waiting", "waiting", "skipped"]


@on_one_database
async def test_runs_by_hand_are_not_limited_and_count(world: World) -> None:
    automation = await world.automation(mode="parallel", rate_limit={"count": 1, "minutes": 60})
    for key in ("one", "two"):
        await _by_hand(world, automation, key)
    assert [run.status.value for run in await fire(world)] == ["success", "success", "skipped"]


async def test_two_processes_start_no_more_runs_than_a_rate_limit_allows(world: World, other: Domain) -> None:
    automation = await world.automation(mode="parallel", rate_limit={"count": 3, "minutes": 60})
    definition, [incident] = stored(automation.definition), [await make_incident(world.domain)]
    firing = Firing(
        event="incident.created",
        key="",
        payload={"incidentId": incident.id},
        actor=SYSTEM,
        context_key=incident.id,
        occurred_at=world.clock.moment,
    )

    async def admit(domain: Domain, key: str) -> None:
        fired = dataclasses.replace(firing, key=key)
        admission = domain.automations.admission
        await inside(domain).database.write(
            lambda unit: admission.admit(unit, automation, definition, "incident_created", fired)
        )

    # Each firing reaches both of them.
    both = [(domain, f"firing {number}") for number in range(5) for domain in (world.domain, other)]
    await asyncio.gather(*(admit(domain, key) for domain, key in both))
    assert sorted(await statuses(world)) == ["pending"] * 3 + ["skipped"] * 2


@on_one_database
async def test_counting_runs_in_a_time_reads_an_index(world: World) -> None:
    def plan(connection: sa.Connection) -> str:
        statement = (
            "SELECT count(*) FROM automation_runs WHERE automation_id = 'a' AND bucket = 'all' AND created_at > 0"
        )
        explained = sa.text(f"EXPLAIN QUERY PLAN {statement} AND status != 'skipped'")
        return str(connection.execute(explained).all())

    found = await inside(world.domain).database.read(lambda session: session.connection.run_sync(plan))
    assert "INDEX ix_automation_runs_started" in found


async def test_values_that_begin_alike_are_values_of_their_own(world: World) -> None:
    await world.automation(once_for="trigger.payload.description", mode="parallel")
    for end in ("a", "b", "a"):
        await make_incident(world.domain, description="long " * 60 + end)
    await world.settle()
    assert [run.status.value for run in await world.runs()] == ["success", "success", "skipped"]


async def test_firings_at_once_by_hand_and_by_change_are_decided_one_by_one(world: World) -> None:
    automation = await world.automation(WAIT)
    await make_incident(world.domain)
    await asyncio.gather(world.route(), *(_by_hand(world, automation, f"key {n % 2}") for n in range(6)))
    await world.settle()
    hand = [run for run in await world.runs() if run.firing.event == "manual"]
    assert len(hand) == 2


async def _by_hand(world: World, automation: Automation, key: str) -> None:
    await world.domain.automations.service.run_by_hand(ADMIN, automation.id, idempotency_key=key)


async def _until(world: World, wanted: list[str]) -> None:
    """Go on until the runs have these statuses; fail where they do not within a minute."""
    async with asyncio.timeout(60):
        while await statuses(world) != wanted:
            await world.settle()


async def _become(world: World, **changed: Any) -> None:
    [automation] = await _automations(world)
    definition = {**automation.definition, **changed}
    await world.domain.automations.service.update(ADMIN, automation.id, WriteAutomation(definition=definition))


async def _automations(world: World) -> list[Automation]:
    page = await inside(world.domain).database.read(lambda session: session.automations.page(PageRequest(size=10)))
    return list(page.items)
