"""The commands of operators: what they print, and their exit codes."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gql.cli.commands import app
from tests.templates import migrated_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a migrated database of this test alone."""
    target = tmp_path / "incidents.db"
    target.write_bytes(migrated_file().read_bytes())
    return target


def call(*arguments: str, file: Path) -> Result:
    """Run a command on a database, as the entry point does."""
    return CliRunner().invoke(app, [*arguments, "--database-url", f"sqlite:///{file}"])


def change(file: Path, statement: str) -> None:
    """Write to a database behind the program's back."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_verify_says_that_a_database_is_sound_or_what_is_damaged(file: Path) -> None:
    sound = call("verify", file=file)
    assert (sound.exit_code, "sound" in sound.output) == (0, True)
    change(file, "INSERT INTO readers VALUES ('ahead', 5, '2026-03-01 09:00:00.000000')")
    damaged = call("verify", file=file)
    assert damaged.exit_code == 1
    first, last = damaged.output.splitlines()
    assert first.startswith("place: readers.seq of ahead: expected 0 or less, found 5. Stop the servers")
    assert last.startswith("The database is damaged: 1 of place.")
    finding, summary = map(json.loads, call("verify", "--json", file=file).output.splitlines())
    assert (finding["damage"], finding["found"]) == ("place", "5")
    assert summary == {"sound": False, "damages": {"place": 1}, "looked_at": {}}


def test_verify_does_not_read_a_schema_that_is_not_its_own(file: Path) -> None:
    change(file, "UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(SystemExit) as ended:
        app(["verify", "--database-url", f"sqlite:///{file}"], standalone_mode=False)
    assert ended.value.code == 2


def test_a_backup_is_restored_over_what_is_there_only_with_force(file: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = call("backup", str(copy), file=file)
    assert (made.exit_code, "Keep the key of secrets" in made.output) == (0, True)
    change(file, "INSERT INTO readers VALUES ('ahead', 5, '2026-03-01 09:00:00.000000')")
    with pytest.raises(SystemExit) as ended:
        app(["restore", str(copy), "--database-url", f"sqlite:///{file}"], standalone_mode=False)
    assert ended.value.code == 2
    restored = call("restore", "--force", str(copy), file=file)
    assert (restored.exit_code, "Restored: schema" in restored.output) == (0, True)
    assert call("verify", file=file).exit_code == 0


def test_doctor_says_whether_a_part_has_a_problem(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    well = call("doctor", file=file)
    assert (well.exit_code, "ok       schema" in well.output) == (0, True)
    monkeypatch.setenv("INCIDENTQL_SECRET_KEY", "no-key")
    ill = call("doctor", "--json", file=file)
    results = [json.loads(line) for line in ill.output.splitlines()]
    assert ill.exit_code == 1
    assert {result["part"] for result in results if result["verdict"] == "problem"} == {"secret key"}
