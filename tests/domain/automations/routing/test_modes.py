"""Modes under pressure: dozens of firings through the routers of two processes, while runs start and end."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from domain.bootstrap import Domain, running_domain
from domain.entities.run import RUN
from domain.messaging.readers import DurableReader
from domain.model.automation import AutomationRun, RunStatus, SkipReason
from domain.model.change import Change
from domain.model.incident import Health
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident, make_system, report_health
from tests.inside import inside

#: How many there are, of one automation and by context key, each an even number; MODE_FIRINGS=50 tries that many.
_COUNT = int(os.environ.get("MODE_FIRINGS", "8"))
FIRINGS = {False: _COUNT, True: 12}
#: Time stands still: whatever waits, waits.
WAIT = {"delay": {"seconds": 60}}
QUICK = {"variables": {"done": True}}


@pytest.fixture
async def other(world: World, settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield another process on the same database."""
    async with running_domain(settings, clock=clock) as other:
        yield other


@asynccontextmanager
async def under_way(world: World, other: Domain, *, running: bool = True) -> AsyncIterator[None]:
    """Route in both processes, and begin runs as soon as they are enqueued."""
    readers = [_reader(domain, kind) for domain in (world.domain, other) for kind in ("incident", "health")]
    for reader in readers:
        await reader.register(after=0)

    stopping = asyncio.Event()
    tasks = [asyncio.create_task(reader.run(stopping)) for reader in readers]
    if running:
        tasks.append(asyncio.create_task(_begin_enqueued(world)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _begin_enqueued(world: World) -> None:
    while True:
        seen = inside(world.domain).tail.last
        await world.run_enqueued()
        await inside(world.domain).tail.beyond(seen, seconds=0.5, kinds=[RUN.name])


def _reader(domain: Domain, kind: str) -> DurableReader:
    async def route(unit: UnitOfWork, change: Change) -> None:
        await domain.automations.router.route(unit, change)

    name = f"on_change:automations:{kind}"
    return DurableReader(
        name,
        kinds=[kind],
        handler=route,
        database=inside(domain).database,
        tail=inside(domain).tail,
        clock=domain.clock,
    )


async def fire(world: World, other: Domain, *, by_system: bool) -> None:
    """Make all changes at once in two processes; by context key, they are of two systems."""
    domains = (world.domain, other)
    if not by_system:
        await make_system(world.domain)
        # Enough at once for a queue, and no more: a server of PostgreSQL has 100 connections.
        places = asyncio.Semaphore(8)

        async def open_one(domain: Domain) -> None:
            async with places:
                await make_incident(domain, "payments")

        await asyncio.gather(*(open_one(domains[n % 2]) for n in range(FIRINGS[False])))
        return

    async def flap(domain: Domain, key: str) -> None:
        await make_system(domain, key)
        for n in range(FIRINGS[True] // 2):
            await report_health(domain, key, Health.UNHEALTHY if n % 2 else Health.DEGRADED)

    await asyncio.gather(flap(world.domain, "payments"), flap(other, "search"))


async def firings(world: World, *, of_all: int, done: Callable[[list[AutomationRun]], bool]) -> list[AutomationRun]:
    """Return the results of the firings, once all are routed and the runs have the wanted statuses."""
    tail = inside(world.domain).tail
    async with asyncio.timeout(150):
        while True:
            seen = tail.last
            if len(runs := await world.runs()) >= of_all and done(runs):
                return runs
            await tail.beyond(seen, seconds=0.5, kinds=[RUN.name])


def of(runs: list[AutomationRun], status: RunStatus, reason: SkipReason | None = None) -> list[AutomationRun]:
    return [run for run in runs if run.status is status and run.reason is reason]


async def highest_activity(world: World, buckets: dict[str, str]) -> int:
    """Return the most runs of one bucket that were under way at once, by the log."""
    active: dict[str, set[str]] = {}
    highest = 0
    for change in await inside(world.domain).database.read(lambda session: session.changes.after(0, limit=10_000)):
        if change.kind == "automation_run":
            under_way = active.setdefault(buckets[change.entity_id], set())
            started = (change.next or {}).get("status") in {RunStatus.RUNNING, RunStatus.WAITING}
            (under_way.add if started else under_way.discard)(change.entity_id)
            highest = max(highest, len(under_way))
    return highest


async def automate(world: World, action: Mapping[str, Any], *, by_system: bool, **fields: Any) -> int:
    """Add an automation, and return the number of buckets."""
    event = "system.health_changed" if by_system else "incident.created"
    scope = "context_key" if by_system else "automation"
    await world.automation(action, triggers=[{"event": event}], concurrency_scope=scope, **fields)
    return 2 if by_system else 1


by_system = pytest.mark.parametrize("by_system", [False, True], ids=["automation", "context_key"])
#: The lock is the automation's own in both cases, so that PostgreSQL is put under pressure by one of them.
on_both_databases = pytest.mark.parametrize(
    ("dialect", "by_system"),
    [
        pytest.param("sqlite", False, id="sqlite-automation"),
        pytest.param("sqlite", True, id="sqlite-context_key"),
        pytest.param("postgresql", False, id="postgresql-automation", marks=pytest.mark.postgres),
    ],
)


@on_both_databases
async def test_a_single_automation_runs_once_and_skips_the_others(world: World, other: Domain, by_system: bool) -> None:
    buckets = await automate(world, WAIT, by_system=by_system, mode="single")
    async with under_way(world, other):
        await fire(world, other, by_system=by_system)
        runs = await firings(
            world, of_all=FIRINGS[by_system], done=lambda runs: len(of(runs, RunStatus.WAITING)) == buckets
        )
    assert len(of(runs, RunStatus.SKIPPED, SkipReason.ALREADY_RUNNING)) == FIRINGS[by_system] - buckets
    assert len(runs) == FIRINGS[by_system]


@on_one_database
@by_system
async def test_a_restarting_automation_ends_with_its_last_run_alone(
    world: World, other: Domain, by_system: bool
) -> None:
    buckets = await automate(world, WAIT, by_system=by_system, mode="restart")
    async with under_way(world, other):
        await fire(world, other, by_system=by_system)
        runs = await firings(
            world, of_all=FIRINGS[by_system], done=lambda runs: len(of(runs, RunStatus.WAITING)) == buckets
        )
    superseded = of(runs, RunStatus.CANCELLED)
    assert {run.message for run in superseded} == {"Superseded by a newer run."}
    assert len(superseded) == FIRINGS[by_system] - buckets
    last = {run.bucket: run.id for run in runs}
    assert {run.bucket: run.id for run in of(runs, RunStatus.WAITING)} == last


@on_both_databases
async def test_a_queued_automation_runs_all_one_at_a_time_in_order(
    world: World, other: Domain, by_system: bool
) -> None:
    await automate(world, QUICK, by_system=by_system, mode="queued", max_runs=1000)
    async with under_way(world, other):
        await fire(world, other, by_system=by_system)
        runs = await firings(
            world,
            of_all=FIRINGS[by_system],
            done=lambda runs: len(of(runs, RunStatus.SUCCESS)) == FIRINGS[by_system],
        )
    assert await highest_activity(world, {run.id: run.bucket for run in runs}) == 1
    log = await inside(world.domain).database.read(lambda session: session.changes.after(0, limit=10_000))
    ended = [c.entity_id for c in log if (c.next or {}).get("status") == "success"]
    fired = [c.id for c in log if c.kind in {"incident", "health"}]
    keys = {run.id: run.firing.key for run in runs}
    for bucket in {run.bucket for run in runs}:
        mine = {run.firing.key for run in runs if run.bucket == bucket}
        assert [keys[run] for run in ended if keys[run] in mine] == [key for key in fired if key in mine]


@on_both_databases
async def test_a_parallel_automation_never_exceeds_its_limit(world: World, other: Domain, by_system: bool) -> None:
    buckets = await automate(world, WAIT, by_system=by_system, mode="parallel", max_runs=5)
    async with under_way(world, other):
        await fire(world, other, by_system=by_system)
        runs = await firings(
            world, of_all=FIRINGS[by_system], done=lambda runs: len(of(runs, RunStatus.WAITING)) == 5 * buckets
        )
    assert len(of(runs, RunStatus.SKIPPED, SkipReason.MAX_RUNS)) == FIRINGS[by_system] - 5 * buckets
    assert await highest_activity(world, {run.id: run.bucket for run in runs}) == 5


@on_one_database
async def test_a_full_queue_skips_a_firing_with_its_reason(world: World, other: Domain) -> None:
    await automate(world, WAIT, by_system=False, mode="queued", max_runs=3)
    async with under_way(world, other, running=False):
        await fire(world, other, by_system=False)
        runs = await firings(world, of_all=FIRINGS[False], done=lambda _: True)
    assert len(of(runs, RunStatus.PENDING)) == 4
    assert len(of(runs, RunStatus.SKIPPED, SkipReason.QUEUE_FULL)) == FIRINGS[False] - 4
    assert await world.enqueued() == [of(runs, RunStatus.PENDING)[0].id]
