"""`incidentql demo` that is ended in the middle: whole batches stay, and nothing of a batch besides."""

import asyncio
import os
import select
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.e2e.audit import contradictions, truth_of
from tests.e2e.databases import fresh_database

_BATCH = 500
_DEADLINE_SECONDS = 60
_COUNT = "SELECT count(*) FROM incidents"


@pytest_asyncio.fixture
async def address(dialect: str) -> AsyncIterator[str]:
    async with fresh_database(dialect) as url:
        yield url


_KILLED = (signal.SIGKILL, -signal.SIGKILL)
_INTERRUPTED = (signal.SIGINT, 130)


# Of the two ends on SQLite the harder one is tried; PostgreSQL itself undoes the transaction of a killed process.
@pytest.mark.parametrize(
    ("dialect", "sent", "code"),
    [
        pytest.param("sqlite", *_KILLED, id="sqlite-kill -9"),
        pytest.param("postgresql", *_INTERRUPTED, marks=pytest.mark.postgres, id="postgresql-Ctrl-C"),
    ],
)
async def test_a_demo_that_is_ended_leaves_whole_batches(address: str, sent: signal.Signals, code: int) -> None:
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gql.cli", "demo", "--incidents", "1000000", "--database-url", address),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        # As a terminal does it, Ctrl-C goes to all of its processes.
        start_new_session=True,
    )
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while not await incidents_in(address):
            assert demo.returncode is None
            await asyncio.sleep(0.05)
        makers = [os.pidfd_open(child) for child in children_of(demo.pid)]
        assert makers
        os.killpg(demo.pid, sent) if sent is signal.SIGINT else demo.send_signal(sent)
        _, complaint = await demo.communicate()
        assert (demo.returncode, complaint.decode()) == (code, "")
        for maker in makers:
            # It can be read once the process has ended (pidfd_open(2)).
            await asyncio.to_thread(select.select, [maker], [], [])
            os.close(maker)
    truth = await truth_of(address)
    assert contradictions(truth) == []
    assert len(truth.versions) % _BATCH == 0
    assert truth.versions


async def incidents_in(address: str) -> int:
    """Count the incidents; none where there is no table yet."""
    if address.startswith("sqlite"):
        file = Path(address.removeprefix("sqlite:///"))
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
                return int(database.execute(_COUNT).fetchone()[0])
        except sqlite3.OperationalError:
            return 0
    connection = await asyncpg.connect(address)
    try:
        return int(await connection.fetchval(_COUNT))
    except asyncpg.UndefinedTableError:
        return 0
    finally:
        await connection.close()


def children_of(process: int) -> list[int]:
    """Return the processes that the main thread of a process has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
