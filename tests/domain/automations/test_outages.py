"""Outages of the database: runs wait for its end, and no step fails by them."""

import asyncio
import logging

import pytest

from domain.model.automation import RunStatus
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.factories import make_incident
from tests.outages import Away, locked

OPENED = {
    "action": "incident.add_update",
    "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen."},
    "continue_on_error": True,
}


@on_one_database
@pytest.mark.parametrize("error", [locked(), ConnectionRefusedError(), TimeoutError()], ids=["locked", "gone", "slow"])
async def test_a_long_outage_fails_neither_a_run_nor_its_steps(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await world.automation(OPENED)
    await make_incident(world.domain)
    await world.route()
    away = Away(monkeypatch)
    away.writing, away.left = error, 30
    await world.run_enqueued()
    run = await world.only_run()
    while not (run := await world.run(run.id)).status.is_final:
        # However long a pause is, it is over.
        world.clock.advance(seconds=60)
    assert run.status is RunStatus.SUCCESS
    assert [step.status for step in await world.steps(run)] == ["success"]


async def test_an_outage_in_a_branch_stops_the_others_before_the_resume(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="domain.automations")
    seen = {"action": "log", "config": {"message": "Seen."}}
    soon, later = ({"sequence": [{"delay": {"seconds": seconds}}, seen]} for seconds in (1, 30))
    await world.automation({"parallel": [soon, later]})
    await make_incident(world.domain)
    await world.route()
    await world.run_enqueued()
    run = await world.until(await world.only_run(), RunStatus.WAITING)
    while len(await world.steps(run)) < 2:  # noqa: ASYNC110 - it is the database that is watched
        await asyncio.sleep(0.005)
    away = Away(monkeypatch)
    away.writing, away.left = locked(), 1
    while not (run := await world.run(run.id)).status.is_final:
        world.clock.advance(seconds=1)
    assert (run.status, away.left) == (RunStatus.SUCCESS, 0)
    assert [record.message for record in caplog.records if record.message == "Seen."] == ["Seen."] * 2
