"""The scene of faults: a database, what wakes processes, two servers, a process that works, and networks between."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.conftest import SECRET_KEY
from tests.e2e.clusters import Cluster, running_cluster
from tests.e2e.parts import NotHereError, Redis, mounted, running_redis
from tests.e2e.processes import Command, children_of, is_running
from tests.e2e.relay import Relay, relaying
from tests.e2e.server import START_SECONDS, Server
from tests.faults.patches import prepare
from tests.gql.transport.sockets import until

_MEGABYTES = 160
_READY_SECONDS = 60.0
_SETTINGS = {
    "secret_key": SECRET_KEY,
    "http_allow": "127.0.0.1",
    "rate_limit": "0",
    "poll_seconds": "0.3",
    "sqlite_busy_seconds": "2",
}


class Work:
    """A process that runs automations and webhooks without HTTP."""

    def __init__(self, url: str, folder: Path, prepare: Callable[[], None], environment: dict[str, str]) -> None:
        self._arguments = ("work", "--database-url", url)
        self._folder = folder
        self._prepare = prepare
        self._environment = environment
        self._command: Command | None = None

    @property
    def pid(self) -> int:
        """The id of the present process."""
        assert self._command is not None, "start it first"
        return self._command.pid

    @property
    def stderr(self) -> str:
        """The standard error of all its processes."""
        return "" if self._command is None else self._command.stderr

    async def start(self) -> None:
        """Start it; it works a moment later."""
        self._command = Command(
            *self._arguments, folder=self._folder, environment=self._environment, prepare=self._prepare
        )

    async def close(self) -> None:
        """Kill it."""
        if self._command is not None:
            await self._command.close()

    @property
    def has_ended(self) -> bool:
        """Return whether the process has ended."""
        return self._command is None or self._command.has_ended

    def freeze(self) -> None:
        """Suspend it with SIGSTOP."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it with SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)


@dataclass(slots=True, kw_only=True)
class Scene:
    """All that runs, and what takes it away."""

    #: The database, past all relays.
    url: str
    choices: random.Random
    #: Files in it tell a process to die.
    orders: Path
    #: The first has several processes.
    servers: list[Server] = field(default_factory=list)
    work: Work | None = None
    #: Between clients and the first server.
    clients: Relay | None = None
    #: Between the second server and PostgreSQL.
    database: Relay | None = None
    cluster: Cluster | None = None
    redis: Redis | None = None
    #: The disk of a SQLite file, where one may be mounted.
    disk: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        """Return whether the database is a SQLite file."""
        return self.cluster is None

    @property
    def up(self) -> Sequence[Server]:
        """All servers, of which any may be away just now."""
        return self.servers

    @property
    def addresses(self) -> list[str]:
        """The addresses at which clients find the servers."""
        assert self.clients is not None, "it is not complete"
        return [self.clients.url, *(server.url for server in self.servers[1:])]

    @property
    def complaints(self) -> str:
        """The standard error of all processes."""
        return "\n".join(each.stderr for each in (*self.servers, self.work) if each is not None)

    async def restart(self, server: Server) -> None:
        """Start a server again whose process was killed, once none of its workers holds the port."""
        left = self.left.pop(server, ())
        await until(lambda: not any(map(is_running, left)), seconds=_READY_SECONDS)
        await server.start()

    left: dict[Server, Sequence[int]] = field(default_factory=dict)

    async def kill(self, server: Server) -> None:
        """Kill a server's first process; its workers end by themselves."""
        self.left[server] = children_of(server.pid)
        await server.kill()

    async def recovered(self) -> list[str]:
        """Wait until all servers are ready, and return those that are not in time."""
        if self.work is not None and self.work.has_ended:
            await self.work.start()
        for server in self.servers:
            if server.has_ended:
                await self.restart(server)
        async with httpx.AsyncClient(timeout=2, verify=False) as client:
            ready = await asyncio.gather(*(_is_ready(client, server) for server in self.servers))
        late = [server for server, is_ready in zip(self.servers, ready, strict=True) if not is_ready]
        return [f"{server.url} is not ready after {_READY_SECONDS:.0f} s" for server in late]


async def _is_ready(client: httpx.AsyncClient, server: Server) -> bool:
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                try:
                    if (await client.get(f"{server.url}/readyz")).status_code == httpx.codes.OK:
                        return True
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False


@asynccontextmanager
async def running_scene(dialect: str, choices: random.Random, *, small: bool, bug: str | None) -> AsyncIterator[Scene]:
    """Start all of it; a small one is two workers and a server beside them."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="incidentql-faults-")))
        orders = folder / "orders"
        orders.mkdir()
        scene = Scene(url="", choices=choices, orders=orders)
        settings = dict(_SETTINGS)
        if dialect == "sqlite":
            await _add_file(stack, scene, folder)
        else:
            await _add_postgres(stack, scene, settings)
        prepared = partial(prepare, orders, bug)
        await _add_servers(stack, scene, folder, settings, prepared)
        if not small:
            environment = {f"INCIDENTQL_{name.upper()}": value for name, value in settings.items()}
            (folder / "work").mkdir()
            scene.work = Work(scene.url, folder / "work", prepared, environment)
            stack.push_async_callback(scene.work.close)
            await scene.work.start()
        yield scene


async def _add_file(stack: AsyncExitStack, scene: Scene, folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    try:
        await stack.enter_async_context(mounted(data, megabytes=_MEGABYTES))
        scene.disk = data
    except NotHereError:
        print("  no disk can be mounted here: none is filled")
    scene.url = f"sqlite:///{data}/incidents.db"


async def _add_postgres(stack: AsyncExitStack, scene: Scene, settings: dict[str, str]) -> None:
    scene.cluster = await stack.enter_async_context(running_cluster("max_connections = 120"))
    scene.url = settings["broadcast_url"] = scene.cluster.url
    scene.database = await stack.enter_async_context(relaying(f"http://127.0.0.1:{scene.cluster.port}"))
    try:
        scene.redis = await stack.enter_async_context(running_redis())
        settings["broadcast_url"] = scene.redis.url
    except NotHereError as error:
        print(f"  {error}: PostgreSQL wakes the processes")


async def _add_servers(
    stack: AsyncExitStack, scene: Scene, folder: Path, settings: dict[str, str], prepared: Callable[[], None]
) -> None:
    urls = [scene.url, scene.url]
    if scene.database is not None and scene.cluster is not None:
        port = scene.database.url.rpartition(":")[2]
        urls[1] = scene.url.replace(f":{scene.cluster.port}/", f":{port}/")
    for number, (url, options) in enumerate(zip(urls, (("--workers", "2"), ()), strict=True)):
        own = folder / f"server-{number}"
        own.mkdir()
        server = Server(url, own, **settings)
        server.options, server.prepare, server.start_seconds = options, prepared, 2 * START_SECONDS
        stack.push_async_callback(_end, server)
        await server.start()
        scene.servers.append(server)
    scene.clients = await stack.enter_async_context(relaying(scene.servers[0].url))


async def _end(server: Server) -> None:
    """Kill a server with its workers, frozen ones as well."""
    try:
        left = [] if server.has_ended else children_of(server.pid)
    except AssertionError:
        return  # it was never started
    await server.close()
    for process in left:
        if is_running(process):
            os.kill(process, signal.SIGKILL)
