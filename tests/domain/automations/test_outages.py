"""A database that is away for a while: runs wait for it, and nothing counts as a failure of theirs."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from domain.model.automation import RunStatus
from domain.persistence.database import Database
from domain.persistence.outages import DatabaseAwayError, telling_outages
from tests.domain.automations.world import World
from tests.factories import make_incident

OPENED = {
    "action": "incident.add_update",
    "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": "Seen."},
    "continue_on_error": True,
}


class Away:
    """A database that fails so many writes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        self._error = error
        self.left = 0
        write: Callable[..., Awaitable[Any]] = Database.write

        async def failing(database: Database, work: Any) -> Any:
            if self.left:
                self.left -= 1
                raise self._error
            return await write(database, work)

        monkeypatch.setattr(Database, "write", failing)


def locked() -> Exception:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("BEGIN IMMEDIATE", {}, error)


@pytest.mark.parametrize("error", [locked(), ConnectionRefusedError(), TimeoutError()], ids=["locked", "gone", "slow"])
async def test_a_database_that_is_away_for_long_fails_neither_a_run_nor_its_steps(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await world.automation(OPENED)
    await make_incident(world.domain)
    await world.route()
    away = Away(monkeypatch, error)
    away.left = 30
    await world.run_enqueued()
    run = await world.only_run()
    while not (run := await world.run(run.id)).status.is_final:
        # However long a pause is, it is over.
        world.clock.advance(seconds=60)
    assert run.status is RunStatus.SUCCESS
    assert [step.status for step in await world.steps(run)] == ["success"]


async def test_a_branch_that_meets_an_outage_leaves_no_other_behind_that_goes_on_beside_the_repeated_run(
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
    away = Away(monkeypatch, locked())
    away.left = 1
    while not (run := await world.run(run.id)).status.is_final:
        world.clock.advance(seconds=1)
    assert (run.status, away.left) == (RunStatus.SUCCESS, 0)
    assert [record.message for record in caplog.records if record.message == "Seen."] == ["Seen."] * 2


def test_a_fault_of_ours_is_no_outage() -> None:
    missing = sqlite3.OperationalError("no such table: runs")
    missing.sqlite_errorcode = sqlite3.SQLITE_ERROR
    with pytest.raises(OperationalError), telling_outages():
        raise OperationalError("SELECT", {}, missing)
    with pytest.raises(DatabaseAwayError), telling_outages():
        raise locked()
