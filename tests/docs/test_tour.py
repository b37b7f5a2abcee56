"""The README's five minutes, the tour and the guide's clients, run as a reader would paste them."""

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from gql.cli.profiles import target_of
from tests.docs.blocks import ROOT, text_of, tour_block
from tests.e2e.local import local_server
from tests.e2e.processes import run_command
from tests.e2e.server import Server, api_of, running_server
from tests.requirements_gate import CLIENTS

TOKEN = "a-long-secret-of-your-own"
_ADDRESS = re.compile(rb"serves (http://\S+)/graphql")
_SECONDS = 60
#: How long a watcher that may not be subscribed yet is given for a round of writes, at first.
_PATIENCE_SECONDS = 0.2
#: What a program does before its own text: wait a twentieth of its pauses between retries.
_HASTE_IN_PYTHON = "import time; pause = time.sleep; time.sleep = lambda seconds: pause(seconds / 20)\n"
_HASTE_IN_NODE = "data:text/javascript,Math.random = () => 0.05"

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl"))), reason="no bash or no curl on PATH")


@pytest.fixture
async def server(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Server]:
    """Start a server with the tour's admin token."""
    file = tmp_path / "tour.db"
    shutil.copy(sqlite_template, file)
    async with running_server(f"sqlite:///{file}", admin_token=TOKEN) as running:
        yield running


async def test_the_first_five_minutes_go_as_the_readme_says(tmp_path: Path) -> None:
    assert tour_block("start-again").text.splitlines()[1:] == tour_block("start").text.splitlines()[1:]
    async with started(tour_block("start").text, tmp_path) as url, watching(url, tmp_path, "watch") as watcher:
        received: list[str] = []
        patience = _PATIENCE_SECONDS
        while not received:  # events before it is subscribed are not sent
            printed = await run(url, tmp_path, "open")
            received = await lines_of(watcher, "data:", 1, seconds=patience)
            patience *= 2
        await run(url, tmp_path, "open", "automate")
        while "Search is unhealthy" not in received[-1]:
            received += await lines_of(watcher, "data:", 1)

    assert '"createIncident":{"incident":{"id":"inc_' in printed.splitlines()[-1]
    assert {kind_of(line) for line in received if line.startswith("data:")} == {"CREATED"}
    assert '"title":"Nobody can pay","status":"INVESTIGATING","severity":"MAJOR"' in "".join(received)


@asynccontextmanager
async def started(command: str, folder: Path) -> AsyncIterator[str]:
    """Start a server as the README does, with another file and port, and yield its address."""
    settings = {"INCIDENTQL_DATABASE_URL": f"sqlite:///{folder}/first.db", "INCIDENTQL_PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=ROOT, stdout=PIPE, env=os.environ | settings
    )
    async with ended(process):
        assert process.stdout is not None
        async with asyncio.timeout(2 * _SECONDS):
            while not (found := _ADDRESS.search(await process.stdout.readline())):
                pass
        yield found[1].decode()


async def test_the_tour_writes_and_shows_what_it_wrote(server: Server, tmp_path: Path) -> None:
    printed = await run(server.url, tmp_path, "write")

    assert '"reference":"INC-1"' in printed
    assert '"severity":"CRITICAL","version":3' in printed
    assert '"status":"RESOLVED"' in printed.splitlines()[-2]
    assert '"message":"One provider answers late."' in printed.splitlines()[-1]
    assert '"code"' not in printed
    assert [name for name in names_in(tmp_path) if not name.startswith("tour.db")] == []


async def test_the_tours_own_automation_is_applied_with_its_secret(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "alert.yaml"
    file.write_text(text_of("alert.yaml", server.url))
    apply = ("automations", "apply", str(file), "--database-url", f"sqlite:///{tmp_path}/tour.db")
    without = await run_command(*apply, folder=folder_in(tmp_path, "without"))
    printed = await run(server.url, tmp_path, "write", "secret")
    with_it = await run_command(*apply, folder=folder_in(tmp_path, "with"))

    assert text_of("apply", server.url).split()[-4:] == [".venv/bin/incidentql", "automations", "apply", "alert.yaml"]
    assert "The secret CHAT does not exist yet" in without[2]
    assert '"createSecret":{"secret":{"name":"CHAT"},"userErrors":[]}' in printed.splitlines()[-1]
    assert (with_it[0], with_it[2]) == (0, "")


async def test_the_tour_gives_a_token_to_a_program(server: Server, tmp_path: Path) -> None:
    printed = await run(server.url, tmp_path, "write", "tokens")

    assert '"createToken":{"secret":"iql_' in printed.splitlines()[-2]
    assert '"name":"monitoring","role":"RESPONDER"' in printed.splitlines()[-1]


async def test_the_tour_shows_a_refusal(server: Server, tmp_path: Path) -> None:
    printed = await run(server.url, tmp_path, "write", "refusal")

    assert '"code":"BAD_USER_INPUT","field":["title"]' in printed.splitlines()[-1]


async def test_the_tour_watches_over_sse_and_resumes_after_the_last_event(server: Server, tmp_path: Path) -> None:
    async with watching(server.url, tmp_path, "sse") as watcher:
        received = await lines_after_writes(watcher, server, tmp_path)
    async with watching(server.url, tmp_path, "write", "last", "write", "sse-resume") as watcher:
        missed = await lines_of(watcher, "data:", 3)
        assert not [line for line in await lines_of(watcher, "data:", 1, seconds=0.3) if line.startswith("data:")]

    assert [kind_of(line) for line in received] == ["CREATED", "UPDATED", "RESOLVED"]
    assert [kind_of(line) for line in missed if line.startswith("data:")] == ["CREATED", "UPDATED", "RESOLVED"]


async def test_the_tours_automation_opens_an_incident_and_resolves_it_over_a_kill(
    server: Server, tmp_path: Path
) -> None:
    await run(server.url, tmp_path, "write", "automation")
    opened = await newest_incident(server, "INVESTIGATING")
    await server.restart()
    printed = await run(server.url, tmp_path, "write", "recovery")
    resolved = await newest_incident(server, "RESOLVED", of=opened["reference"])

    assert '"name":"Sustained"' in printed.splitlines()[-1]
    assert (opened["title"], opened["openedBy"]["name"]) == ("Payments is unhealthy", "Sustained")
    assert resolved["updates"]["nodes"][0]["message"] == "It stayed healthy for 2 seconds."


async def test_the_guides_client_in_python_follows_over_a_kill(server: Server, tmp_path: Path) -> None:
    script = text_of("follow.py", server.url)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HASTE_IN_PYTHON + script, stdout=PIPE, env=os.environ | {"TOKEN": TOKEN}
    )
    async with ended(process):
        received = await lines_after_writes(process, server, tmp_path)
        await server.restart()
        await run(server.url, tmp_path, "write")
        missed = await lines_of(process, "", 3)

    assert [line.split()[0] for line in (*received, *missed)] == ["CREATED", "UPDATED", "RESOLVED"] * 2
    assert len({line.split()[1] for line in missed}) == 1


@pytest.mark.node
async def test_the_guides_query_prints_the_open_incidents(server: Server, node: list[str], tmp_path: Path) -> None:
    await run(server.url, tmp_path, "write")
    async with api_of(server, TOKEN) as api:
        await api.create_incident("Slow")
    process = await asyncio.create_subprocess_exec(
        *node, "--input-type=module", "-", stdin=PIPE, stdout=PIPE, env=os.environ | {"TOKEN": TOKEN}
    )
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate(text_of("query.mjs", server.url).encode())

    assert printed.decode() == "INC-2 INVESTIGATING Slow\n"


def test_the_profiles_of_the_page_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text(tour_block("profiles.toml").text)
    file.chmod(0o600)
    for name, url in (
        ("default", "https://incidents.example.com"),
        ("staging", "https://staging.example.com/incidents"),
    ):
        target = target_of(server=None, token=None, profile=name, environment={"INCIDENTQL_PROFILES": str(file)})
        assert (target.name, (target.token or "")[:7]) == (url, "iql_of_")


@pytest.mark.node
async def test_the_clients_file_works_in_node(server: Server, node: list[str], tmp_path: Path) -> None:
    async with api_of(server, TOKEN) as api:
        await api.create_system()
        (tmp_path / "client.mjs").write_text((await api.get("/client.js")).text)
    (tmp_path / "work.mjs").write_text(text_of("work.mjs", server.url))
    process = await asyncio.create_subprocess_exec(
        *node, "work.mjs", cwd=tmp_path, stdout=PIPE, env=os.environ | {"TOKEN": TOKEN}
    )
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate()
    assert (process.returncode, printed.decode()) == (0, "CREATED Slow\n")


@pytest.mark.node
async def test_the_clients_file_keeps_a_list_in_node(server: Server, node: list[str], tmp_path: Path) -> None:
    async with api_of(server, TOKEN) as api:
        await api.create_system()
        await api.create_incident("Slow")
        (tmp_path / "client.mjs").write_text((await api.get("/client.js")).text)
        (tmp_path / "list.mjs").write_text(text_of("list.mjs", server.url))
        process = await asyncio.create_subprocess_exec(
            *node, "list.mjs", cwd=tmp_path, stdout=PIPE, env=os.environ | {"TOKEN": TOKEN}
        )
        async with ended(process):
            lines = await lines_of(process, "1 ", 1)
            await server.restart()
            await api.create_incident("Nobody can pay", severity="CRITICAL")
            lines += await lines_of(process, "2 ", 1)
            await api.create_incident("Down", severity="MINOR", healthOverride="UNHEALTHY")
            lines += await lines_of(process, "unwell: Payments UNHEALTHY$", 1)
    # A client that is back before the second incident may start over, and then shows the first list again.
    of_incidents = [list_shown for list_shown, _ in groupby(line for line in lines if line[0].isdigit())]
    assert of_incidents[:2] == ["1 Slow", "2 Nobody can pay, Slow"]


@pytest.mark.chromium
@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_of_the_clients_file_shows_incidents_as_they_come(browser: Browser) -> None:
    async with local_server() as server, api_of(server) as api:
        await api.create_system()
        page = await browser.new_page()
        # Chromium lets no page reach this machine by a WebSocket that did not come from it, as what tests make up.
        await page.goto(f"{server.url}/livez")
        await page.set_content(text_of("page.html", server.url))
        await expect(page.locator("#state")).to_have_text("live")
        incident = await api.create_incident("Slow")
        await expect(page.locator("li")).to_have_text("INC-1 Slow: INVESTIGATING")
        await api.write("resolveIncident", id=incident)
        await expect(page.locator("li")).to_have_text("INC-1 Slow: RESOLVED")
        await page.close()


@pytest.mark.node
async def test_the_tour_watches_with_the_official_client_over_a_kill(
    server: Server, node: list[str], tmp_path: Path
) -> None:
    script = CLIENTS / f"tour-{tmp_path.name}.mjs"  # beside node_modules, where imports are found
    script.write_text(text_of("watch.mjs", server.url))
    try:
        process = await asyncio.create_subprocess_exec(
            *node,
            "--import",
            _HASTE_IN_NODE,
            str(script),
            cwd=CLIENTS,
            stdout=PIPE,
            stderr=PIPE,
            env=os.environ | {"TOKEN": TOKEN},
        )
        async with ended(process):
            received = await lines_after_writes(process, server, tmp_path)
            await server.kill()
            assert process.stderr is not None
            async with asyncio.timeout(_SECONDS):
                # The first is the end of the connection, the others are refused.
                closed = [await process.stderr.readline() for _ in range(3)]
            await server.start()
            await run(server.url, tmp_path, "write")
            missed = await lines_of(process, "", 3)
            await run(server.url, tmp_path, "write")
            later = await lines_of(process, "", 3)
    finally:
        script.unlink()

    assert closed == [b"closed: 1006\n"] * 3
    places = [line.split()[-1] for line in (*received, *missed, *later)]
    assert len(set(places)) == len(places)
    for lines in (received, missed, later):
        assert [line.split()[0] for line in lines] == ["CREATED", "UPDATED", "RESOLVED"]
        assert len({line.split()[1] for line in lines}) == 1


async def newest_incident(server: Server, status: str, *, of: str | None = None) -> dict[str, Any]:
    """Wait until the newest incident of an automation, or the one of a reference, has a status, and return it."""
    query = """{ incidents(filter: {includeResolved: true}) { nodes {
        reference title status openedBy { name } updates { nodes { message } } } } }"""
    async with asyncio.timeout(_SECONDS), api_of(server, TOKEN) as api:
        while True:
            found = (await api.run(query))["incidents"]["nodes"]
            for incident in found:
                wanted = incident["openedBy"]["name"] == "Sustained" if of is None else incident["reference"] == of
                if wanted and incident["status"] == status:
                    return dict(incident)
            await asyncio.sleep(0.05)


def names_in(folder: Path) -> list[str]:
    """Return the names of a folder's files."""
    return [file.name for file in folder.iterdir()]


def folder_in(folder: Path, name: str) -> Path:
    """Create a folder."""
    made = folder / name
    made.mkdir()
    return made


async def run(url: str, folder: Path, *names: str) -> str:
    """Run blocks in one shell and return their output."""
    return await run_text("\n".join(text_of(name, url) for name in names), folder)


async def run_text(script: str, folder: Path) -> str:
    """Run a script and return its output."""
    process = await asyncio.create_subprocess_exec("bash", "-c", script, cwd=folder, stdout=PIPE)
    async with asyncio.timeout(_SECONDS):
        printed, _ = await process.communicate()
    return printed.decode().strip()


@asynccontextmanager
async def watching(url: str, folder: Path, *names: str) -> AsyncIterator[Process]:
    """Run blocks in one shell, yield the process of the last one, and stop it at the end."""
    *first, last = (text_of(name, url).strip() for name in names)
    script = "\n".join([*first, f"exec {last.splitlines()[-1]}"])
    process = await asyncio.create_subprocess_exec("bash", "-c", script, cwd=folder, stdout=PIPE)
    async with ended(process):
        yield process


@asynccontextmanager
async def ended(process: Process) -> AsyncIterator[None]:
    """Kill the process at the end."""
    try:
        yield
    finally:
        process.kill()
        await process.communicate()


async def lines_after_writes(watcher: Process, server: Server, folder: Path) -> list[str]:
    """Return the lines that a watcher prints for a round of writes, once it is subscribed."""
    patience = _PATIENCE_SECONDS
    while True:
        written = re.findall(r'"reference":"(\w+-\d+)"', await run(server.url, folder, "write"))[0]
        lines = await lines_of(watcher, rf".*\b{written}\b", 3, seconds=patience)
        found = [line for line in lines if re.search(rf"\b{written}\b", line)]
        if len(found) == 3:
            return found
        patience *= 2


async def lines_of(process: Process, pattern: str, count: int, *, seconds: float = _SECONDS) -> list[str]:
    """Return all lines until `count` of them match from their start, or until a timeout."""
    assert process.stdout is not None
    lines: list[str] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while sum(re.match(pattern, line) is not None for line in lines) < count:
                line = (await process.stdout.readline()).decode().strip()
                if line:
                    lines.append(line)
    return lines


def kind_of(line: str) -> str:
    """Return the event's type."""
    found = re.search(r'"type":"(\w+)"', line)
    assert found is not None, line
    return found.group(1)
