"""Real servers for tests: started, killed, restarted on the same port and database, their output kept."""

import asyncio
import random
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.e2e.api import Api
from tests.e2e.processes import Command

TOKEN = "an-admin-token-for-tests"
START_SECONDS = 60
_ADDRESS = re.compile(r"serves (http://\S+)/graphql")
#: Below the range that outgoing connections take their ports from: a port must still be free for the restart.
_PORTS = range(20_000, 32_000)


class Server:
    """One server process at a time, always at the same address."""

    def __init__(self, database_url: str, folder: Path, **settings: str | None) -> None:
        self._arguments = ("serve", "--port", str(_free_port()), "--database-url", database_url)
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
        #: What the next process does before it begins.
        self.prepare: Callable[[], None] | None = None

    @property
    def graphql_url(self) -> str:
        """The endpoint."""
        return f"{self.url}/graphql"

    @property
    def websocket_url(self) -> str:
        """The endpoint for WebSockets."""
        return self.graphql_url.replace("http://", "ws://")

    @property
    def stdout(self) -> str:
        """What all processes of this server printed."""
        return self._running.stdout

    @property
    def stderr(self) -> str:
        """What all processes of this server complained of."""
        return self._running.stderr

    @property
    def cpu_seconds(self) -> float:
        """How much CPU the present process has used."""
        return self._running.cpu_seconds

    async def start(self) -> None:
        """Start it, and return when it answers."""
        self._command = Command(
            *self._arguments, folder=self._folder, environment=self._environment, prepare=self.prepare
        )
        deadline = time.monotonic() + self.start_seconds
        while not (found := _ADDRESS.search(self._running.stdout)):
            self._check_start(deadline)
            await asyncio.sleep(0.01)
        self.url = found[1]
        async with httpx.AsyncClient() as client:
            while not await _is_healthy(client, self.url):
                self._check_start(deadline)
                await asyncio.sleep(0.01)

    @property
    def has_ended(self) -> bool:
        """Whether its process is over."""
        return self._running.has_ended

    def freeze(self) -> None:
        """Stop its process where it is."""
        self._running.freeze()

    def thaw(self) -> None:
        """Let its process go on."""
        self._running.thaw()

    async def kill(self) -> None:
        """`kill -9`."""
        self._running.kill()
        await self._running.ended()
        await self._running.close()

    async def restart(self) -> None:
        """`kill -9`, then start anew."""
        await self.kill()
        await self.start()

    def terminate(self) -> None:
        """SIGTERM."""
        self._running.terminate()

    async def ended(self) -> int:
        """The exit code, once the process is over."""
        return await self._running.ended()

    async def close(self) -> None:
        """Leave nothing running."""
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
    **settings: str | None,
) -> AsyncIterator[Server]:
    """A server that answers; a setting that is None is left out, `prepare` is called in its process first.

    At the end there must be no trace of a bug in what it printed, unless it may complain.
    """
    with TemporaryDirectory(prefix="incidentql-server-") as folder:
        server = Server(database_url, Path(folder), **settings)
        server.prepare = prepare
        try:
            await server.start()
            yield server
        finally:
            await server.close()
        assert may_complain or "Traceback" not in server.stderr, server.stderr
        assert may_complain or "database is locked" not in server.stderr, server.stderr


@asynccontextmanager
async def api_of(server: Server, token: str = TOKEN) -> AsyncIterator[Api]:
    """The API of a server, as its admin."""
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
        yield Api(client, server.graphql_url)


def _free_port() -> int:
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
