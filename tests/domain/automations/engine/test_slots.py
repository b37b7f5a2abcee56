"""Slots: names of processes that are free again when their owner is dead, however it died."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.automations.engine import slots as module
from domain.automations.engine.file_slots import FileSlots
from domain.automations.engine.postgres_slots import PostgresSlots
from domain.automations.engine.slots import Slots, take_any
from domain.errors import StartupError
from domain.persistence.addresses import postgres_address

#: A process of its own that holds a slot until it is killed: locks of files are shared within a process.
_HOLDER = """
import asyncio, sys
from pathlib import Path
from domain.persistence.addresses import postgres_address
from domain.automations.engine.file_slots import FileSlots
from domain.automations.engine.postgres_slots import PostgresSlots

async def main(url, slot):
    slots = PostgresSlots(postgres_address(url)) if url.startswith("postgresql") else FileSlots(Path(url.removeprefix("sqlite:///")))
    print(await slots.take(slot), flush=True)
    await asyncio.sleep(60)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def make_slots(url: str) -> Slots:
    return (
        PostgresSlots(postgres_address(url))
        if url.startswith("postgresql")
        else FileSlots(Path(url.removeprefix("sqlite:///")))
    )


@pytest.fixture
async def slots(database_url: str) -> AsyncIterator[Slots]:
    slots = make_slots(database_url)
    yield slots
    await slots.close()


@asynccontextmanager
async def holder(url: str, slot: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Yield another process that holds a slot."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLDER, url, str(slot), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"True\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def free_soon(slots: Slots, slot: int) -> bool:
    async with asyncio.timeout(60):
        while not await slots.take(slot):  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.02)
    return True


async def test_a_slot_has_one_owner_until_the_owner_is_killed(database_url: str, slots: Slots) -> None:
    async with holder(database_url, 0) as process:
        assert not await slots.take(0)
        assert await take_any(slots) == 1
        process.kill()
        assert await free_soon(slots, 0)


async def test_a_released_slot_is_free(database_url: str, slots: Slots) -> None:
    assert await slots.take(3)
    assert await slots.keep(3)
    await slots.give(3)
    async with holder(database_url, 3):
        assert not await slots.take(3)


async def test_a_start_without_a_free_slot_is_refused(
    database_url: str, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOTS", 1)
    async with holder(database_url, 0):
        with pytest.raises(StartupError, match="1 processes run automations on this database already"):
            await take_any(slots)


async def test_a_removed_slot_file_is_recreated_with_the_lock(tmp_path: Path) -> None:
    database = tmp_path / "incidents.db"
    slots = FileSlots(database)
    assert await slots.take(0)
    (tmp_path / "incidents.db-slots").unlink()
    assert await slots.keep(0)
    with pytest.raises(AssertionError):
        async with holder(f"sqlite:///{database}", 0):
            pass
    await slots.close()


async def test_a_removed_slot_file_may_lose_the_slot_to_another(tmp_path: Path) -> None:
    database = tmp_path / "incidents.db"
    slots = FileSlots(database)
    assert await slots.take(0)
    (tmp_path / "incidents.db-slots").unlink()
    async with holder(f"sqlite:///{database}", 0):
        assert not await slots.keep(0)
        assert await take_any(slots) == 1
    await slots.close()


@pytest.mark.postgres
async def test_a_slot_is_taken_again_after_a_dropped_connection(postgresql_template: str) -> None:
    slots = PostgresSlots(postgres_address(postgresql_template))
    assert await slots.take(0)
    await drop_sessions(postgresql_template)
    assert await slots.keep(0)
    rival = PostgresSlots(postgres_address(postgresql_template))
    assert not await rival.take(0)
    await slots.close()
    await rival.close()


@pytest.mark.postgres
async def test_a_slot_taken_by_another_after_a_drop_is_lost(postgresql_template: str) -> None:
    slots, rival = (
        PostgresSlots(postgres_address(postgresql_template)),
        PostgresSlots(postgres_address(postgresql_template)),
    )
    assert await slots.take(0)
    await drop_sessions(postgresql_template)
    assert await rival.take(0)
    assert not await slots.keep(0)
    assert await take_any(slots) == 1
    await slots.close()
    await rival.close()


async def drop_sessions(url: str) -> None:
    server = await asyncpg.connect(url)
    await server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await server.close()


@pytest.mark.postgres
@pytest.mark.parametrize("dialect", ["postgresql"])
async def test_a_slot_is_taken_anew_once_its_server_accepts_no_writes(
    slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(slots, PostgresSlots)
    monkeypatch.setattr("domain.automations.engine.postgres_slots._ASK_SECONDS", 0.0)
    assert await slots.take(3)
    left: Any = slots._connection
    assert await slots.keep(3)
    assert slots._connection == left

    await left.execute("SET default_transaction_read_only = on")
    async with asyncio.timeout(60):
        while not await slots.keep(3):  # noqa: ASYNC110 - the server frees the lock with the session, a moment later
            await asyncio.sleep(0.01)

    assert left.is_closed()
    assert slots._connection is not left
