"""Several server processes on one database, each killed, frozen and restarted at random."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.failing import POINTS, fail_at
from tests.e2e.server import Server

#: How often a process gets a point at which it kills itself, and how often one is frozen instead of killed.
_FAILING = 0.5
_FREEZING = 0.25
_CALLS = 20
#: More starts that fail, beside one for each kill, are no accident any more.
_FAILED_STARTS = 20
#: Several start at once, beside others that work.
_START_SECONDS = 60.0


class Crowd:
    """Server processes that are killed, frozen and restarted."""

    def __init__(self, servers: list[Server], choices: random.Random) -> None:
        self.servers = servers
        self.kills = 0
        self.freezes = 0
        self.failed_starts = 0
        #: How often a process killed itself, by point.
        self.points: Counter[str] = Counter()
        self._random = choices
        self._wanted = 0
        self._up = dict.fromkeys(servers, True)

    @property
    def up(self) -> list[Server]:
        """The servers that are started, frozen ones included."""
        return [server for server in self.servers if self._up[server]]

    async def harm(self, *, kills: int, longest_life: float, longest_freeze: float) -> None:
        """Kill `kills` processes in all and freeze some; all of them run at the end."""
        self._wanted = kills
        async with asyncio.TaskGroup() as tasks:
            for server in self.servers:
                tasks.create_task(self._harm(server, longest_life, longest_freeze))

    async def _harm(self, server: Server, longest_life: float, longest_freeze: float) -> None:
        while self.kills < self._wanted:
            point = self._random.choice([*POINTS]) if self._random.random() < _FAILING else None
            life = self._random.uniform(0.05, longest_life)
            if self._random.random() < _FREEZING:
                await asyncio.sleep(life)
                await self._freeze(server, self._random.uniform(0.2, longest_freeze))
                continue
            self.kills += 1
            await self._restart(server, point)
            if point is None:
                await asyncio.sleep(life)
            else:
                await self._until_ended(server, point, seconds=2 * life)
        if server.has_ended or server.prepare is not None:
            await self._restart(server, None)

    async def _restart(self, server: Server, point: str | None) -> None:
        self._up[server] = False
        while True:
            await server.kill()
            call, after = self._random.randint(1, _CALLS), self._random.random() < 0.5
            server.prepare = None if point is None else partial(fail_at, point, call=call, after=after)
            try:
                await server.start()
                break
            except AssertionError:
                self.failed_starts += 1
                if point is None and self.failed_starts > _FAILED_STARTS + self.kills:
                    raise
                # It killed itself before it answered, or the database had no connection left: start it
                # again.
                point = None
                await asyncio.sleep(0.5)
        self._up[server] = True

    async def _until_ended(self, server: Server, point: str, *, seconds: float) -> None:
        for _ in range(int(seconds / 0.05)):
            if server.has_ended:
                self.points[point] += 1
                return
            await asyncio.sleep(0.05)

    async def _freeze(self, server: Server, seconds: float) -> None:
        if server.has_ended:
            return
        self.freezes += 1
        server.freeze()
        await asyncio.sleep(seconds)
        server.thaw()


@asynccontextmanager
async def running_crowd(
    database_url: str, *, processes: int, choices: random.Random, keep: Path | None = None, **settings: str | None
) -> AsyncIterator[Crowd]:
    """Start so many servers at the same time on a database that may be empty, until all answer.

    What they print is added to a file per process in `keep`.
    """
    async with AsyncExitStack() as stack:
        servers = []
        for _ in range(processes):
            folder = stack.enter_context(TemporaryDirectory(prefix="incidentql-server-"))
            servers.append(Server(database_url, Path(folder), **settings))
            servers[-1].start_seconds = _START_SECONDS
            stack.push_async_callback(servers[-1].close)
        await asyncio.gather(*(server.start() for server in servers))
        try:
            yield Crowd(servers, choices)
        finally:
            for number, server in enumerate(servers):
                if keep is not None:
                    (keep / f"server-{number}.log").write_text(server.stderr)
