"""Databases that are sound: without the beginning of the log, of older versions, made up; and files that are not."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from domain.bootstrap import Domain, running_domain
from domain.demo.staging import stage
from domain.entities.kinds import KINDS
from domain.errors import StartupError
from domain.model.incident import Status
from domain.operating.findings import Damage, Finding
from domain.operating.verifying import verify
from domain.persistence.tables import metadata
from domain.services.upkeep import Upkeep
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database
from tests.domain.operating.world import found_in
from tests.domain.persistence.old_databases import FIXTURES, restore, settings_for
from tests.factories import ADMIN, make_incident, set_status
from tests.inside import inside


async def test_a_log_without_its_beginning_is_sound(domain: Domain, clock: SteppingClock) -> None:
    for _ in range(3):
        incident = await make_incident(domain, title="Old")
        await set_status(domain, incident, Status.FIXING)
    await domain.incidents.delete(ADMIN, incident.id)
    clock.advance(days=8)
    assert incident.version == 1
    await make_incident(domain)
    upkeep = Upkeep(database=inside(domain).database, clock=clock, event_retention_days=7)
    await upkeep.run_once()
    assert await found_in(domain) == []
    assert (
        await domain.events.start_of(None) > await inside(domain).database.read(lambda each: each.changes.floor()) > 0
    )


async def test_a_firing_that_led_to_no_run_is_sound(domain: Domain, clock: SteppingClock) -> None:
    world = World(domain, clock)
    await world.automation({"stop": {}})
    for _ in range(2):
        await make_incident(domain)
    await world.route()
    assert await world.skips() == ["already_running"]
    assert await found_in(domain) == []


async def test_a_made_up_past_is_sound(domain: Domain) -> None:
    await domain.demo.fill(60, seed=7, scene=True)
    await stage(domain.reads, domain.relations, domain.maintenance, now=domain.clock.now())
    for _ in range(20):
        await domain.demo.act()
    assert await found_in(domain) == []


@on_one_database
async def test_a_file_whose_bytes_were_overwritten_is_damaged(
    settings: Settings, domain: Domain, tmp_path: Path
) -> None:
    await domain.demo.fill(60, seed=7)
    file = tmp_path / "copy.db"
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as source:
        source.execute("VACUUM INTO ?", [str(file)])
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2 // 4096 * 4096)
        stream.write(b"\xff" * 4096 * 3)
    told: list[Finding] = []
    report = await verify(replace(settings, database_url=f"sqlite:///{file}"), told.append)
    assert not report.is_sound
    assert told[0].damage is Damage.FILE


@pytest.mark.parametrize("fixture", sorted(FIXTURES.glob("*.sqlite.gz")), ids=lambda file: file.name)
async def test_a_database_of_an_older_version_is_sound_once_it_is_migrated(fixture: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    restore(fixture, url)
    async with running_domain(settings_for(url, automations=False), live=False) as domain:
        assert await found_in(domain) == []


@on_one_database
async def test_nothing_but_a_database_of_this_schema_is_looked_at(empty_database_url: str, tmp_path: Path) -> None:
    for url, words in ((f"sqlite:///{tmp_path}/none.db", "no database file"), (empty_database_url, "no schema")):
        if "none" not in url:
            sqlite3.connect(url.removeprefix("sqlite:///")).execute("CREATE TABLE other (id)").connection.close()
        with pytest.raises(StartupError, match=words):
            await verify(Settings(database_url=url), lambda _: None)
    assert not (tmp_path / "none.db").exists()


def test_every_kind_of_entity_says_where_its_rows_are() -> None:
    for kind in KINDS:
        table, _, column = kind.rows.partition(".")
        assert column in metadata.tables[table].c
