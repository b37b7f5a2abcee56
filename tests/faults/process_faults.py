"""Faults of processes: killed, frozen, replaced by others, of other code or with another clock."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tests.e2e.processes import children_of, is_running
from tests.e2e.server import Server
from tests.faults.scene import Scene
from tests.faults.starting import start_former

_LONGEST_SECONDS = 3.0
_AWAY_SECONDS = 1.5
#: How long a process that is given an order looks for the next commit.
_ORDER_SECONDS = 3.0
_MOST_HOURS = 6


async def kill_server(scene: Scene) -> None:
    """Kill a server; the workers of a killed parent end by themselves."""
    server = scene.choices.choice(scene.servers)
    await scene.kill(server)
    await scene.restart(server)


async def kill_worker(scene: Scene) -> None:
    """Kill one of two workers, or both with their parent where only one is left."""
    processes = _workers(scene)
    if len(processes) < 2:
        await scene.kill(scene.servers[0])
        await scene.restart(scene.servers[0])
        return
    os.kill(scene.choices.choice(processes), signal.SIGKILL)


async def kill_work(scene: Scene) -> None:
    assert scene.work is not None
    await scene.work.close()
    await asyncio.sleep(scene.choices.uniform(0, _AWAY_SECONDS))
    await scene.work.start()


async def at_commit(scene: Scene, name: str, times: int = 1) -> None:
    """Let whichever process commits next obey an order just before that, or just after; so many in turn."""
    order = scene.orders / name
    for _ in range(times):
        order.touch()
        with suppress(TimeoutError):
            async with asyncio.timeout(_ORDER_SECONDS):
                while order.exists():  # noqa: ASYNC110 - the process that takes it says nothing any more
                    await asyncio.sleep(0.02)
        order.unlink(missing_ok=True)
        await asyncio.sleep(0.2)


async def freeze(scene: Scene) -> None:
    """Suspend one process of any kind for up to three seconds."""
    processes = [*_workers(scene), scene.servers[1].pid]
    if scene.work is not None:
        processes.append(scene.work.pid)
    with _frozen(scene.choices.choice(processes)):
        await asyncio.sleep(scene.choices.uniform(0.2, _LONGEST_SECONDS))


async def replace(scene: Scene) -> None:
    """Stop each server in turn with SIGTERM and start it again, as an upgrade does."""
    for server in scene.servers:
        await _renew(scene, server)


async def _renew(scene: Scene, server: Server) -> None:
    server.terminate()
    code = await server.ended()
    assert code == 0, f"a server that was told to end did so with {code}"
    await scene.start(server)


async def upgrade(scene: Scene) -> None:
    """Replace one process by one of a former commit's code, or back."""
    assert scene.former is not None
    former = partial(start_former, scene.former)
    chosen = scene.choices.choice([*scene.servers, scene.work])
    assert chosen is not None, "no upgrade fits a small scene"
    prepare = scene.present.pop(chosen, None)
    if prepare is None:
        scene.present[chosen], prepare = chosen.prepare, former
    chosen.prepare = prepare
    if isinstance(chosen, Server):
        await _renew(scene, chosen)
    else:
        await kill_work(scene)


async def skew_clock(scene: Scene) -> None:
    """Let the second server's clock jump by hours, or back to the right time; it stays so."""
    assert scene.clock is not None
    hours = scene.choices.choice((0.0, scene.choices.uniform(-_MOST_HOURS, _MOST_HOURS)))
    await asyncio.to_thread(scene.set_clock, hours * 3600)
    await asyncio.sleep(scene.choices.uniform(0, _LONGEST_SECONDS))


def _workers(scene: Scene) -> list[int]:
    return [process for process in children_of(scene.servers[0].pid) if is_running(process)]


@contextmanager
def _frozen(process: int) -> Iterator[None]:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
