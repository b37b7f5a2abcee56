"""The command line without a command that needs the domain."""

import gc
import json
import re
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version

import pytest
from typer.testing import CliRunner

from gql.cli.commands import app
from gql.cli.running import late

#: Each takes a third of a second or more to import.
HEAVY = {"strawberry", "graphql", "sqlalchemy", "dbos", "alembic", "uvicorn", "asyncpg", "httpx"}
#: Each call in a process of its own, and nothing but the entry point is imported before.
CALLS = """
import json, os, sys
from gql.cli import main
for arguments in json.loads(sys.argv[1]):
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        print("LEFT", os.waitstatus_to_exitcode(status), flush=True)
        continue
    sys.argv = ["incidentql", *arguments]
    try:
        main()
    finally:
        print("LOADED", *sys.modules, flush=True)
"""


def test_commands_that_only_print_import_nothing_heavy() -> None:
    calls = [
        (["--help"], 0, "automations"),
        ([], 2, "automations"),
        (["--version"], 0, f"incidentql {version('incidentql')}"),
        (["serve", "--help"], 0, "--broadcast-url"),
        (["events", "--help"], 0, "--follow"),
        (["automations", "--help"], 0, "trace"),
        (["watch", "--help"], 0, "--cursor-file"),
        (["automations", "runs", "--help"], 0, "--skipped"),
        (["serve", "--nonsense"], 2, ""),
        (["nonsense"], 2, ""),
    ]
    command = [sys.executable, "-c", CALLS, json.dumps([arguments for arguments, *_ in calls])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "200"})
    outputs = re.findall(r"(.*?)^LOADED (.*?)^LEFT (\d)\n", done.stdout, re.DOTALL | re.MULTILINE)
    assert len(outputs) == len(calls)
    for (arguments, code, said), (printed, loaded, left) in zip(calls, outputs, strict=True):
        assert (arguments, int(left), said in printed) == (arguments, code, True), done.stderr
        assert (arguments, HEAVY & set(loaded.split())) == (arguments, set())


def test_the_commands_on_automations_are_listed() -> None:
    own = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["automations", "--help"]).output
    assert all(name in own for name in ("apply", "list", "runs", "trace"))
    assert "completion" not in own


def test_late_imports_log_nothing(database_url: str) -> None:
    command = [sys.executable, "-m", "gql.cli", "migrate", "--database-url", database_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"INCIDENTQL_LOG_LEVEL": "INFO"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "The database is up to date.\n", "")


@pytest.mark.parametrize("module", ["gql.cli.work", "gql.cli.there_is_none"])
def test_garbage_is_collected_again_after_a_late_import(module: str) -> None:
    with suppress(ModuleNotFoundError):
        late(module, "fill")
    assert gc.isenabled()
