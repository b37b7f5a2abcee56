"""Automations beside an import: whatever it brings, none of them begins."""

from pathlib import Path

from domain.bootstrap import running_domain
from domain.settings import Settings
from tests.conftest import SECRET_KEY, SteppingClock
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import exported, imported, lively
from tests.e2e.databases import fresh_database
from tests.factories import make_incident

TRIGGERS = (
    "incident.created",
    "incident.updated",
    "incident.resolved",
    "incident.acknowledged",
    "incident.assigned",
    "system.degraded",
    "system.health_changed",
    "system.healthy",
)
NOTE = {"action": "log", "config": {"message": "Seen"}}


@on_one_database
async def test_an_import_begins_no_run_and_no_dwell(world: World, clock: SteppingClock, tmp_path: Path) -> None:
    for name in TRIGGERS:
        await world.automation(NOTE, triggers=[{"event": name}])
        await world.automation(NOTE, triggers=[{"event": name, "for": {"minutes": 1}}])
    async with fresh_database("sqlite") as url:
        settings = Settings(database_url=url, automations=False, secret_key=SECRET_KEY)
        async with running_domain(settings, clock=clock, live=False) as source:
            await lively(source, clock)
            data = await exported(source)
    tally, _ = await imported(world.domain, tmp_path / "history", data)
    assert tally.taken["incident"] == 3
    await world.settle()
    clock.advance(hours=1)
    await world.settle()
    assert (await world.runs(), await world.enqueued()) == ([], [])
    await make_incident(world.domain, "payments")
    clock.advance(hours=1)
    await world.settle()
    assert {run.firing.event for run in await world.runs()} == {"incident.created"}
