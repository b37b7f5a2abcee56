"""Migrations of databases to the schema of this code."""

import asyncio
import os
import sqlite3
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from domain.errors import StartupError
from domain.persistence.engines import Engines, create_engines, database_url
from domain.persistence.migrate import MIGRATIONS, head_revision, migrate
from domain.persistence.tables import metadata
from domain.persistence.upgrading import scripts_of
from tests.addresses import postgres_url
from tests.domain.persistence.migrating import migrate_on_request
from tests.e2e.processes import process_of


async def _migrated(url: str) -> Engines:
    engines = create_engines(database_url(url))
    await migrate(engines)
    return engines


async def _scalar(engines: Engines, statement: str) -> Any:
    async with engines.reader.connect() as connection:
        return await connection.scalar(sa.text(statement))


async def _failure(url: str) -> StartupError:
    engines = create_engines(database_url(url), busy_millis=50)
    with pytest.raises(StartupError) as caught:
        await migrate(engines)
    await engines.dispose()
    assert "\n" not in caught.value.message
    return caught.value


def _of_search(name: str | None) -> bool:
    """Return whether a difference is the index over the words, which only one of the databases has."""
    return name is not None and (name.startswith("search_words") or name in {"words", "ix_search_entries_words"})


async def test_a_migrated_database_has_the_schema_of_the_code(empty_database_url: str) -> None:
    def differences(connection: sa.Connection) -> list[Any]:
        def included(_object: Any, name: str | None, *_rest: Any) -> bool:
            return not _of_search(name)

        options = {"include_object": included, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    engines = await _migrated(empty_database_url)
    async with engines.reader.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engines.dispose()


def test_the_names_of_migrations_begin_with_their_revisions_in_order() -> None:
    revisions = [script.revision for script in scripts_of(MIGRATIONS).walk_revisions()][::-1]
    assert [file.name[:5] for file in sorted((MIGRATIONS / "versions").glob("*.py"))] == [f"{r}_" for r in revisions]
    assert head_revision() == scripts_of(MIGRATIONS).get_current_head()


async def test_migrating_twice_changes_nothing(empty_database_url: str) -> None:
    engines = await _migrated(empty_database_url)
    key = await _scalar(engines, "SELECT value FROM server_state WHERE name = 'cursor_key'")
    await migrate(engines)
    assert await _scalar(engines, "SELECT value FROM server_state WHERE name = 'cursor_key'") == key
    assert await _scalar(engines, "SELECT version_num FROM alembic_version") == head_revision()
    await engines.dispose()


async def test_tasks_that_migrate_at_once_leave_one_schema(empty_database_url: str) -> None:
    both = await asyncio.gather(*(_migrated(empty_database_url) for _ in range(6)))
    keys = "SELECT count(*) FROM server_state WHERE name = 'cursor_key'"
    assert await _scalar(both[0], keys) == 1
    for engines in both:
        await engines.dispose()


async def test_processes_that_migrate_at_once_leave_one_schema(empty_database_url: str) -> None:
    pipes = [Pipe() for _ in range(2)]
    started = [process_of(migrate_on_request, empty_database_url, theirs) for _, theirs in pipes]
    for process in started:
        process.start()
    for ours, _ in pipes:
        assert await asyncio.to_thread(ours.recv) == "ready"
    for ours, _ in pipes:
        ours.send("go")
    for process in started:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in started] == [0, 0]
    engines = create_engines(database_url(empty_database_url))
    assert await _scalar(engines, "SELECT count(*) FROM counters") == 1
    await engines.dispose()


async def test_a_newer_schema_stops_the_start(own_database_url: str) -> None:
    engines = create_engines(database_url(own_database_url))
    async with engines.writer.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        await connection.execute(sa.text("DELETE FROM server_state WHERE name = 'compatible_since'"))
    await engines.dispose()
    assert "newer schema (9999)" in (await _failure(own_database_url)).message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "incidents.db",
        "mysql://localhost/incidents",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////no/such/folder/incidents.db",
        "postgresql://localhost:port/incidents",
        "redis://localhost",
    ],
)
def test_an_address_that_is_no_database_stops_the_start_in_one_line(text: str) -> None:
    with pytest.raises(StartupError) as caught:
        database_url(text)
    assert "\n" not in caught.value.message


async def test_a_locked_file_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.persistence.engines._WAL_SECONDS", 0.1)
    holder = sqlite3.connect(tmp_path / "incidents.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert "locked by another program" in (await _failure(f"sqlite:///{tmp_path}/incidents.db")).message
    holder.close()


async def test_a_file_that_another_process_writes_to_stops_the_start(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    await (await _migrated(url)).dispose()
    holder = sqlite3.connect(tmp_path / "incidents.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert "locked by another program" in (await _failure(url)).message
    holder.close()


async def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "incidents.db").write_text("Dear diary, " * 500)
    assert "not a database" in (await _failure(f"sqlite:///{tmp_path}/incidents.db")).message


def test_a_folder_in_place_of_the_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="is a folder"):
        database_url(f"sqlite:///{tmp_path}")


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_stops_the_start() -> None:
    assert "no_such_database" in (await _failure(postgres_url().rsplit("/", 1)[0] + "/no_such_database")).message


async def test_a_server_that_does_not_answer_stops_the_start() -> None:
    assert "Connection refused" in (await _failure("postgresql://postgres@127.0.0.1:1/incidents")).message


async def test_a_file_with_signs_of_urls_in_its_name_is_written_and_read(tmp_path: Path) -> None:
    engines = await _migrated(f"sqlite:///{tmp_path}/a b#c%25d.db")
    assert await _scalar(engines, "SELECT count(*) FROM incidents") == 0
    await engines.dispose()
    assert os.listdir(tmp_path) == ["a b#c%d.db"]  # noqa: PTH208 - pathlib would block by another name
