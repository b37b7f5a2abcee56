import asyncio
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from io import TextIOWrapper
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from domain.persistence import engines
from gql.cli import serving
from tests.addresses import postgres_url
from tests.e2e.api import Api
from tests.e2e.filling import fill
from tests.e2e.processes import Command, run_command
from tests.e2e.server import TOKEN, api_of, running_server

# A loop for each test would fill the shared database again for each.
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60
TOKEN_LINE = re.compile(r"^Admin token, shown only this once: (iql_\S+)$", re.MULTILINE)


async def test_each_obstacle_to_a_start_is_reported_in_one_line(tmp_path: Path, sqlite_template: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database at all. " * 100)
    shutil.copy(sqlite_template, tmp_path / "newer.db")
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("UPDATE alembic_version SET version_num = '9999'")
    newer.execute("DELETE FROM server_state WHERE name = 'compatible_since'")
    newer.commit()
    newer.close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            "a URL that is none": (("--database-url", "nonsense"), {}, "database URL is not valid"),
            "another database": (("--database-url", "oracle://host/name"), {}, "'oracle' are not supported"),
            "memory": (("--database-url", "sqlite://"), {}, "SQLite needs a file"),
            "no folder": (("--database-url", f"sqlite:///{tmp_path}/none/a.db"), {}, "folder of the database file"),
            "a folder": (("--database-url", f"sqlite:///{tmp_path}"), {}, "is a folder. Name a file in it."),
            # Not even root may make a file there.
            "an unwritable folder": (("--database-url", "sqlite:////proc/a.db"), {}, "database cannot be used: "),
            "no database file": (("--database-url", f"sqlite:///{tmp_path}/text.db"), {}, "file is not a database"),
            "newer": (("--database-url", f"sqlite:///{tmp_path}/newer.db"), {}, "newer schema (9999)"),
            "no PostgreSQL": (("--database-url", "postgresql://127.0.0.1:9/incidents"), {}, "database cannot be used"),
            "taken": (("--port", port, "--database-url", f"sqlite:///{tmp_path}/taken.db"), {}, f"Port {port} on"),
            "no such port": (("--port", "70000"), {}, "between 0 and 65535"),
            "no such host": (("--host", "192.0.2.1"), {}, "Cannot listen on 192.0.2.1"),
            "a setting of text": ((), {"INCIDENTQL_RING_SIZE": "many"}, "INCIDENTQL_RING_SIZE cannot be 'many'"),
            "a setting too small": ((), {"INCIDENTQL_POLL_SECONDS": "0"}, "must be positive"),
            "a short token": ((), {"INCIDENTQL_ADMIN_TOKEN": "short"}, "at least 16 characters"),
            "no such broadcaster": (("--broadcast-url", "kafka://host"), {}, "broadcast URL must start with"),
        }
        outcomes = await asyncio.gather(
            *(refusal(tmp_path, name, arguments, environment) for name, (arguments, environment, _) in cases.items())
        )
    wrong = {
        name: outcome
        for (name, (_, _, reason)), outcome in zip(cases.items(), outcomes, strict=True)
        if not is_one_line(outcome, reason)
    }
    assert wrong == {}


_IMPATIENT = {"INCIDENTQL_SQLITE_BUSY_SECONDS": "0.2"}


def hurry() -> None:
    """Shorten the wait for other processes that make the same file ready."""
    engines._WAL_SECONDS = 0.2


async def test_a_locked_database_file_is_reported_in_one_line_after_the_wait(
    tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "locked.db")
    with closing(sqlite3.connect(tmp_path / "locked.db", isolation_level=None)) as locking:
        locking.execute("PRAGMA journal_mode = DELETE")
        locking.execute("BEGIN EXCLUSIVE")
        arguments = ("serve", "--port", "0", "--database-url", f"sqlite:///{tmp_path}/locked.db")
        outcome = await run_command(*arguments, folder=tmp_path, environment=_IMPATIENT, prepare=hurry)
    assert is_one_line(outcome, "locked by another program"), outcome


@pytest.mark.postgres
async def test_a_missing_postgresql_database_is_reported_in_one_line(tmp_path: Path) -> None:
    url = postgres_url().rsplit("/", 1)[0] + "/there_is_no_such_database"
    outcome = await run_command("migrate", "--database-url", url, folder=tmp_path)
    assert is_one_line(outcome, '"there_is_no_such_database" does not exist'), outcome


async def test_the_first_start_shows_a_token_that_works_and_later_ones_show_none(empty_database_url: str) -> None:
    async with running_server(empty_database_url, admin_token=None) as server:
        (token,) = TOKEN_LINE.findall(server.stdout)
        await server.restart()
        assert TOKEN_LINE.findall(server.stdout) == [token]
        async with api_of(server, token) as api:
            assert await role_of(api) == "ADMIN"


async def test_a_token_from_the_environment_works_and_is_never_shown(database_url: str) -> None:
    async with running_server(database_url) as server, api_of(server) as api:
        assert await role_of(api) == "ADMIN"
        assert TOKEN not in server.stdout + server.stderr
        assert TOKEN_LINE.findall(server.stdout) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_a_signal_at_the_greeting_ends_the_server_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    options = ("--port", "0", "--database-url", f"sqlite:///{tmp_path}/a.db")
    code, _, stderr = await run_command("serve", *options, folder=tmp_path, prepare=partial(signal_at_greeting, number))
    assert (code, stderr) == (0, "")


async def test_a_demo_prints_a_link_whose_token_signs_in_until_the_next_start(tmp_path: Path) -> None:
    async with running_server(f"sqlite:///{tmp_path}/demo.db", options=["--demo"]) as server:
        first = token_in(server.stdout)
        await server.restart()
        last = token_in(server.stdout)
        async with httpx.AsyncClient(base_url=server.url, headers={"origin": server.url}, verify=False) as page:
            assert (await page.post("/session", json={"token": last})).status_code == 204
            viewer = (await page.get("/session")).json()["viewer"]
            assert (viewer["name"], viewer["role"]) == ("Demo visitor", "ADMIN")
            assert (await page.post("/session", json={"token": first})).status_code == 401


def token_in(printed: str) -> str:
    """Return the token of the last link that a server printed."""
    return printed.rpartition("signed in: ")[2].split()[0].partition("#token=")[2]


async def test_port_0_takes_and_prints_a_free_port_and_ctrl_c_ends_the_server(tmp_path: Path) -> None:
    server = Command("serve", "--port", "0", "--database-url", f"sqlite:///{tmp_path}/a.db", folder=tmp_path)
    try:
        await until(lambda: "/graphql" in server.stdout)
        server.interrupt()
        assert (await server.ended(), server.stderr) == (0, "")
    finally:
        await server.close()
    assert re.search(r"http://127\.0\.0\.1:[1-9]\d+/graphql", server.stdout)


async def test_events_prints_the_log_from_any_cursor_and_follows_it(database_url: str, tmp_path: Path) -> None:
    arguments = ("--database-url", database_url)
    async with running_server(database_url) as server, api_of(server) as api:
        await api.create_system()
        await api.create_incident("First")
        code, printed, _ = await run_command("events", *arguments, folder=folder(tmp_path, "all"))
        cursor = json.loads(printed.splitlines()[-1])["cursor"]
        follower = Command("events", "--follow", "--after", cursor, *arguments, folder=folder(tmp_path, "follow"))
        try:
            await api.create_incident("Second")
            await until(lambda: titles(follower.stdout) == ["Second"])
            await api.create_incident("Third")
            await until(lambda: titles(follower.stdout) == ["Second", "Third"])
            follower.interrupt()
            assert await follower.ended() == 130
            assert follower.stderr == ""
        finally:
            await follower.close()
    assert (code, titles(printed)) == (0, ["First"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def many(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database with more events than fit into a pipe, or the write to one that is closed would succeed."""
    file: Path = tmp_path_factory.mktemp("many") / "many.db"
    shutil.copy(sqlite_template, file)
    await fill(f"sqlite:///{file}", incidents=10)
    return file


#: Runs commands to their end, flushed buffers and all, in forks of one interpreter; of each output it reads a line.
PIPED = """
import json, os, sys
from gql.cli import main, work

for arguments in json.loads(sys.argv[1]):
    output, stdout = os.pipe()
    if not (child := os.fork()):
        os.dup2(stdout, sys.stdout.fileno())
        os.close(output)
        os.close(stdout)
        sys.argv = ["incidentql", *arguments]
        sys.exit(main())
    os.close(stdout)
    with os.fdopen(output) as lines:
        line = lines.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), line, end="", flush=True)
"""


async def test_events_ends_silently_when_its_pipe_is_closed(many: Path) -> None:
    read = ["events", "--database-url", f"sqlite:///{many}"]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", PIPED, json.dumps([read, [*read, "--follow"]])],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    outcomes = [line.partition(" ") for line in done.stdout.splitlines()]
    assert [(code, json.loads(event)["action"]) for code, _, event in outcomes] == [("0", "created")] * 2


async def test_schema_prints_the_schema_as_it_is_committed(tmp_path: Path) -> None:
    outcome = await run_command("schema", folder=tmp_path)
    assert outcome == (0, (ROOT / "schema.graphql").read_text(), "")


async def test_migrate_is_idempotent(empty_database_url: str, tmp_path: Path) -> None:
    for run in ("first", "second"):
        outcome = await run_command("migrate", "--database-url", empty_database_url, folder=folder(tmp_path, run))
        assert outcome == (0, "The database is up to date.\n", "")


async def refusal(
    tmp_path: Path, name: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, str, str]:
    # Later options win: each case names only what is wrong with it.
    usual = ("serve", "--port", "0", "--database-url", f"sqlite:///{tmp_path}/{name.replace(' ', '_')}.usual.db")
    return await run_command(*usual, *arguments, folder=folder(tmp_path, name), environment=environment)


def is_one_line(outcome: tuple[int, str, str], reason: str) -> bool:
    code, stdout, stderr = outcome
    return (
        code == 2
        and stdout == ""
        and stderr.startswith("incidentql: ")
        and stderr.count("\n") == 1
        and reason in stderr
    )


def folder(tmp_path: Path, name: str) -> Path:
    made = tmp_path / f"output of {name}"
    made.mkdir()
    return made


def speak_ascii() -> None:
    """Make the outputs of the process what they are on a terminal of ASCII: PYTHONIOENCODING counts at its start."""
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(encoding="ascii", errors="strict")


def signal_at_greeting(number: signal.Signals) -> None:
    """Let the process send itself a signal as soon as it says where it serves."""

    def greet(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)

    serving._greet = greet


def titles(printed: str) -> list[str]:
    changes = [json.loads(line) for line in printed.splitlines()]
    return [change["after"]["title"] for change in changes if change["kind"] == "incident"]


async def role_of(api: Api) -> str:
    return str((await api.run("{ viewer { role } }"))["viewer"]["role"])


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_an_ascii_terminal_gets_other_characters_escaped(tmp_path: Path, sqlite_template: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "few.db")
    (tmp_path / "few.yaml").write_text(
        "name: 'Fire → call'\ntriggers: [{event: incident.created}]\nactions: [{action: log, config: {message: Hi.}}]\n"
    )
    command = ("automations", "apply", str(tmp_path / "few.yaml"), "--database-url", f"sqlite:///{tmp_path}/few.db")
    code, stdout, stderr = await run_command(*command, folder=tmp_path, prepare=speak_ascii)
    assert (code, "Traceback" in stderr) == (0, False)
    assert "Fire \\u2192 call" in stdout
