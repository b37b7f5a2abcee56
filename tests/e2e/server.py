"""Real servers for tests: started, killed and restarted on one port and database, their output kept."""

import asyncio
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import httpx

from tests.e2e.api import Api
from tests.e2e.processes import Command, cpu_seconds_of

TOKEN = "an-admin-token-for-tests"
START_SECONDS = 60
_ADDRESS = re.compile(r"serves (http://\S+)/graphql")
#: Below the range that outgoing connections take their ports from: a port must still be free for the restart.
_PORTS = range(20_000, 32_000)


class Addressed(Protocol):
    """A server that runs somewhere."""

    url: str

    @property
    def graphql_url(self) -> str:
        """The URL of the endpoint."""


class Server:
    """A server at one address, with one process at a time."""

    def __init__(self, database_url: str, folder: Path, **settings: str | None) -> None:
        self._arguments = ("serve", "--port", str(free_port()), "--database-url", database_url)
        self._folder = folder
        self._environment = {
            f"INCIDENTQL_{name.upper()}": value
            for name, value in ({"admin_token": TOKEN} | settings).items()
            if value is not None
        }
        self._command: Command | None = None
        self.url = ""
        #: How long the next start may take.
        self.start_seconds: float = START_SECONDS
        #: Options of the command line for the next process.
        self.options: Sequence[str] = ()
        #: A function that the next process calls before it begins.
        self.prepare: Callable[[], None] | None = None

    @property
    def pid(self) -> int:
        """The id of the present process."""
        return self._running.pid

    @property
    def resident_megabytes(self) -> float:
        """The memory of the present process."""
        return self._running.resident_megabytes

    @property
    def graphql_url(self) -> str:
        """The URL of the endpoint."""
        return f"{self.url}/graphql"

    @property
    def websocket_url(self) -> str:
        """The URL of the endpoint for WebSockets."""
        return self.graphql_url.replace("http://", "ws://")

    @property
    def stdout(self) -> str:
        """The standard output of all its processes."""
        return self._running.stdout

    @property
    def stderr(self) -> str:
        """The standard error of all its processes."""
        return self._running.stderr

    @property
    def cpu_seconds(self) -> float:
        """The CPU seconds of the present process."""
        return self._running.cpu_seconds

    @property
    def workers(self) -> list[int]:
        """The processes that the present process started."""
        return [int(each) for each in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def cpu_seconds_of_all(self) -> float:
        """The CPU seconds of its workers and itself."""
        return self.cpu_seconds + sum(map(cpu_seconds_of, self.workers))

    async def workers_serve(self, count: int) -> None:
        """Wait until it has so many workers; a single one is the process itself."""
        async with asyncio.timeout(self.start_seconds):
            while count > 1 and len(self.workers) < count:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)

    async def start(self) -> None:
        """Start it and wait until it answers."""
        self._command = Command(
            *self._arguments, *self.options, folder=self._folder, environment=self._environment, prepare=self.prepare
        )
        deadline = time.monotonic() + self.start_seconds
        while not (found := _ADDRESS.search(self._running.stdout)):
            self._check_start(deadline)
            await asyncio.sleep(0.01)
        self.url = found[1]
        async with httpx.AsyncClient(verify=False) as client:
            while not await _is_healthy(client, self.url):
                self._check_start(deadline)
                await asyncio.sleep(0.01)

    @property
    def has_ended(self) -> bool:
        """Return whether the server's process has ended."""
        return self._running.has_ended

    def freeze(self) -> None:
        """Suspend its process with SIGSTOP."""
        self._running.freeze()

    def thaw(self) -> None:
        """Resume its process with SIGCONT."""
        self._running.thaw()

    async def kill(self) -> None:
        """Kill its process with SIGKILL."""
        self._running.kill()
        await self._running.ended()
        await self._running.close()

    async def restart(self) -> None:
        """Kill its process with SIGKILL and start another."""
        await self.kill()
        await self.start()

    def terminate(self) -> None:
        """Send its process SIGTERM."""
        self._running.terminate()

    async def ended(self) -> int:
        """Wait for the end of its process and return the exit code."""
        return await self._running.ended()

    async def close(self) -> None:
        """Kill its process if it still runs."""
        if self._command is not None:
            await self._command.close()

    @property
    def _running(self) -> Command:
        assert self._command is not None, "start it first"
        return self._command

    def _check_start(self, deadline: float) -> None:
        assert not self._running.has_ended, f"the server did not start:\n{self.stderr}"
        assert time.monotonic() < deadline, f"the server does not answer:\n{self.stderr}"


@asynccontextmanager
async def running_server(
    database_url: str,
    *,
    may_complain: bool = False,
    prepare: Callable[[], None] | None = None,
    options: Sequence[str] = (),
    **settings: str | None,
) -> AsyncIterator[Server]:
    """Start a server that answers; settings of None are left out, `prepare` is called first, in its process.

    `options` are those of the command line.

    At the end there must be no trace of a bug in what it printed, unless it may complain.
    """
    with TemporaryDirectory(prefix="incidentql-server-") as folder:
        server = Server(database_url, Path(folder), **settings)
        server.options = options
        server.prepare = prepare
        try:
            await server.start()
            yield server
        finally:
            await server.close()
        assert may_complain or "Traceback" not in server.stderr, server.stderr
        assert may_complain or "database is locked" not in server.stderr, server.stderr


@asynccontextmanager
async def api_of(server: Addressed, token: str = TOKEN) -> AsyncIterator[Api]:
    """Yield a client of a server's API, as its admin by default."""
    headers = {"authorization": f"Bearer {token}"}
    # Loading certificates would take more CPU than a hundred requests.
    async with httpx.AsyncClient(headers=headers, timeout=60, verify=False) as client:
        yield Api(client, server.graphql_url)


def free_port() -> int:
    """Return a port that nobody uses, below those that outgoing connections take."""
    while True:
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


async def _is_healthy(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health", timeout=5)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
