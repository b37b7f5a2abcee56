"""`python -m tests.benchmarks.memory`: the memory of servers, of workers and of sockets, and incidents on the disk.

RSS counts what processes share in each of them; PSS divides it, so that the sum is what all of them take.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import websockets

from tests.benchmarks.servers import TOKEN, await_start, free_port, post, raise_file_limit

_START_SECONDS, _STOP_SECONDS = 60, 30
_SUBSCRIPTION = "subscription { incidentChanges { cursor action incident { id title status severity } } }"
_REQUESTS = (
    'mutation { createSystem(input: {key: "payments", name: "Payments"}) { system { id } } }',
    'mutation { createIncident(input: {title: "A", severity: MAJOR, systemIds: ["payments"]}) { incident { id } } }',
    "{ incidents { nodes { id title } } }",
)
_AT_A_TIME = 50


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--workers", default="1,2,4", help="how many processes serve")
    parser.add_argument("--sockets", type=int, default=1000, help="how many sockets subscribe to one server")
    parser.add_argument("--incidents", type=int, default=2000, help="how many incidents are written to the disk")
    options = parser.parse_args(arguments)
    raise_file_limit()
    for count in options.workers.split(","):
        with _serving(int(count)) as (port, parent):
            _print(f"serve --workers {count}", parent, int(count))
    _work()
    with _serving(1) as (port, process):
        print(f"a socket with a subscription, of {options.sockets}: {_sockets(port, process, options.sockets):.1f} KB")
    print(f"1,000 incidents on the disk, of {options.incidents}: {_disk(options.incidents):.1f} MB")


@contextmanager
def _serving(count: int) -> Iterator[tuple[int, int]]:
    """Start a server, and yield its port and process once each kind of request was answered."""
    port = free_port()
    with _command("serve", "--port", str(port), "--workers", str(count)) as (process, log):
        await_start(process, port, log)
        # With several, the first one migrates before the others start, and those listen while they do.
        _await(lambda: count == 1 or len(_children_of(process.pid)) == count, "its workers did not start")
        for document in _REQUESTS:
            post(port, {"query": document})
        yield port, process.pid


def _work() -> None:
    with _command("work") as (process, log):
        _await(lambda: "runs automations" in log.read_text(), "it did not start")
        _print("work", process.pid, 1)


@contextmanager
def _command(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a command of ours on a database of its own, in a process that shares nothing with this one."""
    with TemporaryDirectory(prefix="incidentql-memory-") as name:
        log = Path(name) / "log"
        settings = {
            "PATH": "/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "INCIDENTQL_ADMIN_TOKEN": TOKEN,
            "INCIDENTQL_DATABASE_URL": f"sqlite:///{name}/incidents.db",
            # All of the load comes from one address.
            "INCIDENTQL_MAX_CONNECTIONS_PER_ADDRESS": "1000000",
            "INCIDENTQL_MAX_SOCKETS_PER_CALLER": "1000000",
        }
        with log.open("wb") as output:
            command = [sys.executable, "-m", "gql.cli", *arguments]
            process = subprocess.Popen(command, env=settings, stdout=output, stderr=output)
        try:
            yield process, log
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def _sockets(port: int, process: int, count: int) -> float:
    """Return the kilobytes by which a server grows with each socket."""

    async def measure() -> float:
        async with AsyncExitStack() as stack:
            # The first one brings what all of them share.
            await stack.enter_async_context(await _subscribed(port))
            before, _ = _megabytes(process)
            for begun in range(0, count, _AT_A_TIME):
                together = (_subscribed(port) for _ in range(min(_AT_A_TIME, count - begun)))
                for socket in await asyncio.gather(*together):
                    await stack.enter_async_context(socket)
            after, _ = _megabytes(process)
            return (after - before) * 1000 / count

    return asyncio.run(measure())


async def _subscribed(port: int) -> websockets.ClientConnection:
    address = f"ws://127.0.0.1:{port}/graphql"
    protocols = [websockets.Subprotocol("graphql-transport-ws")]
    socket = await websockets.connect(address, subprotocols=protocols, compression=None)
    await socket.send(json.dumps({"type": "connection_init"}))
    await socket.recv()
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": _SUBSCRIPTION}}))
    # The answer comes after the subscription was read.
    await socket.send(json.dumps({"type": "ping"}))
    await socket.recv()
    return socket


def _disk(incidents: int) -> float:
    """Return the megabytes of a thousand incidents."""
    with TemporaryDirectory(prefix="incidentql-memory-") as name:
        file = Path(name) / "incidents.db"
        url = ("--database-url", f"sqlite:///{file}")
        for command in (("migrate",), ("demo", "--incidents", str(incidents))):
            before = file.stat().st_size if file.exists() else 0
            subprocess.run([sys.executable, "-m", "gql.cli", *command, *url], check=True, capture_output=True)
        return (file.stat().st_size - before) / 1000 / incidents


def _print(name: str, parent: int, count: int) -> None:
    serving = _children_of(parent) if count > 1 else [parent]
    figures = {process: _megabytes(process) for process in {parent, *serving}}
    rss, pss = (mean(figures[process][part] for process in serving) for part in (0, 1))
    total = sum(each for _, each in figures.values())
    print(f"{name}: a process {rss:.0f} MB RSS, {pss:.0f} MB PSS; all together {total:.0f} MB PSS")


def _children_of(parent: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _megabytes(process: int) -> tuple[float, float]:
    """Return the RSS and the PSS of a process."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    found = {name: int(words.split()[0]) for name, _, words in (line.partition(":") for line in lines)}
    return found["Rss"] * 1024 / 1e6, found["Pss"] * 1024 / 1e6


def _await(is_so: Callable[[], bool], else_say: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(else_say)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
