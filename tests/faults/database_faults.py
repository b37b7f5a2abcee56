"""Faults of databases and networks: stopped, killed, unreachable, full, without power."""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import asyncpg

from tests.e2e.clusters import Cluster
from tests.e2e.parts import FullDisk, LockedFile
from tests.e2e.processes import children_of, is_running
from tests.e2e.relay import Relay
from tests.faults.machines import Link
from tests.faults.scene import Scene
from tests.gql.transport.sockets import until

_LONGEST_SECONDS = 3.0
_AWAY_SECONDS = 1.5
#: Longer than a statement may take to be given up.
_PARTED_SECONDS = 6.0
_END_SECONDS = 30.0
_STARTS = 10


async def restart_postgres(scene: Scene, mode: str) -> None:
    assert scene.cluster is not None
    await scene.cluster.stop(mode)
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.cluster.start()


async def kill_postgres(scene: Scene) -> None:
    """Freeze all of PostgreSQL, so that commits wait, and kill it then."""
    assert scene.cluster is not None
    await _kill_frozen(scene, scene.cluster)
    await asyncio.sleep(scene.choices.uniform(0.1, _AWAY_SECONDS))
    await _start_postgres(scene.cluster)


async def _kill_frozen(scene: Scene, cluster: Cluster, before: Callable[[], None] | None = None) -> None:
    """Freeze all of PostgreSQL, do something before it is killed, and wait until none of it is left."""
    first = _postmaster(cluster)
    processes = [first]
    with cluster.frozen():
        processes += children_of(first)
        await asyncio.sleep(scene.choices.uniform(0, 0.5))
        if before is not None:
            await asyncio.to_thread(before)
        # The first one first: it would start the others again.
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    # One that is left holds the memory that the next ones need, and a first one that nobody waited for its name.
    await until(lambda: not any(map(is_running, processes)), seconds=_END_SECONDS)


async def _start_postgres(cluster: Cluster) -> None:
    """Start it, which fails as long as the system keeps what a killed one had."""
    for name in ("data/postmaster.pid", f".s.PGSQL.{cluster.port}.lock"):
        (cluster.folder / name).unlink(missing_ok=True)
    for attempt in range(_STARTS):
        try:
            await cluster.start()
        except RuntimeError as error:
            log = "\n".join((cluster.folder / "log").read_text().splitlines()[-8:])
            print(f"  PostgreSQL does not start yet: {error}\n{log}", flush=True)
            if attempt == _STARTS - 1:
                raise
            await asyncio.sleep(1)
        else:
            return


async def kill_backend(scene: Scene) -> None:
    """Kill one of PostgreSQL's processes: it gives all connections up and recovers."""
    assert scene.cluster is not None
    processes = children_of(_postmaster(scene.cluster))
    with suppress(ProcessLookupError):
        os.kill(scene.choices.choice(processes), signal.SIGKILL)


async def freeze_postgres(scene: Scene) -> None:
    assert scene.cluster is not None
    with scene.cluster.frozen():
        await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))


async def kill_redis(scene: Scene) -> None:
    assert scene.redis is not None
    await scene.redis.kill()
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.redis.start()


async def cut_relay(relay: Relay | None) -> None:
    assert relay is not None
    relay.cut()


async def black_hole(scene: Scene, relay: Relay | None) -> None:
    """Let nothing pass on present connections, which nobody learns of, and cut them after a while."""
    assert relay is not None
    relay.forget()
    await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))
    relay.cut()


async def part_from_postgres(scene: Scene) -> None:
    """Cut the link between PostgreSQL and the second server, the others, or all of them."""
    assert scene.machine is not None
    near, far = scene.machine.links[:2]
    await _part(scene, scene.choices.choice(((near,), (far,), (near, far))))


async def part_from_redis(scene: Scene) -> None:
    """Cut the link between Redis and all that it wakes."""
    assert scene.machine is not None
    await _part(scene, scene.machine.links[2:])


async def _part(scene: Scene, links: Sequence[Link]) -> None:
    for link in links:
        await link.cut()
    await asyncio.sleep(scene.choices.uniform(0.2, _PARTED_SECONDS))
    for link in links:
        await link.mend()


async def fill_disk(scene: Scene) -> None:
    """Fill the database's disk to the last byte; PostgreSQL may end by that."""
    assert scene.disk is not None
    part = FullDisk(scene.disk.folder, 0)
    await part.take_away()
    await asyncio.sleep(scene.choices.uniform(0.1, _AWAY_SECONDS))
    await part.give_back()
    if scene.cluster is not None:
        await _start_if_ended(scene.cluster)


async def _start_if_ended(cluster: Cluster) -> None:
    async with asyncio.timeout(_END_SECONDS):
        while is_running(_postmaster(cluster)):
            with suppress(OSError, asyncpg.PostgresError, TimeoutError):
                await (await asyncpg.connect(cluster.url, timeout=1)).close()
                return
            await asyncio.sleep(0.1)
    await _start_postgres(cluster)


async def lose_power(scene: Scene) -> None:
    """Take the power from the database's disk and all that writes to it, and give it back."""
    assert scene.disk is not None
    disk = scene.disk
    if scene.cluster is not None:
        await _kill_frozen(scene, scene.cluster, lambda: disk.lose_power(scene.choices))
        await disk.restart()
        await asyncio.sleep(scene.choices.uniform(0.1, _AWAY_SECONDS))
        await _start_postgres(scene.cluster)
        return
    with scene.all_frozen():
        await asyncio.to_thread(disk.lose_power, scene.choices)
        await scene.stop_working()
    await disk.restart()
    await scene.work_again()


async def lock_file(scene: Scene) -> None:
    """Let another process hold the write lock of the file."""
    part = LockedFile(Path(scene.url.removeprefix("sqlite:///")), 0)
    await part.take_away()
    await asyncio.sleep(scene.choices.uniform(0.1, _LONGEST_SECONDS))
    await part.give_back()


def _postmaster(cluster: Cluster) -> int:
    """Return the id of the first process, or 0 where it has ended."""
    with suppress(FileNotFoundError, IndexError):
        return int((cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    return 0
