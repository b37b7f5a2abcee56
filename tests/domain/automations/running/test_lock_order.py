"""The lock order of runs, which is that of all others, so that there is no deadlock."""

from typing import Any

import pytest
import sqlalchemy as sa

from domain.persistence.automation_tables import automation_runs
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from tests.domain.automations.world import World
from tests.domain.messaging.changes import until_it_is
from tests.factories import ADMIN, make_system
from tests.inside import inside

on_postgresql = pytest.mark.parametrize(
    "dialect", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
_WAITING = sa.text(
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@on_postgresql
@pytest.mark.parametrize(
    "action",
    [
        {"variables": {"done": True}},
        {
            "id": "it",
            "action": "incident.create",
            "config": {"title": "Down", "severity": "major", "systemIds": ["payments"]},
        },
    ],
    ids=["noted", "acted"],
)
async def test_a_run_locks_its_automation_before_itself(world: World, action: dict[str, Any]) -> None:
    await make_system(world.domain)
    automation = await world.automation(action, triggers=[{"event": "system.healthy"}])
    run = (await world.domain.automations.service.run_by_hand(ADMIN, automation.id)).value
    assert run is not None

    async def somebody_waits(session: ReadSession) -> bool:
        return bool(await session.connection.scalar(_WAITING))

    async def take_over(unit: UnitOfWork) -> None:
        await unit.automations.hold([automation.id])
        await world.run_enqueued()
        await until_it_is(lambda: inside(world.domain).database.read(somebody_waits))
        # As restarting, cancelling and deleting do it next; fails where they would wait for each other.
        statement = sa.select(automation_runs.c.id).where(automation_runs.c.id == run.id)
        await unit.connection.execute(statement.with_for_update(nowait=True))

    await inside(world.domain).database.write(take_over)
    over = await world.over(run)
    assert over.status.value == "success", over.message
