"""Backups that are made while others write, and databases that are restored from them."""

import asyncio
import os
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import CursorExpiredError, StartupError
from domain.model.incident import Severity, Status
from domain.operating.backing_up import back_up
from domain.operating.findings import Finding
from domain.operating.restoring import restore_backup
from domain.operating.verifying import verify
from domain.persistence.places import PLACES_PER_MILLISECOND, place_of
from domain.persistence.postgres_copies import program
from domain.settings import Settings
from tests.conftest import SECRET_KEY, SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.messaging.changes import until_it_is
from tests.factories import log_of, make_incident, make_secret, make_system, set_status
from tests.templates import migrated_file

#: Another program that has a SQLite file open, and does nothing with it.
HOLDER = (
    "import sqlite3, sys; held = sqlite3.connect(sys.argv[1]); held.execute('PRAGMA journal_mode=WAL');"
    "held.execute('SELECT count(*) FROM incidents').fetchone(); print('open', flush=True); sys.stdin.read()"
)


def settings_of(url: str) -> Settings:
    return Settings(
        database_url=url, sqlite_synchronous="NORMAL", automations=False, webhooks=False, secret_key=SECRET_KEY
    )


@asynccontextmanager
async def running(url: str, clock: SteppingClock) -> AsyncIterator[Domain]:
    async with running_domain(settings_of(url), clock=clock, live=False) as domain:
        yield domain


async def sound(url: str) -> bool:
    found: list[Finding] = []
    report = await verify(settings_of(url), found.append)
    assert found == []
    return report.is_sound


async def write(domain: Domain, done: list[str], stopping: asyncio.Event) -> None:
    """Open and move incidents until stopped, and keep the ids of those that were acknowledged."""
    while not stopping.is_set():
        incident = await make_incident(domain, severity=Severity.MINOR)
        await set_status(domain, incident, Status.FIXING)
        done.append(incident.id)


async def soon(value: bool) -> bool:
    return value


async def test_a_backup_under_writes_has_all_that_was_acknowledged_of_one_moment(
    own_database_url: str, empty_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file, done, stopping = tmp_path / "copy", list[str](), asyncio.Event()
    async with running(own_database_url, clock) as domain:
        await make_system(domain)
        await make_secret(domain)
        writers = [asyncio.create_task(write(domain, done, stopping)) for _ in range(3)]
        await until_it_is(lambda: soon(len(done) >= 20))
        acknowledged = list(done)
        made = await back_up(settings_of(own_database_url), file, force=False, now=clock.now())
        stopping.set()
        await asyncio.gather(*writers)
    assert (made.size_bytes, file.stat().st_mode & 0o777) == (file.stat().st_size, 0o600)
    assert os.listdir(tmp_path) == ["copy"]  # noqa: PTH208 - a call that does not block
    label = await restore_backup(settings_of(empty_database_url), file, force=False, now=clock.now())
    assert (label.revision, label.program is not None) == (made.revision, True)
    assert await sound(empty_database_url)
    async with running(empty_database_url, clock) as restored:
        assert set(acknowledged) <= (await restored.reads.incidents(acknowledged)).keys()
        await make_incident(restored)
    assert await sound(empty_database_url)


async def test_a_cursor_from_after_the_backup_has_expired_for_good(
    own_database_url: str, empty_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    async with running(own_database_url, clock) as domain:
        await make_incident(domain)
        before = domain.events.cursor_of(await domain.events.head())
        await back_up(settings_of(own_database_url), file, force=False, now=clock.now())
        cursors = []
        for _ in range(2):
            await make_incident(domain)
            cursors.append(domain.events.cursor_of(await domain.events.head()))
    for _ in range(2):
        await restore_backup(settings_of(empty_database_url), file, force=True, now=clock.now())
        async with running(empty_database_url, clock) as restored:
            # Restored once more, the log has grown beyond every place that was given out, by either.
            new = [await make_incident(restored) for _ in range(3)]
            for cursor in cursors:
                with pytest.raises(CursorExpiredError):
                    await restored.events.start_of(cursor)
            behind = await restored.events.raw(await restored.events.start_of(before), limit=10)
            assert [change.entity_id for change in behind] == [incident.id for incident in new]
            cursors.append(restored.events.cursor_of(await restored.events.head()))
            assert max(cursors) == cursors[-1]


@on_one_database
async def test_a_restore_replaces_what_is_there_only_if_wanted(
    own_database_url: str, empty_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    async with running(own_database_url, clock) as domain:
        kept = await make_incident(domain)
    await back_up(settings_of(own_database_url), file, force=False, now=clock.now())
    with pytest.raises(StartupError, match="--force"):
        await back_up(settings_of(own_database_url), file, force=False, now=clock.now())
    async with running(empty_database_url, clock) as domain:
        other = await make_incident(domain)
    with pytest.raises(StartupError, match="--force"):
        await restore_backup(settings_of(empty_database_url), file, force=False, now=clock.now())
    await restore_backup(settings_of(empty_database_url), file, force=True, now=clock.now())
    async with running(empty_database_url, clock) as domain:
        assert list(await domain.reads.incidents([kept.id, other.id])) == [kept.id]
        assert len(await log_of(domain)) == 1


@pytest.mark.parametrize("data", [b"", b"no backup of anything", b"PGDMP\x01\x0e\x00rest"])
async def test_what_is_no_backup_changes_nothing(
    database_url: str, clock: SteppingClock, tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "copy"
    file.write_bytes(data)
    with pytest.raises(StartupError, match=r"cannot be read|no backup"):
        await restore_backup(settings_of(database_url), file, force=True, now=clock.now())
    assert await sound(database_url)


async def test_a_backup_that_was_cut_off_changes_nothing(
    own_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    async with running(own_database_url, clock) as domain:
        incident = await make_incident(domain)
        await domain.demo.fill(20, seed=1)
    await back_up(settings_of(own_database_url), file, force=False, now=clock.now())
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    with pytest.raises(StartupError):
        await restore_backup(settings_of(own_database_url), file, force=True, now=clock.now())
    async with running(own_database_url, clock) as domain:
        assert list(await domain.reads.incidents([incident.id])) == [incident.id]


@pytest.mark.parametrize("dialect", ["postgresql"])
@pytest.mark.postgres
async def test_a_database_that_a_server_uses_is_not_replaced(
    own_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    await back_up(settings_of(own_database_url), tmp_path / "copy", force=False, now=clock.now())
    async with running(own_database_url, clock) as domain:
        await make_incident(domain)
        with pytest.raises(StartupError, match="in use by incidentql"):
            await restore_backup(settings_of(own_database_url), tmp_path / "copy", force=True, now=clock.now())


@on_one_database
async def test_a_file_that_another_program_has_open_is_not_replaced(
    database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    await back_up(settings_of(database_url), file, force=False, now=clock.now())
    target = database_url.removeprefix("sqlite:///")
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, target, stdin=PIPE, stdout=PIPE)
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    with pytest.raises(StartupError, match="in use"):
        await restore_backup(settings_of(database_url), file, force=True, now=clock.now())
    await holder.communicate(b"")
    await restore_backup(settings_of(database_url), file, force=True, now=clock.now())
    assert await sound(database_url)


@on_one_database
async def test_a_backup_of_a_newer_version_is_refused(
    empty_database_url: str, clock: SteppingClock, tmp_path: Path
) -> None:
    file = tmp_path / "copy"
    file.write_bytes(migrated_file().read_bytes())
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE server_state SET value = '9998' WHERE name = 'compatible_since'")
    with pytest.raises(StartupError, match="newer schema"):
        await restore_backup(settings_of(empty_database_url), file, force=False, now=clock.now())
    assert not os.path.exists(empty_database_url.removeprefix("sqlite:///"))  # noqa: ASYNC240, PTH110 - of a test


async def test_a_program_of_postgresql_that_is_missing_or_too_old_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StartupError, match="postgresql-client-17"):
        await program("pg_dump", server=17, at_least=True)
    file = tmp_path / "pg_dump"
    file.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 16.2 (Debian)'\n")
    file.chmod(0o755)
    assert await program("pg_dump", server=15, at_least=True) == str(file)
    for server, at_least in ((17, True), (15, False)):
        with pytest.raises(StartupError, match="has version 16"):
            await program("pg_dump", server=server, at_least=at_least)


def test_places_of_a_restored_log_are_later_ones_even_where_the_clock_is_wrong(clock: SteppingClock) -> None:
    now = clock.now()
    first = place_of(now, head=0)
    assert first % PLACES_PER_MILLISECOND == 0
    assert first < 2**53
    assert place_of(now, head=first + 5) == first + PLACES_PER_MILLISECOND
