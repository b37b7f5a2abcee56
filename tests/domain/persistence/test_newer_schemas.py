"""Processes of this version on databases that a later version has migrated already."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from domain.bootstrap import running_domain
from domain.errors import StartupError
from domain.persistence.engines import Engines, create_engines, database_url
from domain.persistence.migrate import MIGRATIONS, head_revision, migrate
from domain.persistence.upgrading import scripts_of
from domain.settings import Settings
from tests.factories import make_incident, make_system

#: The last migration that was written before they said what they are compatible with.
LAST_WITHOUT_WORD = "0010"
HEAD = head_revision()
EXPANDED, CONTRACTED = f"{int(HEAD) + 1:04}", f"{int(HEAD) + 2:04}"
EXPAND = """
    op.add_column("incidents", sa.Column("nickname", sa.String(80)))
    op.create_table("labels", sa.Column("name", sa.String(80), primary_key=True))
"""
CONTRACT = """
    op.drop_column("incidents", "nickname")
"""


def later_version(folder: Path, *, contracts: bool) -> Path:
    """Return the migrations of a later version: one that expands the schema, and maybe one that contracts it."""
    shutil.copytree(MIGRATIONS, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    add(folder / "migrations", EXPANDED, EXPAND, after=HEAD, since=HEAD)
    if contracts:
        add(folder / "migrations", CONTRACTED, CONTRACT, after=EXPANDED, since=EXPANDED)
    return folder / "migrations"


def add(migrations: Path, revision: str, body: str, *, after: str, since: str | None) -> None:
    """Write a migration."""
    said = "" if since is None else f"compatible_since = {since!r}\n"
    (migrations / "versions" / f"{revision}_later.py").write_text(
        '"""Later."""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {revision!r}\ndown_revision = {after!r}\nbranch_labels = None\ndepends_on = None\n{said}\n\n"
        f"def upgrade() -> None:{body}"
    )


def breaches(scripts: ScriptDirectory) -> list[str]:
    """Return the migrations that break the release before them, or do not declare their compatibility."""
    revisions = [script.revision for script in scripts.walk_revisions()][::-1]
    oldest = revisions.index(LAST_WITHOUT_WORD)
    found = []
    for place, revision in list(enumerate(revisions))[oldest + 1 :]:
        since = getattr(scripts.get_revision(revision).module, "compatible_since", None)
        if since in revisions[oldest:place]:
            oldest = revisions.index(since)
        else:
            found.append(revision)
    return found


@pytest.fixture
async def engines(own_database_url: str) -> AsyncIterator[Engines]:
    made = create_engines(database_url(own_database_url))
    yield made
    await made.dispose()


async def test_a_process_starts_and_writes_on_a_newer_schema_that_was_only_expanded(
    engines: Engines, own_database_url: str, tmp_path: Path
) -> None:
    await migrate(engines, migrations=later_version(tmp_path, contracts=False))
    async with running_domain(Settings(database_url=own_database_url, automations=False)) as domain:
        await make_system(domain, "payments")
        assert (await make_incident(domain, "payments")).number == 1
        assert await domain.readiness.reasons() == []


async def test_a_newer_schema_that_was_contracted_stops_the_start(engines: Engines, tmp_path: Path) -> None:
    await migrate(engines, migrations=later_version(tmp_path, contracts=True))
    with pytest.raises(StartupError, match=rf"newer schema \({CONTRACTED}\)"):
        await migrate(engines)


async def test_a_process_of_the_release_before_a_contraction_keeps_working(engines: Engines, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    release = later_version(tmp_path / "one", contracts=False)
    await migrate(engines, migrations=later_version(tmp_path / "two", contracts=True))
    await migrate(engines, migrations=release)
    async with engines.reader.connect() as connection:
        assert await connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == CONTRACTED


async def test_a_contraction_ends_the_readiness_of_a_running_process(
    engines: Engines, own_database_url: str, tmp_path: Path
) -> None:
    async with running_domain(Settings(database_url=own_database_url, automations=False)) as domain:
        await migrate(engines, migrations=later_version(tmp_path, contracts=True))
        [reason] = await domain.readiness.reasons()
    assert re.search("newer schema than this version can use", reason)


def test_every_migration_keeps_the_previous_release_working() -> None:
    assert breaches(scripts_of(MIGRATIONS)) == []


@pytest.mark.parametrize("since", [None, EXPANDED, "0009", "9999"], ids=["silent", "itself", "too old", "unknown"])
def test_a_migration_that_breaks_the_release_before_is_detected(tmp_path: Path, since: str | None) -> None:
    shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    add(tmp_path / "migrations", EXPANDED, EXPAND, after=HEAD, since=since)
    assert breaches(scripts_of(tmp_path / "migrations")) == [EXPANDED]
