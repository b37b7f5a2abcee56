"""A kind of entity that is added to the table of kinds, and to nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain, running_domain
from domain.entities.kinds import KINDS
from domain.model.automation import RunStatus
from domain.model.viewer import Audience
from domain.services.events import Watch
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.entities.widgets import WIDGET, paint, steps_of

WIDGETS = Watch(audience=Audience.MANAGER, kind="widget")
RED: dict[str, Any] = {
    "triggers": [{"event": "widget.painted"}],
    "conditions": ["state.widget[trigger.payload.widgetId].colour == 'red'"],
    "actions": [{"action": "log", "config": {"message": "{{ trigger.payload.colour }}"}}],
}


@pytest.fixture
async def domain(settings: Settings, clock: SteppingClock) -> AsyncIterator[Domain]:
    """Yield the running domain with one more kind of entity."""
    async with running_domain(settings, clock=clock, kinds=(*KINDS, WIDGET)) as running:
        yield running


@on_one_database
async def test_a_write_of_a_new_kind_leaves_history_and_fires_its_trigger(domain: Domain) -> None:
    await paint(domain, "w1", "blue")
    change = await paint(domain, "w1", "red")

    assert (change.version, change.events) == (2, ("widget.painted",))
    assert change.payload == {"widgetId": "w1", "colour": "red"}
    assert await steps_of(domain, kind="widget") == [("colour", None, "blue"), ("colour", "blue", "red")]


@on_one_database
async def test_changes_of_a_new_kind_are_replayed_and_then_pushed(domain: Domain) -> None:
    stored = [await paint(domain, "w1", colour) for colour in ("blue", "red")]
    async with aclosing(domain.events.follow(WIDGETS, 0)) as changes:
        received = [(await anext(changes)).id for _ in stored]
        stored.append(await paint(domain, "w1", "green"))
        received.append((await anext(changes)).id)

    assert received == [change.id for change in stored]


@on_one_database
async def test_a_new_kind_is_routed_to_automations_that_listen_to_it(world: World) -> None:
    automation = await world.automation(*RED["actions"], triggers=RED["triggers"], conditions=RED["conditions"])
    for colour in ("blue", "red"):
        await paint(world.domain, "w1", colour)
        await world.settle()

    run = await world.only_run()
    assert (run.automation_id, run.status, run.firing.context_key) == (automation.id, RunStatus.SUCCESS, "w1")
    assert await world.skips() == ["condition"]


@on_one_database
async def test_a_dry_run_predicts_the_firings_of_a_new_kind(world: World) -> None:
    began = world.clock.moment
    for colour in ("blue", "red"):
        await paint(world.domain, "w1", colour)
        world.clock.advance(seconds=60)
    prediction = await world.domain.dry_runs.predict(RED, since=began, until=began + timedelta(hours=1))

    [predicted] = prediction.runs
    assert prediction.changes == 2
    assert predicted.run.status is RunStatus.SUCCESS
    assert predicted.run.firing.payload == {"widgetId": "w1", "colour": "red"}
