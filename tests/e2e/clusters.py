"""PostgreSQL servers for single tests, each on a free port with a temporary folder."""

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from functools import cache
from pathlib import Path

from tests.e2e.server import free_port

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_POOLER = "/usr/sbin/pgbouncer"
_OWNER = "postgres"
_LOOPBACK = "127.0.0.1"


class Cluster:
    """A PostgreSQL server that a test stops, kills, freezes and starts."""

    def __init__(
        self, binaries: Path, folder: Path, port: int, *, host: str = _LOOPBACK, inside: Sequence[str] = ()
    ) -> None:
        """Name its files and its address; `inside` is a command that runs another one on a machine of its own."""
        self._binaries = binaries
        self.folder = folder
        self.port = port
        self._host = host
        self._inside = inside

    @property
    def url(self) -> str:
        """The URL of its database for its superuser."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the URL of another database for its superuser."""
        return f"postgresql://{_OWNER}@{self._host}:{self.port}/{database}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        try:
            await self._control("start", "-l", str(self.folder / "log"))
        except RuntimeError as error:
            raise RuntimeError((self.folder / "log").read_text()[-2000:]) from error

    async def stop(self, mode: str = "fast") -> None:
        """Stop it; the mode `immediate` equals a crash."""
        await self._control("stop", "-m", mode)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspend all its processes, as on a machine that hangs, and resume them at the end."""
        with ExitStack() as stack:
            # The first one first: it cannot start others then.
            master = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
            for process in (master, *_children(master)):
                os.kill(process, signal.SIGSTOP)
                stack.callback(_thaw, process)
            yield

    def kill(self) -> None:
        """Kill all its processes with SIGKILL, as on a machine that fails."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        # The postmaster first: it would restart the others.
        for process in (first, *_children(first)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    async def reload(self) -> None:
        """Reload its settings."""
        await self._control("reload")

    async def promote(self) -> None:
        """Make a primary of a standby, and wait until it is one."""
        await self._control("promote")

    async def follow(self, primary: "Cluster") -> None:
        """Replace all files by a copy of a primary's, and start as its standby."""
        data = self.folder / "data"
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)
        for socket in self.folder.glob(".s.PGSQL.*"):
            # Of a process that was killed, and of which the system may not have taken leave yet.
            socket.unlink()
        source = f"host=127.0.0.1 port={primary.port} user={_OWNER}"
        program = str(self._binaries / "pg_basebackup")
        await _run(program, "-D", str(data), "-R", "-c", "fast", "--no-sync", "-d", source)
        self._place()
        await self.start()

    def set(self, *lines: str) -> None:
        """Add settings, which apply from the next start or reload."""
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{line}\n" for line in lines)

    async def _control(self, command: str, *arguments: str) -> None:
        data = str(self.folder / "data")
        program = str(self._binaries / "pg_ctl")
        await _run(program, "-D", data, "-w", "-t", "60", command, *arguments, inside=self._inside)

    async def init(self) -> None:
        """Create its files."""
        await _run("cp", "-a", str(await asyncio.to_thread(_new_files, self._binaries)), str(self.folder / "data"))
        addresses = _LOOPBACK if self._host == _LOOPBACK else "*"
        self.set(f"listen_addresses = '{addresses}'", "fsync = off", "shared_buffers = 16MB")
        if addresses == "*":
            with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all all samenet trust\n")
        self._place()

    def _place(self) -> None:
        self.set(f"port = {self.port}", f"unix_socket_directories = '{self.folder}'")


@asynccontextmanager
async def running_pair() -> AsyncIterator[tuple[Cluster, Cluster]]:
    """Start a primary and its standby; stop both and delete their files at the end."""
    folder = _folder()
    try:
        async with running_cluster() as primary:
            standby = Cluster(_BINARIES[-1], folder, free_port())
            try:
                await standby.follow(primary)
                yield primary, standby
            finally:
                with suppress(RuntimeError):
                    await asyncio.shield(standby.stop("immediate"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_cluster(
    *settings: str,
    host: str = _LOOPBACK,
    inside: Sequence[str] = (),
    disk: Callable[[Path], AbstractAsyncContextManager[object]] | None = None,
) -> AsyncIterator[Cluster]:
    """Start a server with these settings; stop it and delete its files at the end.

    It runs on this machine, or where the command `inside` takes it, and at `host` then; `disk` mounts one for it.
    """
    folder = _folder()
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if disk is not None:
            await stack.enter_async_context(disk(folder))
            shutil.chown(folder, _OWNER)
        cluster = Cluster(_BINARIES[-1], folder, free_port(), host=host, inside=inside)
        await cluster.init()
        cluster.set(*settings)
        await cluster.start()
        try:
            yield cluster
        finally:
            with suppress(RuntimeError):  # one that a test killed is not there to be stopped
                await asyncio.shield(cluster.stop("immediate"))


@asynccontextmanager
async def running_pooler(cluster: Cluster, *, mode: str, database: str) -> AsyncIterator[str]:
    """Start Debian's pgbouncer before a cluster and yield the URL of a database behind it."""
    port = free_port()
    folder = cluster.folder / f"pooler-{port}"
    folder.mkdir()
    (folder / "pooler.ini").write_text(
        "\n".join(
            [
                f"[databases]\n* = host=127.0.0.1 port={cluster.port} user={_OWNER}",
                f"[pgbouncer]\npool_mode = {mode}\nlisten_addr = 127.0.0.1\nlisten_port = {port}",
                f"auth_type = any\nunix_socket_dir =\nlogfile = {folder}/log\ndefault_pool_size = 4\n",
            ]
        )
    )
    if os.geteuid() == 0:
        shutil.chown(folder, _OWNER)
    process = await asyncio.create_subprocess_exec(
        *_as_owner(_POOLER, "-q", str(folder / "pooler.ini")), cwd="/", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while not await _answers(port):  # noqa: ASYNC110 - it sends no notice
                await asyncio.sleep(0.02)
        yield f"postgresql://{_OWNER}@127.0.0.1:{port}/{database}"
    finally:
        process.terminate()
        await process.wait()


def _folder() -> Path:
    # Not pytest's folder: the server refuses to run as root, and its own user cannot look into that one.
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    if os.geteuid() == 0:
        shutil.chown(folder, _OWNER)
    return folder


@cache
def _new_files(binaries: Path) -> Path:
    """Return the files of a new server, to be copied: to create them takes a second of CPU."""
    folder = _folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = ("-U", _OWNER, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    command = _as_owner(str(binaries / "initdb"), "-D", str(folder / "data"), *options)
    subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return folder / "data"


def _children(process: int) -> list[int]:
    """Return the living child processes of a process."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _thaw(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGCONT)


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _run(*command: str, inside: Sequence[str] = ()) -> None:
    # No pipe: the server would keep it open.
    process = await asyncio.create_subprocess_exec(
        *inside, *_as_owner(*command), cwd="/", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    if await process.wait() != 0:
        raise RuntimeError(f"{' '.join(command)} failed")


def _as_owner(*command: str) -> Sequence[str]:
    return ("runuser", "-u", _OWNER, "--", *command) if os.geteuid() == 0 else command
