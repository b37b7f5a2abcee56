"""The commands on automations."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from domain.bootstrap import running_domain
from domain.settings import Settings
from gql.cli.commands import app
from tests.conftest import SECRET_KEY
from tests.factories import ADMIN

SUSTAINED = """
name: Sustained
description: Opens incidents for systems that stay degraded.
triggers:
  - event: system.degraded
    for: {seconds: 5}
actions:
  - id: open
    action: incident.create
    config:
      title: "{{ trigger.payload.systemName }} is down"
      severity: major
      systemIds: ["{{ trigger.payload.systemId }}"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sustained.yaml"
    file.write_text(SUSTAINED)
    return file


def call(database_url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["automations", *arguments, "--database-url", database_url], env={"COLUMNS": "200"})


def test_a_file_applied_twice_is_unchanged(database_url: str, file: Path) -> None:
    assert "Sustained: created" in call(database_url, "apply", str(file)).output
    assert "Sustained: unchanged" in call(database_url, "apply", str(file)).output
    listed = call(database_url, "list").output
    assert all(text in listed for text in ("Sustained", "system.degraded", "aut_"))


def test_a_changed_file_shows_the_changes(database_url: str, file: Path) -> None:
    call(database_url, "apply", str(file))
    file.write_text(SUSTAINED.replace("seconds: 5", "seconds: 7"))
    shown = call(database_url, "apply", str(file), "--dry").output
    assert all(line in shown for line in ("Sustained: changed", "-    seconds: 5", "+    seconds: 7"))
    assert call(database_url, "apply", str(file)).output == shown
    assert "unchanged" in call(database_url, "apply", str(file)).output


def test_a_file_may_be_json_and_hold_several_automations(database_url: str, tmp_path: Path) -> None:
    action = {"action": "log", "config": {"message": "x"}}
    one: dict[str, Any] = {"triggers": [{"event": "manual"}], "actions": [action]}
    file = tmp_path / "two.json"
    file.write_text(json.dumps({"automations": [{"name": "one", **one}, {"name": "two", "enabled": False, **one}]}))
    assert "two: created" in call(database_url, "apply", str(file)).output
    listed = call(database_url, "list").output.splitlines()
    assert any("two" in line and " no " in line for line in listed)


CALLING = """
name: Calling
triggers: [{event: manual}]
actions:
  - action: http.request
    config:
      method: POST
      url: https://chat.example.com/
      headers: {Authorization: "Bearer ${{ secrets.CHAT }}", X-Other: "${{ secrets.OTHER }}"}
"""


@pytest.mark.parametrize("options", [(), ("--dry",)], ids=["applied", "dry"])
def test_missing_secrets_are_named(
    database_url: str, file: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCIDENTQL_SECRET_KEY", SECRET_KEY)
    asyncio.run(_keep_secret(database_url, "CHAT"))
    file.write_text(CALLING)
    said = call(database_url, "apply", str(file), *options)
    warning = "The secret OTHER does not exist yet; a step that needs it fails until it does."
    printed = f"incidentql: Calling: warning: actions[0].config.headers.X-Other: {warning}\n"
    assert (said.exit_code, said.stderr) == (0, printed)
    asyncio.run(_keep_secret(database_url, "OTHER"))
    assert call(database_url, "apply", str(file), *options).stderr == ""


async def _keep_secret(database_url: str, name: str) -> None:
    settings = Settings(database_url=database_url, secret_key=SECRET_KEY)
    async with running_domain(settings, live=False) as domain:
        assert (await domain.secrets.create(ADMIN, name=name, value="s3cr3t")).value.name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("triggers: []\n", "needs a name"),
        ("- 1\n", "mapping"),
        ("name: [\n", "YAML"),
        (SUSTAINED.replace("event:", "evnt:"), "triggers"),
    ],
    ids=["no name", "a list", "no YAML", "an unknown key"],
)
def test_an_invalid_file_is_refused_with_the_path_and_changes_nothing(
    database_url: str, file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    refused = call(database_url, "apply", str(file))
    assert (refused.exit_code, said in refused.output) == (2, True)
    assert "Sustained" not in call(database_url, "list").output


def test_unknown_runs_and_files_are_reported(database_url: str, tmp_path: Path) -> None:
    assert "was not found" in call(database_url, "trace", "run_1").output
    assert "cannot be read" in call(database_url, "apply", str(tmp_path / "none.yaml")).output
    assert call(database_url, "runs", "--automation", "none").exit_code == 2


def test_more_than_a_page_of_automations_is_listed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gql.cli.automation_work._PAGE", 2)
    one = {"triggers": [{"event": "manual"}], "actions": [{"action": "log", "config": {"message": "x"}}]}
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"automations": [{"name": f"number {index}", **one} for index in range(5)]}))
    assert call(database_url, "apply", str(file)).exit_code == 0
    listed = call(database_url, "list").output
    assert [f"number {index}" in listed for index in range(5)] == [True] * 5
    assert call(database_url, "runs", "--automation", "number 4").exit_code == 0
    identifier = re.findall("aut_[a-z0-9]+", listed)[-1]
    assert call(database_url, "runs", "--automation", identifier).exit_code == 0
    assert "not found" in call(database_url, "runs", "--automation", "number 5").output


@pytest.mark.parametrize("dry", [[], ["--dry"]], ids=["applied", "dry"])
def test_apply_refuses_an_invalid_definition(database_url: str, file: Path, dry: list[str]) -> None:
    file.write_text(SUSTAINED.replace("systemName", "nope"))
    result = call(database_url, "apply", str(file), *dry)
    assert result.exit_code == 2
    assert "actions[0].config.title: There is no `trigger.payload.nope`" in result.output
