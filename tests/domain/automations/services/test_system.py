"""The automations of one process as a whole: background routing and running."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.bootstrap import Domain, running_domain
from domain.messaging.readers import DurableReader
from domain.model.automation import RunStatus
from domain.settings import Settings
from tests.conftest import CountStatements
from tests.domain.automations.world import DEADLINE_SECONDS, World
from tests.factories import make_incident
from tests.inside import inside


@pytest.fixture
async def automatic(settings: Settings) -> AsyncIterator[Domain]:
    """Yield a domain that runs its automations in the background, in real time."""
    async with running_domain(replace(settings, automations=True)) as running:
        yield running


async def statuses(domain: Domain) -> list[RunStatus]:
    return [run.status for run in await World(domain, None).runs()]  # type: ignore[arg-type]


async def test_an_incident_starts_its_automations_in_the_background(automatic: Domain) -> None:
    world = World(automatic, None)  # type: ignore[arg-type]
    await world.automation({"action": "log", "config": {"message": "{{ trigger.payload.title }}"}})
    await make_incident(automatic)
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await statuses(automatic) != [RunStatus.SUCCESS]:  # noqa: ASYNC110 - it is the database that is watched
            await asyncio.sleep(0.01)


async def test_a_change_without_listeners_costs_no_transaction(world: World, count_statements: CountStatements) -> None:
    await world.automation(triggers=[{"event": "incident.resolved"}])
    reader = DurableReader(
        "automations",
        kinds=["incident"],
        handler=world.domain.automations.router.route,
        database=inside(world.domain).database,
        tail=inside(world.domain).tail,
        clock=world.clock,
        concerns=world.domain.automations.router.concerned,
    )
    await reader.register()
    incident = await make_incident(world.domain)
    with count_statements() as sent:
        assert await reader.run_pending() == 0
    assert not [statement for statement in sent if not statement.startswith(("SELECT", "BEGIN"))]
    await world.domain.incidents.resolve(world.viewer, incident.id)
    assert await reader.run_pending() == 1
    assert await reader.run_pending() == 0


async def test_changes_before_an_automation_existed_do_not_trigger_it(world: World) -> None:
    await make_incident(world.domain)
    await world.automation({"action": "log", "config": {"message": "x"}})
    await world.settle()
    assert await world.runs() == []
