"""The domain as a whole: starting, running and stopping."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.persistence.database import Database
from domain.persistence.unit_of_work import UnitOfWork
from domain.settings import Settings
from tests.factories import log_of, make_incident
from tests.inside import inside


async def test_writes_survive_a_restart(settings: Settings) -> None:
    async with running_domain(settings) as domain:
        incident = await make_incident(domain)
        cursor = inside(domain).cursors.position(1)
    async with running_domain(settings) as domain:
        assert await domain.reads.incidents([incident.id]) == {incident.id: incident}
        assert inside(domain).cursors.read_position(cursor) == 1


async def test_a_start_reads_the_database_once_and_a_stop_does_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, reads = Database._read, 0

    async def counted(database: Database, work: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(database, work)

    monkeypatch.setattr(Database, "_read", counted)
    async with running_domain(replace(settings, poll_seconds=3600)):
        assert reads == 1
    assert reads == 1


async def test_stopping_leaves_no_task_behind(settings: Settings) -> None:
    before = asyncio.all_tasks()
    async with running_domain(settings) as domain:
        await make_incident(domain)
    assert asyncio.all_tasks() == before


async def test_a_domain_that_is_not_live_reads_and_writes_without_tasks(settings: Settings) -> None:
    before = asyncio.all_tasks()
    async with running_domain(settings, live=False) as domain:
        incident = await make_incident(domain)
        assert list(await domain.reads.incidents([incident.id])) == [incident.id]
        assert asyncio.all_tasks() == before


async def test_two_databases_have_cursors_of_their_own(domain: Domain, tmp_path: Path) -> None:
    other = Settings(database_url=f"sqlite:///{tmp_path}/other.db")
    async with running_domain(other, live=False) as second:
        assert inside(second).cursors.position(1) != inside(domain).cursors.position(1)


async def test_an_unknown_kind_of_broadcaster_stops_the_start(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/incidents.db", broadcast_url="kafka://localhost")
    with pytest.raises(StartupError, match="broadcast URL"):
        async with running_domain(settings):
            pytest.fail("it must not start")


async def test_the_commit_of_one_process_is_followed_in_another(settings: Settings) -> None:
    async with running_domain(settings) as one, running_domain(settings) as other:
        incident = await make_incident(one)
        async with asyncio.timeout(60):
            while inside(other).tail.last < 2:
                await inside(other).tail.beyond(1, seconds=1)
        assert [change.entity_id for change in await log_of(other)] == [incident.id]


async def test_a_domain_that_is_cancelled_lets_its_transactions_end(settings: Settings) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    made: list[str] = []

    async def write(unit: UnitOfWork) -> None:
        begun.set()
        await go_on.wait()
        await unit.state.set("demo", "whole")
        made.append("whole")

    async def run() -> None:
        async with running_domain(settings, live=False) as domain:
            await inside(domain).database.write(write)

    running = asyncio.create_task(run())
    await begun.wait()
    running.cancel()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(running), timeout=0.2)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert made == ["whole"]
