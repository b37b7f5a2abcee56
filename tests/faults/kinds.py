"""The kinds of faults: each takes something away for a while and gives it back."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.clusters import Cluster
from tests.e2e.parts import FullDisk, KilledPostgres, LockedFile
from tests.e2e.processes import children_of, is_running
from tests.e2e.relay import Relay
from tests.e2e.server import Server
from tests.faults.patches import AFTER_COMMIT, BEFORE_CHANGE, BEFORE_COMMIT
from tests.faults.scene import Scene
from tests.gql.transport.sockets import until

_LONGEST_SECONDS = 3.0
_AWAY_SECONDS = 1.5
#: How long a process that is told to die looks for the next commit.
_ORDER_SECONDS = 3.0
_END_SECONDS = 30.0
_STARTS = 10


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault: what does it, and whether a scene has what it takes away."""

    strike: Callable[[Scene], Awaitable[None]]
    fits: Callable[[Scene], bool] = lambda _: True


async def _kill_server(scene: Scene) -> None:
    """Kill a server; the workers of a killed parent end by themselves."""
    server = scene.choices.choice(scene.servers)
    await scene.kill(server)
    await scene.restart(server)


async def _kill_worker(scene: Scene) -> None:
    """Kill one of two workers, or both with their parent where only one is left."""
    processes = _workers(scene)
    if len(processes) < 2:
        await scene.kill(scene.servers[0])
        await scene.restart(scene.servers[0])
        return
    os.kill(scene.choices.choice(processes), signal.SIGKILL)


async def _kill_work(scene: Scene) -> None:
    assert scene.work is not None
    await scene.work.close()
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.work.start()


async def _die_at_commit(scene: Scene) -> None:
    """Let whichever process commits next die just before it, or just after."""
    order = scene.orders / scene.choices.choice((BEFORE_CHANGE, BEFORE_COMMIT, AFTER_COMMIT))
    order.touch()
    with suppress(TimeoutError):
        async with asyncio.timeout(_ORDER_SECONDS):
            while order.exists():  # noqa: ASYNC110 - the process that takes it says nothing any more
                await asyncio.sleep(0.02)
    order.unlink(missing_ok=True)
    await asyncio.sleep(0.2)


async def _freeze(scene: Scene) -> None:
    """Suspend one process of any kind for up to three seconds."""
    processes = [*_workers(scene), scene.servers[1].pid]
    if scene.work is not None:
        processes.append(scene.work.pid)
    with _frozen(scene.choices.choice(processes)):
        await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))


async def _replace(scene: Scene) -> None:
    """Stop each server in turn with SIGTERM and start it again, as an upgrade does."""
    for server in scene.servers:
        await _renew(server)


async def _renew(server: Server) -> None:
    server.terminate()
    code = await server.ended()
    assert code == 0, f"a server that was told to end did so with {code}"
    await server.start()


async def _restart_postgres(scene: Scene, mode: str) -> None:
    assert scene.cluster is not None
    await scene.cluster.stop(mode)
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.cluster.start()


async def _kill_postgres(scene: Scene) -> None:
    """Freeze all of PostgreSQL, so that commits wait, and kill it then."""
    assert scene.cluster is not None
    part, first = KilledPostgres(scene.cluster, 0), _postmaster(scene)
    processes = [first]
    with scene.cluster.frozen():
        processes += children_of(first)
        await asyncio.sleep(scene.choices.uniform(0, 0.5))
        await part.take_away()
    # One that is left holds the memory that the next ones need, and a first one that nobody waited for its name.
    await until(lambda: not any(map(is_running, processes)), seconds=_END_SECONDS)
    for name in ("data/postmaster.pid", f".s.PGSQL.{scene.cluster.port}.lock"):
        (scene.cluster.folder / name).unlink(missing_ok=True)
    await asyncio.sleep(scene.choices.uniform(0.1, _AWAY_SECONDS))
    await _start_postgres(scene.cluster)


async def _start_postgres(cluster: Cluster) -> None:
    """Start it, which fails as long as the system keeps what a killed one had."""
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


async def _kill_backend(scene: Scene) -> None:
    """Kill one of PostgreSQL's processes: it gives all connections up and recovers."""
    assert scene.cluster is not None
    processes = children_of(_postmaster(scene))
    with suppress(ProcessLookupError):
        os.kill(scene.choices.choice(processes), signal.SIGKILL)


async def _freeze_postgres(scene: Scene) -> None:
    assert scene.cluster is not None
    with scene.cluster.frozen():
        await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))


async def _kill_redis(scene: Scene) -> None:
    assert scene.redis is not None
    await scene.redis.kill()
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.redis.start()


async def _cut(relay: Relay | None) -> None:
    assert relay is not None
    relay.cut()


async def _black_hole(scene: Scene, relay: Relay | None) -> None:
    """Let nothing pass on present connections, which nobody learns of, and cut them after a while."""
    assert relay is not None
    relay.forget()
    await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))
    relay.cut()


async def _fill_disk(scene: Scene) -> None:
    assert scene.disk is not None
    part = FullDisk(scene.disk, 0)
    await part.take_away()
    await asyncio.sleep(scene.choices.uniform(0.1, _AWAY_SECONDS))
    await part.give_back()


async def _lock_file(scene: Scene) -> None:
    part = LockedFile(Path(scene.url.removeprefix("sqlite:///")), 0)
    await part.take_away()
    await asyncio.sleep(scene.choices.uniform(0.1, _LONGEST_SECONDS))
    await part.give_back()


def _workers(scene: Scene) -> list[int]:
    return [process for process in children_of(scene.servers[0].pid) if is_running(process)]


def _postmaster(scene: Scene) -> int:
    assert scene.cluster is not None
    return int((scene.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])


@contextmanager
def _frozen(process: int) -> Iterator[None]:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)


def _has_postgres(scene: Scene) -> bool:
    return scene.cluster is not None


KINDS: Mapping[str, Kind] = {
    "kill-server": Kind(_kill_server),
    "kill-worker": Kind(_kill_worker),
    "kill-work": Kind(_kill_work, lambda scene: scene.work is not None),
    "die-at-commit": Kind(_die_at_commit),
    "freeze": Kind(_freeze),
    "replace": Kind(_replace),
    "cut-clients": Kind(lambda scene: _cut(scene.clients)),
    "hole-clients": Kind(lambda scene: _black_hole(scene, scene.clients)),
    "restart-postgres": Kind(lambda scene: _restart_postgres(scene, "fast"), _has_postgres),
    "crash-postgres": Kind(lambda scene: _restart_postgres(scene, "immediate"), _has_postgres),
    "kill-postgres": Kind(_kill_postgres, _has_postgres),
    "kill-backend": Kind(_kill_backend, _has_postgres),
    "freeze-postgres": Kind(_freeze_postgres, _has_postgres),
    "cut-database": Kind(lambda scene: _cut(scene.database), _has_postgres),
    "hole-database": Kind(lambda scene: _black_hole(scene, scene.database), _has_postgres),
    "kill-redis": Kind(_kill_redis, lambda scene: scene.redis is not None),
    "fill-disk": Kind(_fill_disk, lambda scene: scene.disk is not None),
    "lock-file": Kind(_lock_file, lambda scene: scene.is_sqlite),
}
