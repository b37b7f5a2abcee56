"""The commands `export` and `import`."""

import shutil
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from gql.cli.commands import app
from tests.domain.transfer.pages import document, incident


@pytest.fixture
def dialect() -> str:
    """Return SQLite: the statements have their own tests."""
    return "sqlite"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments], env={"COLUMNS": "200"})


def test_a_history_moves_from_file_to_file_and_says_what_came(
    database_url: str, sqlite_template: Path, tmp_path: Path
) -> None:
    first, again, report = tmp_path / "a.ndjson", tmp_path / "b.ndjson", tmp_path / "report.ndjson"
    other = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'other.db')}"
    call("demo", "--incidents", "30", "--database-url", database_url)
    assert call("export", "--output", str(first), "--database-url", database_url).exit_code == 0
    assert first.stat().st_mode & 0o077 == 0
    taken = call("import", str(first), "--database-url", other)
    assert (taken.exit_code, taken.stdout) == (0, "")
    assert "Taken: 12 systems, 12 healths of systems, 30 incidents.\n" in taken.stderr
    call("export", "--output", str(again), "--database-url", other)
    assert first.read_bytes() == again.read_bytes()
    lines = first.read_bytes().splitlines(keepends=True)
    again.write_bytes(b"".join([*lines[:2], b"{nonsense\n", *lines[2:]]))
    done = call("import", str(again), "--report", str(report), "--dry-run", "--database-url", other)
    assert (done.exit_code, "Not taken: 2." in done.stderr) == (1, True)
    assert "line 3: BAD_USER_INPUT: Invalid JSON" in done.stderr
    reported = [orjson.loads(line) for line in report.read_bytes().splitlines()]
    assert [(each["place"], each["code"]) for each in reported] == [
        ("line 3", "BAD_USER_INPUT"),
        (f"line {len(lines) + 1}", "INCOMPLETE"),
    ]


def test_a_spreadsheet_and_a_story_are_printed(database_url: str) -> None:
    call("demo", "--incidents", "3", "--database-url", database_url)
    rows = call("export", "--format", "csv", "--database-url", database_url).stdout
    assert (rows.count("\n"), rows.startswith("reference,title,")) == (4, True)
    story = call("export", "--format", "markdown", "--incident", "inc-2", "--database-url", database_url).stdout
    assert story.startswith("# INC-2: ")
    for reference, words in (("INC-9", "not found"), ("nine", "such as INC-42")):
        done = call("export", "--format", "markdown", "--incident", reference, "--database-url", database_url)
        assert (done.exit_code, words in done.stderr) == (2, True)
    assert call("export", "--incident", "INC-2", "--database-url", database_url).exit_code == 2


def test_files_that_cannot_be_used_are_one_line(database_url: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    for arguments, words in (
        (["import", missing], "cannot be read: No such file"),
        (["import", "pyproject.toml"], "is no export"),
        (["export", "--output", f"{missing}/a"], "cannot be written"),
        (["export", "--output", "/dev/full"], "cannot be written: No space left"),
    ):
        done = call(*arguments, "--database-url", database_url)
        assert (done.exit_code, words in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr


def test_a_report_does_not_overwrite_the_file_that_is_imported(database_url: str, tmp_path: Path) -> None:
    file, same = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    file.write_bytes(b"precious")
    same.symlink_to(file)
    done = call("import", str(file), "--report", str(same), "--database-url", database_url)
    assert (done.exit_code, "--report would overwrite" in done.stderr, file.read_bytes()) == (2, True, b"precious")


def test_the_history_of_a_page_is_taken_from_a_folder(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "incidents.json").write_bytes(orjson.dumps(document(incident())))
    done = call("import", str(tmp_path), "--format", "statuspage", "--database-url", database_url)
    assert (done.exit_code, done.stderr) == (0, "Taken: 2 systems, 1 incident.\nHere already: nothing.\n")
    rows = call("export", "--format", "csv", "--database-url", database_url).stdout
    assert "INC-1,Some requests fail,resolved,major,API (EU); Zahlungen," in rows
    assert rows.strip().endswith(",,1943.995,6039.154,5")


def test_an_export_that_fails_keeps_the_former_file(database_url: str, tmp_path: Path) -> None:
    former = tmp_path / "incidents.md"
    former.write_text("yesterday")
    arguments = ("--format", "markdown", "--incident", "INC-9", "--output", str(former))
    assert call("export", *arguments, "--database-url", database_url).exit_code == 2
    assert (former.read_text(), list(tmp_path.glob("*.part"))) == ("yesterday", [])
