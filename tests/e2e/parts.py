"""Parts that a server needs and loses in outages: PostgreSQL, Redis, room on a disk, a file's lock."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tests.e2e.clusters import Cluster
from tests.e2e.server import free_port

_CHUNK_BYTES = 1 << 24
_STARTS = 50
_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


class NotHereError(Exception):
    """A part that this machine lacks, or that this process may not take away."""


class Part(Protocol):
    """A part that a server needs."""

    name: str
    #: How long it stays away.
    seconds: float

    async def take_away(self) -> None:
        """Begin the outage."""

    async def give_back(self) -> None:
        """End the outage and wait until the part works again."""


class KilledPostgres:
    """An outage of PostgreSQL: all its processes are killed at once."""

    name = "postgresql killed"

    def __init__(self, cluster: Cluster, seconds: float) -> None:
        self.seconds = seconds
        self._cluster = cluster

    async def take_away(self) -> None:
        """Kill it and its backends with SIGKILL."""
        for process in _processes_of(self._cluster):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    async def give_back(self) -> None:
        """Start it on the files that the crash left."""
        await self._cluster.start()


def _processes_of(cluster: Cluster) -> list[int]:
    first = int((cluster.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    # The postmaster first: it would restart the others.
    return [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]


class Redis:
    """A Redis server for one test, here or where the command `inside` takes it."""

    def __init__(self, folder: str, *, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> None:
        self._folder = folder
        self._host = host
        self._inside = inside
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """The URL at which it listens."""
        return f"redis://{self._host}:{self._port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise NotHereError("there is no redis-server")
        options = ["--port", str(self._port), "--bind", self._host, "--save", "", "--dir", self._folder]
        if self._inside:
            # Who may reach it is a matter of the machine that it runs on.
            options += ["--protected-mode", "no"]
        self._process = await asyncio.create_subprocess_exec(
            *self._inside, program, *options, stdout=asyncio.subprocess.DEVNULL
        )
        for _ in range(_STARTS):
            with suppress(OSError):
                _, writer = await asyncio.open_connection(self._host, self._port)
                writer.close()
                return
            await asyncio.sleep(0.1)
        raise NotHereError("redis-server does not start")

    async def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class KilledRedis:
    """An outage of Redis: it is killed."""

    name = "redis killed"

    def __init__(self, redis: Redis, seconds: float) -> None:
        self.seconds = seconds
        self._redis = redis

    async def take_away(self) -> None:
        """Kill it with SIGKILL."""
        await self._redis.kill()

    async def give_back(self) -> None:
        """Start it again."""
        await self._redis.start()


class FullDisk:
    """An outage of a disk: another program fills it to the last byte."""

    name = "disk full"

    def __init__(self, folder: Path, seconds: float) -> None:
        self.seconds = seconds
        self._file = folder / "filler"

    async def take_away(self) -> None:
        """Let a file take room until the disk is full."""
        with self._file.open("wb") as file:
            size, length = _CHUNK_BYTES, 0
            while size:
                try:
                    os.posix_fallocate(file.fileno(), length, size)
                except OSError:
                    size //= 2
                else:
                    length += size

    async def give_back(self) -> None:
        """Delete the file that fills the disk."""
        self._file.unlink()


class LockedFile:
    """An outage of a SQLite file: another process holds its write lock."""

    name = "file locked"

    def __init__(self, file: Path, seconds: float) -> None:
        self.seconds = seconds
        self._file = file
        self._holder: asyncio.subprocess.Process | None = None

    async def take_away(self) -> None:
        """Let another process take the lock."""
        pipe = asyncio.subprocess.PIPE
        self._holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _HOLD, str(self._file), stdin=pipe, stdout=pipe
        )
        assert self._holder.stdout is not None
        assert await self._holder.stdout.readline() == b"held\n"

    async def give_back(self) -> None:
        """Let the other process release the lock."""
        assert self._holder is not None
        await self._holder.communicate(b"")  # which closes its input


@asynccontextmanager
async def running_redis(*, host: str = "127.0.0.1", inside: Sequence[str] = ()) -> AsyncIterator[Redis]:
    """Start a Redis that answers, and stop it at the end."""
    with TemporaryDirectory(prefix="incidentql-redis-") as folder:
        redis = Redis(folder, host=host, inside=inside)
        await redis.start()
        try:
            yield redis
        finally:
            await redis.kill()


@asynccontextmanager
async def mounted(folder: Path, *, megabytes: int) -> AsyncIterator[None]:
    """Mount a disk of a size on a folder.

    Raises:
        NotHereError: this process may not mount any.
    """
    if not await _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)):
        raise NotHereError("nothing may be mounted here")
    try:
        yield
    finally:
        await _run("umount", "--lazy", str(folder))


async def _run(*command: str) -> bool:
    quiet = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    except OSError:
        return False
    return await process.wait() == 0
