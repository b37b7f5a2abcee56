"""The servers under measurement, each a process of its own on core 0."""

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PEERS = FOLDER / "peers"
ROOT = FOLDER.parent.parent
TOKEN = "a-token-for-the-benchmark"
SERVER_CORE, CLIENT_CORE = 0, 1
# On a machine that is busy with much else, a start takes that long.
_START_SECONDS = 60
_INSTALL_SECONDS = 240
_STOP_SECONDS = 20
_MOST_FILES = 16_384
_CREATE_SYSTEM = 'mutation { createSystem(input: {key: "payments", name: "Payments"}) { system { id } } }'


class MissingError(Exception):
    """A peer's requirement that this machine lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server, and the load that fits into the time of a run."""

    name: str
    script: str
    #: The optimisations to take away from our server.
    without: tuple[str, ...] = ()
    most_messages: int = 1_000_000
    most_sockets: int = 1_000_000
    #: It is so far behind that one round is enough.
    rounds: int = 99

    @property
    def is_ours(self) -> bool:
        """Return whether the peer is IncidentQL, with its database."""
        return self.script == "incidentql.py"

    def command(self, port: int, folder: Path) -> list[str]:
        """Return the command that starts it.

        Raises:
            MissingError: it needs Node or packages that are not there.
        """
        if self.script.endswith(".mjs"):
            return [_node(), str(PEERS / self.script), str(port)]
        more = [str(folder / "bench.db"), TOKEN, *self.without] if self.is_ours else []
        return [sys.executable, str(PEERS / self.script), str(port), *more]


RAW = Peer(name="raw wire", script="raw.py")
OURS = Peer(name="ours wire", script="incidentql.py")
#: Against `raw wire`, what an event takes here besides delivering and what it takes alone, most likely because a
#: fan-out leaves the processor's cache cold. Against `ours wire`, what delivering takes beyond the writes.
BARE = Peer(name="ours bare writes", script="incidentql.py", without=("delivery",))
ASGI = Peer(name="ours plain ASGI", script="incidentql.py", without=("wire",), rounds=1)
ALONE = Peer(
    name="ours per socket",
    script="incidentql.py",
    without=("sharing",),
    most_messages=3000,
    most_sockets=1000,
    rounds=1,
)
INLINE = Peer(name="ours without slices", script="incidentql.py", without=("slices",))
GRAPHQL_WS = Peer(name="node graphql-ws", script="graphql-ws.mjs", most_messages=40_000, rounds=1)
MERCURIUS = Peer(name="node mercurius", script="mercurius.mjs", most_messages=40_000, rounds=1)
ALL = (RAW, OURS, BARE, ASGI, ALONE, GRAPHQL_WS, MERCURIUS)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers requests."""

    port: int
    pid: int


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[Running]:
    """Start a server with an empty database.

    Raises:
        MissingError: it cannot run here.
        RuntimeError: it did not start.
    """
    for old in folder.glob("bench.db*"):
        old.unlink()
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *peer.command(port, folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_start(process, port, log)
        if peer.is_ours:
            post(port, {"query": _CREATE_SYSTEM})
        yield Running(port, process.pid)
    finally:
        # Not gently: closing thousands of sockets one by one is no part of what is measured.
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def post(port: int, body: dict[str, Any]) -> Any:
    """Return the answer to one GraphQL request over HTTP."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=_STOP_SECONDS) as response:
        answer = json.load(response)
    if "errors" in answer:
        raise RuntimeError(answer["errors"])
    return answer


def raise_file_limit() -> None:
    """Raise the limit of open files as far as this machine allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def install_node_peers(folder: Path = PEERS) -> str | None:
    """Install the locked packages of Node peers once, and return why they cannot run, if so."""
    try:
        _node()
    except MissingError as error:
        return str(error)
    lock, stamp = folder / "package-lock.json", folder / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
        return None
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        return f"npm ci failed: {error}"
    stamp.write_bytes(lock.read_bytes())
    return None


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        raise MissingError("no node on PATH")
    return found


def free_port() -> int:
    """Return a port that no process listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def await_start(process: subprocess.Popen[bytes], port: int, log: Path, *, seconds: float = _START_SECONDS) -> None:
    """Wait until the process listens on the port.

    Raises:
        RuntimeError: the process ended, or took too long.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"it did not start: {log.read_text()[-600:]}")
