"""The migration of timelines and times that were written by older rules."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.bootstrap import Domain, running_domain
from domain.ids import new_id
from domain.model.commands import AddIncidentUpdate, ReportSystemHealth
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.timeline import Mark, settled
from domain.persistence import migrate as migration
from domain.persistence.engines import Engines, create_engines, database_url
from domain.persistence.incidents import IncidentRepository
from domain.persistence.tables import former_systems, incident_update_versions, incident_updates, incidents
from domain.persistence.timeline import TimelineRepository
from domain.persistence.upgrading import config_of
from domain.settings import Settings
from tests.addresses import postgres_url
from tests.factories import ADMIN, make_system
from tests.templates import fresh_name, on_server, url_of

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACTOR = {"type": "user", "id": "usr_1", "name": None}
TIMES = ("identified_at", "fixing_at", "monitoring_at", "resolved_at")


def _at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as an older version left it: its minute, its status, and what its minute was before an edit."""

    minute: float
    status: Status | None = None
    was: float | None = None


@dataclass(frozen=True, slots=True)
class Old:
    """An incident that was opened at minute 0, as an older version left it."""

    entries: Sequence[Entry]
    status: Status
    occurred: float = 0
    times: tuple[float | None, ...] = (None, None, None, None)


class World:
    """A database of the older schema."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.ids: list[str] = []

    async def write(self, old: Old) -> None:
        """Write an incident."""
        identifier = new_id("inc")
        self.ids.append(identifier)
        header = {
            "id": identifier,
            "number": len(self.ids),
            "title": "Old",
            "status": old.status,
            "severity": Severity.MINOR,
            "suppress_notifications": False,
            "dedupe_key": "",
            "version": 1,
            "opened_by_type": "user",
            "opened_by_id": "usr_1",
            "occurred_at": _at(old.occurred),
            "created_at": NOON,
            "updated_at": NOON,
        }
        times = {name: None if minute is None else _at(minute) for name, minute in zip(TIMES, old.times, strict=True)}
        async with self.engines.writer.begin() as connection:
            await connection.execute(sa.insert(incidents).values(**header, **times))
            for entry in old.entries:
                said: dict[str, Any] = {"message": "Hm", "status_change": entry.status, "visibility": "public"}
                row = {"id": new_id("upd"), "incident_id": identifier, "created_at": _at(entry.minute), **said}
                written = {"created_by_type": "user", "created_by_id": "usr_1"}
                await connection.execute(sa.insert(incident_updates).values(**row, **written))
                if entry.was is not None:
                    former = {"id": new_id("upv"), "update_id": row["id"], "created_at": _at(entry.was), **said}
                    edit = {"replaced_at": NOON, "replaced_by_type": "user", "replaced_by_id": "usr_1"}
                    await connection.execute(sa.insert(incident_update_versions).values(**former, **edit))

    async def migrated(self) -> list[tuple[Incident, list[Mark]]]:
        """Migrate, and return the incidents, each with its marks."""
        await migration.migrate(self.engines)
        return await self.stored()

    async def stored(self) -> list[tuple[Incident, list[Mark]]]:
        """Return the stored incidents, each with its marks."""
        async with self.engines.reader.connect() as connection:
            found = await IncidentRepository(connection).get_many(self.ids)
            marks = TimelineRepository(connection)
            return [(found[identifier], await marks.marks(identifier)) for identifier in self.ids]


@pytest.fixture(scope="module")
def older_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield databases of the older schema to copy, because making one takes longer than most of these tests."""
    made = {"sqlite": f"{tmp_path_factory.mktemp('older')}/older.db"}
    asyncio.run(_make_older(f"sqlite:///{made['sqlite']}"))
    yield made
    if "postgresql" in made:
        asyncio.run(on_server(postgres_url(), f'DROP DATABASE "{made["postgresql"]}" WITH (FORCE)'))


@pytest.fixture
async def older_url(dialect: str, tmp_path: Path, older_databases: dict[str, str]) -> AsyncIterator[str]:
    """Yield a database of the older schema, without data, for this test alone."""
    if dialect == "sqlite":
        shutil.copy(older_databases[dialect], tmp_path / "older.db")
        yield f"sqlite:///{tmp_path}/older.db"
        return
    if dialect not in older_databases:
        older_databases[dialect] = fresh_name()
        await on_server(postgres_url(), f'CREATE DATABASE "{older_databases[dialect]}" TEMPLATE template0')
        await _make_older(url_of(older_databases[dialect]))
    name = fresh_name()
    await on_server(postgres_url(), f'CREATE DATABASE "{name}" TEMPLATE "{older_databases[dialect]}"')
    yield url_of(name)
    await on_server(postgres_url(), f'DROP DATABASE "{name}" WITH (FORCE)')


async def _make_older(url: str) -> None:
    def upgrade(connection: sa.Connection) -> None:
        config = config_of(migration.MIGRATIONS)
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")

    engines = create_engines(database_url(url))
    async with engines.writer.begin() as connection:
        await connection.run_sync(upgrade)
    await engines.dispose()


@pytest.fixture
async def world(older_url: str) -> AsyncIterator[World]:
    engines = create_engines(database_url(older_url))
    yield World(engines)
    await engines.dispose()


def _minutes(incident: Incident) -> list[float | None]:
    at = [getattr(incident, name) for name in ("occurred_at", *TIMES)]
    return [None if moment is None else (moment - NOON).total_seconds() / 60 for moment in at]


OPENED, RESOLVED = Status.INVESTIGATING, Status.RESOLVED
#: What was stored, and the status and times (beginning, identified, fixing, monitoring, resolved) that come of it.
CASES: dict[str, tuple[Old, Status, list[float | None]]] = {
    "in order": (
        Old([Entry(0, OPENED), Entry(5, Status.FIXING), Entry(9, RESOLVED)], RESOLVED, 0, (None, 5, None, 9)),
        RESOLVED,
        [0, None, 5, None, 9],
    ),
    "times of the clicks": (
        Old(
            [Entry(-60, OPENED, 0), Entry(-50, Status.FIXING, 5), Entry(-9, RESOLVED, 9)],
            RESOLVED,
            -60,
            (None, 5, None, 9),
        ),
        RESOLVED,
        [-60, None, -50, None, -9],
    ),
    "dates before the beginning": (
        Old([Entry(0, OPENED), Entry(-99, RESOLVED, 3)], OPENED, 0),
        OPENED,
        [-99, None, None, None, None],
    ),
    "a negative time": (
        Old([Entry(-99, RESOLVED, 3)], RESOLVED, 0, (None, None, None, -99)),
        RESOLVED,
        [-99, None, None, None, -99],
    ),
    "times of entries that are gone": (Old([], OPENED, 0, (3, 4, 5, None)), OPENED, [0, None, None, None, None]),
    "a status that no entry has": (
        Old([], Status.FIXING, 0, (None, 4, None, None)),
        Status.FIXING,
        [0, None, 4, None, None],
    ),
    "a resolution before the beginning that no entry has": (
        Old([], RESOLVED, 0, (None, None, None, -9)),
        RESOLVED,
        [0, None, None, None, 0],
    ),
    "a status named again": (
        Old([Entry(3, Status.FIXING), Entry(5, Status.FIXING), Entry(7)], Status.FIXING, 0, (None, 5, None, None)),
        Status.FIXING,
        [0, None, 3, None, None],
    ),
}


async def test_stored_times_are_corrected(world: World) -> None:
    for old, *_ in CASES.values():
        await world.write(old)
    migrated = {name: incident for name, (incident, _) in zip(CASES, await world.migrated(), strict=True)}
    assert {name: (incident.status, _minutes(incident)) for name, incident in migrated.items()} == {
        name: (status, times) for name, (_, status, times) in CASES.items()
    }


async def test_the_opening_entry_is_marked_and_dated_with_the_beginning(world: World) -> None:
    await world.write(Old([Entry(0, OPENED), Entry(3, OPENED), Entry(5)], OPENED, -60))
    await world.write(Old([Entry(-90, OPENED, 0)], OPENED, -60))
    (_, marks), (incident, [opening]) = await world.migrated()
    assert [(mark.at, mark.is_opening, mark.is_comment) for mark in marks] == [
        (_at(-60), True, False),
        (_at(3), False, True),
    ]
    assert (incident.occurred_at, opening.at, opening.is_opening) == (_at(-90), _at(-90), True)


#: A status that its timeline lacks, the times that come of the entry written for it, and what the timeline says then.
INCOMPLETE: dict[str, tuple[Old, list[float | None], list[Status]]] = {
    "no entries": (Old([], Status.FIXING, 0, (None, 4, None, None)), [0, None, 4, None, None], [Status.FIXING]),
    "a comment alone": (Old([Entry(3)], RESOLVED, 0, (None, None, None, 9)), [0, None, None, None, 9], [RESOLVED]),
    "a resolution before the beginning": (
        Old([], RESOLVED, 0, (None, None, None, -9)),
        [0, None, None, None, 0],
        [RESOLVED],
    ),
    "a later entry of another status": (
        Old([Entry(0, OPENED), Entry(7, Status.FIXING)], RESOLVED, 0, (None, 7, None, 5)),
        [0, None, 7, None, 7 + 1 / 60_000],
        [OPENED, Status.FIXING, RESOLVED],
    ),
    "no time of its own": (
        Old([Entry(-9, Status.MONITORING)], OPENED, -20, (None, None, -9, None)),
        [-20, None, None, -9, None],
        [Status.MONITORING, OPENED],
    ),
}


async def test_a_status_without_an_entry_gets_one_at_the_next_start(world: World, older_url: str) -> None:
    for old, *_ in INCOMPLETE.values():
        await world.write(old)
    async with starting(older_url) as domain:
        stored = dict(zip(INCOMPLETE, await world.stored(), strict=True))
        changes = await domain.events.raw(0, limit=10)
    for name, (old, times, statuses) in INCOMPLETE.items():
        incident, marks = stored[name]
        assert incident.status is old.status, name
        assert _minutes(incident) == pytest.approx(times), name
        assert [mark.status for mark in sorted(marks, key=lambda mark: mark.at)] == statuses, name
        assert settled(replace(incident, status=Status.IDENTIFIED), marks)[0] == incident, name
    assert [change.entity_id for change in changes] == world.ids
    assert {(change.changed_fields, change.events, change.version) for change in changes} == {((), (), 2)}


async def test_missing_entries_are_written_once_by_any_number_of_processes(world: World, older_url: str) -> None:
    for _ in range(5):
        await world.write(Old([], Status.FIXING, 0, (None, 4, None, None)))
    await world.write(Old([Entry(0, OPENED)], OPENED))
    await migration.migrate(world.engines)

    async def start() -> None:
        async with starting(older_url):
            pass

    await asyncio.gather(start(), start())
    await start()
    *repaired, (whole, _) = await world.stored()
    assert [(incident.version, len(marks)) for incident, marks in repaired] == [(2, 1)] * 5
    assert whole.version == 1


async def test_an_entry_on_an_old_timeline_follows_the_one_rule(world: World, older_url: str) -> None:
    named = [Status.FIXING, OPENED, RESOLVED]
    for _ in named:
        await world.write(Old([Entry(0, OPENED)], Status.FIXING, 0, (None, 4, None, None)))
    async with starting(older_url) as domain:
        for identifier, status in zip(world.ids, named, strict=True):
            command = AddIncidentUpdate(incident_id=identifier, message="Hm", status_change=status)
            await domain.timeline.add(ADMIN, command)
    stored = await world.stored()
    assert [incident.status for incident, _ in stored] == named
    for incident, marks in stored:
        after, read = settled(incident, marks)
        assert (after, {mark.id: mark for mark in read}) == (incident, {mark.id: mark for mark in marks})


async def test_keys_of_systems_that_were_deleted_are_found_in_the_log(world: World, older_url: str) -> None:
    await migration.migrate(world.engines)
    async with starting(older_url) as domain:
        for key in ("gone", "unreported", "there"):
            await make_system(domain, key)
        for key in ("gone", "there"):
            await domain.health.report(ADMIN, ReportSystemHealth(system=key, status=Health.DEGRADED))
        for key in ("gone", "unreported"):
            await domain.systems.delete(ADMIN, key)
    async with world.engines.writer.begin() as connection:
        kept = await _formers(connection)
        await connection.execute(sa.delete(former_systems))
        await connection.run_sync(_upgrade_again)
    async with world.engines.reader.connect() as connection:
        assert await _formers(connection) == [former for former in kept if former.key == "gone"] != []


def _upgrade_again(connection: sa.Connection) -> None:
    """Run the migration that looks for keys on a database that has all of the later ones."""
    with Operations.context(MigrationContext.configure(connection)):
        import_module("domain.persistence.migrations.versions.0011_what_older_rules_left").upgrade()


async def _formers(connection: AsyncConnection) -> Sequence[Any]:
    return (await connection.execute(sa.select(former_systems))).all()


def starting(url: str) -> AbstractAsyncContextManager[Domain]:
    """Return a process that migrates the database at its start."""
    return running_domain(Settings(database_url=url, automations=False, sqlite_synchronous="NORMAL"))


async def test_any_stored_timeline_follows_the_rule_after_the_migration(world: World) -> None:
    pick = random.Random(11)
    for _ in range(40):
        minutes = pick.sample(range(-50, 50), pick.randrange(7))
        entries = [Entry(minute, pick.choice([None, *Status])) for minute in minutes]
        carrying = [entry.status for entry in sorted(entries, key=lambda entry: entry.minute) if entry.status]
        status = carrying[-1] if carrying else OPENED
        times = (pick.choice([None, 4]), None, 9, 9 if status is RESOLVED else None)
        await world.write(Old(entries, status, pick.choice([0, -20]), times))
    for incident, marks in await world.migrated():
        after, read = settled(replace(incident, status=Status.MONITORING), marks)
        assert after == incident
        assert sorted(read, key=lambda mark: mark.id) == sorted(marks, key=lambda mark: mark.id)
        assert all(mark.at >= incident.occurred_at for mark in marks)
