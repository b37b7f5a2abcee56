"""Dry runs of endless runs, and those whose caller is gone."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from domain.automations.services.dry_run.simulation import Simulation
from domain.errors import InvalidInputError
from tests.domain.automations.services.test_dry_run import dry_runs
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident

ENDLESS = {
    "triggers": [{"event": "incident.created"}],
    "actions": [{"repeat": {"while": "1 == 1", "max_iterations": 10_000, "sequence": [{"variables": {"x": 1}}]}}],
}


@on_one_database
async def test_a_run_that_loops_is_cut_in_the_middle(world: World) -> None:
    incident = await make_incident(world.domain)
    world.clock.advance(hours=1)
    until = world.clock.moment
    prediction = await dry_runs(world.domain, seconds=0.3).predict(ENDLESS, since=incident.created_at, until=until)
    assert prediction.truncated == "seconds"
    [predicted] = prediction.runs
    assert len(predicted.steps) < 5_000
    assert predicted.run.status == "running"


@on_one_database
async def test_a_dry_run_without_a_caller_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    incident = await make_incident(world.domain)
    world.clock.advance(hours=1)
    settle, close = Simulation._settle, Simulation.close
    began, ended = threading.Event(), threading.Event()

    async def settling(self: Simulation) -> None:
        began.set()
        await settle(self)

    async def closing(self: Simulation) -> None:
        await close(self)
        ended.set()

    monkeypatch.setattr(Simulation, "_settle", settling)
    monkeypatch.setattr(Simulation, "close", closing)
    predicting = asyncio.create_task(
        dry_runs(world.domain, seconds=600.0).predict(ENDLESS, since=incident.created_at, until=world.clock.moment)
    )
    assert await asyncio.to_thread(began.wait, 10)
    predicting.cancel()
    await asyncio.gather(predicting, return_exceptions=True)
    assert await asyncio.to_thread(ended.wait, 10)


@on_one_database
@pytest.mark.parametrize("year", [1, 1969])
async def test_a_span_before_there_were_computers_is_refused(world: World, year: int) -> None:
    since = datetime(year, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="1970") as refused:
        await dry_runs(world.domain).predict(ENDLESS, since=since, until=world.clock.moment)
    assert refused.value.field == ["from"]
