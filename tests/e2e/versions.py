"""Versions of this program side by side: this checkout and others out of its history, each in processes of its own."""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.server import START_SECONDS, free_port

ROOT = Path(__file__).parents[2]
_MIGRATIONS = "domain/persistence/migrations/versions"
_STOP_SECONDS = 60


class NoHistoryError(Exception):
    """A checkout without the commits that are asked for, such as a shallow clone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the program: its code, and an interpreter with what it requires."""

    name: str
    folder: Path
    python: Path

    async def run(self, *arguments: str, settings: Mapping[str, str]) -> tuple[int, str]:
        """Run a command that ends by itself and return its exit code and all that it printed."""
        process = await asyncio.create_subprocess_exec(
            self.python,
            *("-m", "gql.cli", *arguments),
            cwd=self.folder,
            env=self.environment(settings),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of its processes."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INCIDENTQL_")}
        named = {f"INCIDENTQL_{name.upper()}": value for name, value in settings.items()}
        return inherited | named | {"PYTHONPATH": str(self.folder), "PYTHONUNBUFFERED": "1"}


class Running:
    """A server of a version, with one process at a time and the log of all of them."""

    def __init__(self, version: Version, folder: Path, settings: Mapping[str, str]) -> None:
        self.version = version
        self._file = folder / f"{free_port()}.log"
        self._port = int(self._file.stem)
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def graphql_url(self) -> str:
        """The URL of the endpoint."""
        return f"http://127.0.0.1:{self._port}/graphql"

    @property
    def websocket_url(self) -> str:
        """The URL of the endpoint for WebSockets."""
        return self.graphql_url.replace("http://", "ws://")

    @property
    def log(self) -> str:
        """The output of all its processes."""
        return self._file.read_text()

    async def start(self) -> float:
        """Start a process, wait until it is ready, and return how many seconds that took."""
        began = time.monotonic()
        with self._file.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                self.version.python,
                *("-m", "gql.cli", "serve", "--port", str(self._port)),
                cwd=self.version.folder,
                env=self.version.environment(self._settings),
                stdout=output,
                stderr=output,
            )
        self.starts += 1
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(verify=False) as client:
            while not await self._is_ready(client):
                assert self._process.returncode is None, f"{self.version.name} did not start:\n{self.log}"
                await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def stop(self) -> int:
        """End its process with SIGTERM and return the exit code."""
        assert self._process is not None
        self._process.terminate()
        return await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)

    async def close(self) -> None:
        """Kill its process if it still runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        with suppress(httpx.TransportError):
            return (await client.get(self.graphql_url.replace("/graphql", "/readyz"), timeout=5)).is_success
        return False


def this_version() -> Version:
    """Return the version of this checkout."""
    return Version(name="this version", folder=ROOT, python=Path(sys.executable))


def checked_out(revision: str, folder: Path) -> Version:
    """Return the version of a revision of this checkout's history, its code written into a folder.

    Where it requires a package, or a release of one, that this environment lacks, it gets one of its own.

    Raises:
        NoHistoryError: there is no such revision.
    """
    commit = _git("rev-parse", "--short", "--verify", f"{revision}^{{commit}}").strip()
    with tarfile.open(fileobj=io.BytesIO(_read("archive", "--format=tar", commit))) as archive:
        archive.extractall(folder, filter="data")
    python = Path(sys.executable)
    if set(_pins(folder)) - set(_pins(ROOT)):
        python = _environment_of(folder)
    return Version(name=commit, folder=folder, python=python)


def before_newest_migration() -> str:
    """Return the last revision whose schema is older than this one's.

    Raises:
        NoHistoryError: the history does not go back so far.
    """
    added = _git("log", "-1", "--diff-filter=A", "--format=%H", "--", _MIGRATIONS).strip()
    return f"{added}^"


def _environment_of(folder: Path) -> Path:
    made = folder / ".venv"
    for command in (
        (sys.executable, "-m", "venv", str(made)),
        (made / "bin" / "pip", "install", "--quiet", "--require-hashes", "-r", str(folder / "requirements.lock")),
        (made / "bin" / "pip", "install", "--quiet", "--no-deps", "--editable", str(folder)),
    ):
        subprocess.run(command, check=True)
    return made / "bin" / "python"


def _pins(folder: Path) -> Sequence[str]:
    lines = (folder / "requirements.lock").read_text().splitlines()
    return [line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))]


def _git(*arguments: str) -> str:
    return _read(*arguments).decode()


def _read(*arguments: str) -> bytes:
    done = subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise NoHistoryError(done.stderr.decode().strip())
    return done.stdout
