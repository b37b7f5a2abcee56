"""The commands that call a server: they open, resolve and watch, and say in one line what is wrong."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.e2e.api import Api
from tests.e2e.processes import Command, run_command
from tests.e2e.server import TOKEN, Server, api_of, running_server
from tests.gql.transport.sockets import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SECONDS = 60


async def test_an_incident_is_opened_once_acknowledged_and_resolved_by_its_reference(
    server: Server, tmp_path: Path
) -> None:
    made = [await called(server, tmp_path / name, *_open("--key", "alert-1", "--json")) for name in ("first", "again")]
    first, again = (json.loads(text) for text in made)
    assert (first["incident"]["title"], first["incident"]["severity"]) == ("Nobody can pay", "CRITICAL")
    assert again == first
    reference = first["incident"]["reference"]
    taken = json.loads(await called(server, tmp_path / "ack", "ack", reference, "--json"))
    assert taken["incident"] == first["incident"]
    assert taken["cursor"] > first["cursor"]
    assert f"incidentql: {reference} has been acknowledged since " in await _complaint(
        server, tmp_path / "ack-twice", "ack", reference
    )
    shown = await called(server, tmp_path / "resolve", "resolve", reference, "--message", "It is back.")
    assert shown == f"{reference}  CRITICAL  RESOLVED  Nobody can pay  (payments)\n"
    for command in ("ack", "resolve"):
        complaint = await _complaint(server, tmp_path / f"{command}-again", command, reference)
        assert complaint == f"incidentql: {reference} is resolved already; nothing was done.\n"
    for name in (reference.lower(), reference.partition("-")[2], first["incident"]["id"]):
        assert reference in await _complaint(server, tmp_path / name, "resolve", name)


async def _complaint(server: Server, folder: Path, *arguments: str) -> str:
    await asyncio.to_thread(folder.mkdir)
    code, _, complaint = await run_command(*arguments, folder=folder, environment=shell_of(server))
    assert code == 0
    return complaint


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("resolve", "INC-999"), {}, "There is no incident INC-999."),
        (("resolve", "inc_nonsense"), {}, "There is no incident inc_nonsense."),
        (("ack", "99999999999"), {}, "There is no incident 99999999999."),
        (("ack", "9" * 5000), {}, "There is no incident 999"),
        (("open", "Slow", "--system", "nonsense"), {}, "id or key 'nonsense'. (UNKNOWN_SYSTEM)"),
        (("open", "", "--system", "payments"), {}, "(BAD_USER_INPUT)"),
        (("watch",), {"INCIDENTQL_TOKEN": "wrong"}, "(UNAUTHENTICATED)"),
        (("watch", "--after", "nonsense"), {}, "This cursor is not valid here."),
        (("watch",), {"INCIDENTQL_SERVER": "http://127.0.0.1:9"}, "http://127.0.0.1:9 does not answer: "),
        (("watch", "--server", "nonsense"), {}, "begin with http:// or https://"),
        (("watch", "--profile", "nonsense"), {}, "There is no profile 'nonsense'"),
        (("watch", "--cursor-file", "/"), {}, "/ cannot be read: "),
        (("watch", "--cursor-file", "/nonexistent/cursor"), {}, "/nonexistent/cursor cannot be written: "),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
async def test_what_is_wrong_is_said_in_one_line(
    server: Server, tmp_path: Path, arguments: Sequence[str], environment: dict[str, str], said: str
) -> None:
    code, out, complaint = await run_command(*arguments, folder=tmp_path, environment=shell_of(server) | environment)
    assert (code, out) == (2, "")
    assert complaint.startswith("incidentql: ")
    assert said in complaint
    assert complaint.count("\n") == 1


async def test_a_server_that_is_none_of_ours_is_named(server: Server, tmp_path: Path) -> None:
    environment = shell_of(server) | {"INCIDENTQL_SERVER": f"{server.url}/nonsense"}
    code, _, complaint = await run_command("resolve", "1", folder=tmp_path, environment=environment)
    assert (code, complaint) == (
        2,
        f"incidentql: {server.url}/nonsense answered 404, which is no answer of IncidentQL.\n",
    )


async def test_a_watch_misses_nothing_over_a_kill_of_the_server_and_its_own(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "incidents.db")
    watching = ("watch", "--all", "--json", "--cursor-file", str(tmp_path / "cursor"))
    async with running_server(f"sqlite:///{tmp_path}/incidents.db") as server, api_of(server) as api:
        await api.create_system()
        written: list[str] = []
        command = await begun(watching, server, tmp_path, api, written)
        await server.restart()
        written += [await api.create_incident(f"Missed {number}") for number in range(2)]
        await shown(command, written)
        # What it has shown and not kept yet, it would show again.
        last = json.loads(command.stdout.splitlines()[-1])["cursor"]
        await until(lambda: (tmp_path / "cursor").read_text().strip() >= last)
        command.kill()
        await command.ended()
        written.append(await api.create_incident("While it was away"))
        again = Command(*watching, folder=tmp_path, environment=shell_of(server))
        await shown(again, written)
        again.interrupt()
        assert await again.ended() == 130
        await command.close()
        await again.close()
    first, *others = again.stderr.splitlines()
    assert first.endswith("Trying again.")
    assert others == ["incidentql: The connection is back."]


async def test_a_watch_shows_a_line_for_each_event_of_its_systems(server: Server, api: Api, tmp_path: Path) -> None:
    await api.create_system("search")
    after = (await api.run("{ cursor }"))["cursor"]
    await api.create_incident("Elsewhere")
    incident = await api.create_incident("Finds nothing", systemIds=["search"])
    await api.write("resolveIncident", id=incident)
    command = Command("watch", "--system", "search", "--after", after, folder=tmp_path, environment=shell_of(server))
    try:
        lines = await lines_of(command, 2)
    finally:
        await command.close()
    assert [line.split()[1] for line in lines] == ["CREATED", "RESOLVED"]
    assert lines[0].endswith("MAJOR  RESOLVED  Finds nothing  (search)")


def _open(*more: str) -> tuple[str, ...]:
    return ("open", "Nobody can pay", "--system", "payments", "--severity", "CRITICAL", *more)


def shell_of(server: Server) -> dict[str, str]:
    """Return the environment of a user of a server."""
    return {"INCIDENTQL_SERVER": server.url, "INCIDENTQL_TOKEN": TOKEN, "HOME": "/nonexistent"}


async def called(server: Server, folder: Path, *arguments: str) -> str:
    """Return what a command prints that succeeds."""
    await asyncio.to_thread(folder.mkdir)
    code, out, complaint = await run_command(*arguments, folder=folder, environment=shell_of(server))
    assert (code, complaint) == (0, "")
    return out


async def begun(arguments: Sequence[str], server: Server, folder: Path, api: Api, written: list[str]) -> Command:
    """Start a watch and write until it shows something: what was written before it began is not sent."""
    command = Command(*arguments, folder=folder, environment=shell_of(server))
    while not command.stdout:
        assert not command.has_ended, command.stderr
        written.append(await api.create_incident("Before"))
        await asyncio.sleep(0.2)
    first = json.loads(command.stdout.splitlines()[0])["incidentId"]
    del written[: written.index(first)]
    return command


async def shown(command: Command, written: list[str]) -> None:
    """Wait until a watch has shown all incidents, each once and in order."""
    lines = await lines_of(command, len(written))
    events: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert [event["incidentId"] for event in events] == written
    assert sorted(event["cursor"] for event in events) == [event["cursor"] for event in events]


async def lines_of(command: Command, count: int) -> list[str]:
    """Wait until a command has printed so many lines, and return all."""
    async with asyncio.timeout(_SECONDS):
        while True:
            lines = command.stdout.splitlines()
            if len(lines) >= count:
                return lines
            assert not command.has_ended, command.stderr
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Yield a server."""
    url = f"sqlite:///{tmp_path_factory.mktemp('remote')}/incidents.db"
    async with running_server(url, sqlite_synchronous="NORMAL") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def api(server: Server) -> AsyncIterator[Api]:
    """Yield its admin, once it has the system `payments`."""
    async with api_of(server) as caller:
        await caller.create_system()
        yield caller
