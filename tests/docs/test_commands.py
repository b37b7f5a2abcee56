"""The commands of the pages, run by bash with stand-ins for the programs, whose arguments are checked."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from domain.settings import Settings
from gql.cli.automations import app as automations
from gql.cli.commands import app
from tests.docs.blocks import ROOT, Block, blocks_in

#: Writes down how it was called, and in which environment.
_RECORDER = """#!/usr/bin/env bash
call=$(mktemp -d "{record}/XXXXXX")
printf '%s\\0' "$0" "$@" >"$call/arguments"
env -0 >"$call/environment"
"""
_PROGRAMS = (
    *("incidentql", "python", "pip", "uv", "sqlite3", "pg_dump"),
    *("docker", "kubectl", "systemctl", "useradd", "install"),
)
_OURS = ("scripts/serve", "scripts/test", "scripts/check", "scripts/sbom", ".ci/run")
#: Where the pages install it.
_INSTALLED = "/opt/incidentql/bin/"
Call = tuple[list[str], dict[str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that looks like the checkout, with stand-ins for its programs."""
    for name in (*(f"bin/{program}" for program in _PROGRAMS), *_OURS):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(_RECORDER.format(record=tmp_path / "record"))
        file.chmod(0o755)
    (tmp_path / "record").mkdir()
    (tmp_path / "tests" / "schema").mkdir(parents=True)
    (tmp_path / "schema.graphql").touch()
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / ".env.example").touch()
    return tmp_path


@pytest.mark.parametrize("block", blocks_in("sh"), ids=lambda block: block.id)
def test_a_command_of_the_pages_is_understood_by_its_program(block: Block, folder: Path) -> None:
    calls = run(block.text.replace(_INSTALLED, ""), folder)
    for arguments, settings in calls:
        check(arguments, settings, folder)
    assert len(calls) == len([line for line in commands_of(block.text) if not line.startswith("cp ")])


def commands_of(text: str) -> list[str]:
    """Return the commands of a block, with continued lines joined."""
    joined = re.sub(r"\\\n", "", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def run(text: str, folder: Path) -> list[Call]:
    """Run a block and return the calls of programs in it."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["bash", "-euc", text], cwd=folder, env={"PATH": path}, check=True, timeout=150)
    return [(words(call / "arguments"), dict(pairs(call / "environment"))) for call in (folder / "record").iterdir()]


def words(file: Path) -> list[str]:
    """Return the words that a stand-in recorded."""
    return file.read_text().split("\0")[:-1]


def pairs(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the variables of an environment that are our settings."""
    for word in words(file):
        name, _, value = word.partition("=")
        if name.startswith("INCIDENTQL_"):
            yield name, value


def check(arguments: Sequence[str], settings: dict[str, str], folder: Path) -> None:
    """Check that a program would understand a call."""
    program, *rest = arguments
    name = str(Path(program).relative_to(folder)) if Path(program).is_absolute() else program
    name = name.removeprefix("bin/").removeprefix("./")
    if name in _OURS:
        assert os.access(ROOT / name, os.X_OK)
    if name in {"incidentql", "scripts/serve"}:
        check_ours(["serve", *rest] if name == "scripts/serve" else rest, settings)
    elif name == "python" and rest[1].startswith("tests."):
        assert find_spec(rest[1]) is not None
    for word in rest:
        if word.endswith((".lock", ".toml")) or word.startswith("deploy/"):
            assert (ROOT / word).exists()


def check_ours(arguments: Sequence[str], settings: dict[str, str]) -> None:
    """Check that the command line takes these arguments and that all settings exist."""
    known = {f"INCIDENTQL_{name.upper()}" for name in Settings.__dataclass_fields__}
    assert set(settings) <= known
    Settings.from_environment(settings)
    name, *rest = arguments
    commands: Any = typer.main.get_command(app)
    if name == "automations":
        commands, name, rest = typer.main.get_command(automations), rest[0], rest[1:]
    commands.commands[name].make_context(name, rest)  # everything but what is done with it
