"""The scene of faults: a database, what wakes processes, two servers, a process that works, and networks between."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx

from tests.conftest import SECRET_KEY
from tests.e2e.clusters import Cluster, running_cluster
from tests.e2e.parts import NotHereError, Redis, running_redis
from tests.e2e.processes import Command, children_of, is_running
from tests.e2e.relay import Relay, relaying
from tests.e2e.server import START_SECONDS, Server
from tests.faults.disks import Disk, mounted_disk
from tests.faults.machines import Machine, running_machine
from tests.faults.starting import build_clock, start, start_skewed, write_former
from tests.gql.transport.sockets import until

_FILE_MEGABYTES, _CLUSTER_MEGABYTES = 160, 384
_READY_SECONDS = 60.0
_STARTS = 5
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
        #: A function that the next process calls before it begins.
        self.prepare = prepare
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
            *self._arguments, folder=self._folder, environment=self._environment, prepare=self.prepare
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
    #: The disk of the database, where one may be mounted.
    disk: Disk | None = None
    #: Where PostgreSQL and Redis run, where one may be made: its links are those of the second server, of Redis, and of
    #: all others.
    machine: Machine | None = None
    #: The file that says by how much the second server's clock differs, where one may differ.
    clock: Path | None = None
    #: The folder of a former commit's code, if there is one.
    former: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        """Return whether the database is a SQLite file."""
        return self.cluster is None

    @property
    def up(self) -> Sequence[Server]:
        """The server that monitors report to: any clock that differs is another one's."""
        return self.servers[:1]

    @property
    def addresses(self) -> list[str]:
        """The addresses at which clients find the servers."""
        assert self.clients is not None, "it is not complete"
        return [self.clients.url, *(server.url for server in self.servers[1:])]

    @property
    def complaints(self) -> str:
        """The standard error of all processes."""
        return "\n".join(each.stderr for each in (*self.servers, self.work) if each is not None)

    #: What starts the present code, by what runs a former one just now.
    present: dict[Server | Work, Callable[[], None] | None] = field(default_factory=dict)

    def set_clock(self, seconds: float) -> None:
        """Let the second server's clock differ by so many seconds."""
        assert self.clock is not None, "no clock differs here"
        fresh = self.clock.with_suffix(".fresh")
        fresh.write_text(f"{seconds:+.0f}")
        fresh.replace(self.clock)

    @contextmanager
    def all_frozen(self) -> Iterator[None]:
        """Suspend all servers and the process that works, as far as they run, and resume those that are left."""
        running = [server.pid for server in self.servers if not server.has_ended]
        running += [child for process in running for child in children_of(process)]
        if self.work is not None and not self.work.has_ended:
            running.append(self.work.pid)
        for process in running:
            _signal(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in running:
                _signal(process, signal.SIGCONT)

    async def stop_working(self) -> None:
        """Kill all servers and the process that works."""
        for server in self.servers:
            if not server.has_ended:
                await self.kill(server)
        left = [process for server in self.servers for process in self.left.pop(server, ())]
        for process in left:
            _signal(process, signal.SIGKILL)
        await until(lambda: not any(map(is_running, left)), seconds=_READY_SECONDS)
        if self.work is not None:
            await self.work.close()

    async def work_again(self) -> None:
        """Start all servers and the process that works."""
        if self.work is not None:
            await self.work.start()
        await asyncio.gather(*(self.start(server) for server in self.servers))

    async def start(self, server: Server) -> None:
        """Start a server, again where others kept the file locked all the while, as what supervises it does."""
        for attempt in range(_STARTS):
            try:
                await server.start()
            except AssertionError as error:
                if "locked by another program" not in str(error) or attempt == _STARTS - 1:
                    raise
            else:
                return

    async def restart(self, server: Server) -> None:
        """Start a server again whose process was killed, once none of its workers holds the port."""
        left = self.left.pop(server, ())
        await until(lambda: not any(map(is_running, left)), seconds=_READY_SECONDS)
        await self.start(server)

    left: dict[Server, Sequence[int]] = field(default_factory=dict)

    async def kill(self, server: Server) -> None:
        """Kill a server's first process; its workers end by themselves, unless they are frozen."""
        self.left[server] = children_of(server.pid)
        await server.kill()

    async def recovered(self) -> list[str]:
        """Wait until all servers are ready, and return those that are not in time."""
        if self.work is not None and self.work.has_ended:
            await self.work.start()
        async with httpx.AsyncClient(timeout=2, verify=False) as client:
            ready = await asyncio.gather(*(self._becomes_ready(server, client) for server in self.servers))
        late = [server for server, is_ready in zip(self.servers, ready, strict=True) if not is_ready]
        return [f"{server.url} is not ready after {_READY_SECONDS:.0f} s" for server in late]

    async def _becomes_ready(self, server: Server, client: httpx.AsyncClient) -> bool:
        ends = time.monotonic() + _READY_SECONDS
        while time.monotonic() < ends:
            if server.has_ended:
                # One that was told to die may do so only now.
                await self.restart(server)
            with suppress(httpx.TransportError):
                if (await client.get(f"{server.url}/readyz")).status_code == httpx.codes.OK:
                    return True
            await asyncio.sleep(0.05)
        return False


def _signal(process: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The choice of what a scene has."""

    dialect: str
    bug: str | None = None
    #: Two servers of one process each alone, with no machine and no disk of their own.
    small: bool = False
    #: The commit whose code some processes run after an upgrade in the middle, taken back.
    former: str = ""


@asynccontextmanager
async def running_scene(parts: Parts, choices: random.Random) -> AsyncIterator[Scene]:
    """Start all of it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="incidentql-faults-")))
        orders = folder / "orders"
        orders.mkdir()
        scene = Scene(url="", choices=choices, orders=orders)
        settings = dict(_SETTINGS)
        if parts.dialect == "sqlite":
            await _add_file(stack, scene, folder, small=parts.small)
        else:
            await _add_postgres(stack, scene, settings, small=parts.small)
        prepared: Callable[[], None] = partial(start, orders, parts.bug)
        preparations = [prepared, prepared]
        if not parts.small:
            scene.former = _former(folder / "former", parts.former)
            preparations[1] = _with_clock(scene, folder, parts.bug) or prepared
        await _add_servers(stack, scene, folder, settings, preparations, small=parts.small)
        if not parts.small:
            environment = {f"INCIDENTQL_{name.upper()}": value for name, value in settings.items()}
            (folder / "work").mkdir()
            scene.work = Work(scene.url, folder / "work", prepared, environment)
            stack.push_async_callback(scene.work.close)
            await scene.work.start()
        yield scene


def _with_clock(scene: Scene, folder: Path, bug: str | None) -> Callable[[], None] | None:
    """Return what starts a process with a clock of its own."""
    library = build_clock(folder)
    if library is None:
        print("  there is no compiler: no clock differs")
        return None
    scene.clock = folder / "clock"
    scene.clock.write_text("0")
    return partial(start_skewed, scene.orders, bug, library, scene.clock)


def _former(folder: Path, revision: str) -> Path | None:
    folder.mkdir()
    if revision and write_former(revision, folder):
        return folder
    print("  there is no former code: nothing is upgraded")
    return None


async def _add_file(stack: AsyncExitStack, scene: Scene, folder: Path, *, small: bool) -> None:
    data = folder / "data"
    data.mkdir()
    if not small:
        try:
            scene.disk = await stack.enter_async_context(mounted_disk(data, megabytes=_FILE_MEGABYTES))
        except NotHereError as error:
            print(f"  {error}: none is filled, none loses power")
    scene.url = f"sqlite:///{data}/incidents.db"


async def _add_postgres(stack: AsyncExitStack, scene: Scene, settings: dict[str, str], *, small: bool) -> None:
    near, far, third = "127.0.0.1", "127.0.0.1", "127.0.0.1"
    if not small:
        try:
            scene.machine = await stack.enter_async_context(running_machine(links=3))
            near, far, third = (link.address for link in scene.machine.links)
        except NotHereError as error:
            print(f"  {error}: no link is cut")
    inside = scene.machine.inside if scene.machine is not None else ()
    scene.cluster = await _added_cluster(stack, scene, near, inside, small=small)
    scene.url = settings["broadcast_url"] = scene.cluster.url
    scene.database = await stack.enter_async_context(relaying(f"http://{far}:{scene.cluster.port}"))
    try:
        scene.redis = await stack.enter_async_context(running_redis(host=third, inside=inside))
        settings["broadcast_url"] = scene.redis.url
    except NotHereError as error:
        print(f"  {error}: PostgreSQL wakes the processes")


async def _added_cluster(
    stack: AsyncExitStack, scene: Scene, host: str, inside: Sequence[str], *, small: bool
) -> Cluster:
    """Start PostgreSQL, if possible with a disk of its own, on which it syncs what it commits."""

    @asynccontextmanager
    async def disk(folder: Path) -> AsyncIterator[None]:
        async with mounted_disk(folder, megabytes=_CLUSTER_MEGABYTES) as mounted:
            scene.disk = mounted
            yield

    few = "max_connections = 120"
    if not small:
        try:
            synced = (few, "fsync = on", "max_wal_size = 64MB", "min_wal_size = 32MB")
            cluster = await stack.enter_async_context(running_cluster(*synced, host=host, inside=inside, disk=disk))
            await asyncio.to_thread(os.sync)  # its first files, which are copied
        except NotHereError as error:
            print(f"  {error}: none is filled, none loses power")
        else:
            return cluster
    return await stack.enter_async_context(running_cluster(few, host=host, inside=inside))


async def _add_servers(
    stack: AsyncExitStack,
    scene: Scene,
    folder: Path,
    settings: dict[str, str],
    preparations: Sequence[Callable[[], None]],
    *,
    small: bool,
) -> None:
    urls = [scene.url, scene.url]
    if scene.database is not None and scene.cluster is not None:
        urls[1] = scene.url.replace(urlsplit(scene.url).netloc, f"postgres@{urlsplit(scene.database.url).netloc}")
    first: Sequence[str] = () if small else ("--workers", "2")
    for number, (url, options) in enumerate(zip(urls, (first, ()), strict=True)):
        own = folder / f"server-{number}"
        own.mkdir()
        # A process whose clock is wrong does nothing on time, and what it signs is refused as too old or too new.
        runs = {"automations": "false", "webhooks": "false"} if number and scene.clock is not None else {}
        server = Server(url, own, **settings, **runs)
        server.options, server.prepare, server.start_seconds = options, preparations[number], 2 * START_SECONDS
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
            _signal(process, signal.SIGKILL)
