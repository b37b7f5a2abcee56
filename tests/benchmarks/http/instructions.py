"""Instructions that a request takes in process, as callgrind counts them: nothing else that runs here moves them.

The server written by hand and ours get the bytes of a connection, through the protocol that serves them, and without a
network; SQLite is counted with them.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from typing_extensions import override
from uvicorn.server import ServerState

from domain.bootstrap import running_domain
from domain.clock import Clock
from domain.model.moment import cut
from domain.settings import Settings
from gql.app import create_app
from gql.cli.serving import configure
from gql.transport.connections import ConnectionLimits
from tests.benchmarks.http.client import framed
from tests.benchmarks.http.documents import MIDDLE, ROWS, Row, place_of
from tests.benchmarks.http.peers.handwritten import application
from tests.benchmarks.http.peers.serving import settings_of
from tests.benchmarks.http.samples import Samples, samples_of
from tests.benchmarks.http.servers import EVERYTHING, HAND_WRITTEN, TOKEN, Server
from tests.benchmarks.servers import ROOT, MissingError

#: So many before anything is counted: plans are made on the second sight of a document, and statements prepared.
_WARM_UP = 24
_REQUESTS, _ROUNDS = 12, 3
_PATIENCE = 1000
#: Valgrind takes some fifty times as long.
_SECONDS = 900
_LENGTH = re.compile(rb"content-length: (\d+)")
_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


def counted(server: Server, url: str, rows: Sequence[Row]) -> dict[str, float]:
    """Instructions a request by the name of the row, as counted in a process of its own.

    A server of another checkout is counted by that one's code, and asked by this file.

    Raises:
        MissingError: there is no valgrind.
        RuntimeError: the process failed.
    """
    if shutil.which("valgrind") is None:
        raise MissingError("counting instructions needs valgrind: install the package of that name")
    with tempfile.TemporaryDirectory(prefix="incidentql-callgrind-") as folder:
        command = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            f"--callgrind-out-file={folder}/out.%p",
            # By its path, and with nothing of its folder beside it.
            *(sys.executable, "-P", __file__, server.name, url, folder, *[row.name for row in rows]),
        ]
        root = server.root or ROOT
        environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-1500:])
        counts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return counts


class _Unhurried(uvloop.Loop):
    """A loop whose timers wait a thousand times as long.

    Valgrind takes so long that whatever polls once a second would have a turn in each request.
    """

    @override
    def call_later(self, delay: float, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # passed on
        return super().call_later(_PATIENCE * delay, *arguments, **options)

    @override
    def call_at(self, when: float, *arguments: Any, **options: Any) -> Any:  # type: ignore[override]  # passed on
        return self.call_later(when - self.time(), *arguments, **options)


class _Slow(Clock):
    """A clock that goes as slowly as the timers: what is known stays known for as many requests."""

    def __init__(self) -> None:
        self._began = super().now()

    @override
    def now(self) -> datetime:
        now = super().now()
        return cut(self._began + (now - self._began) / _PATIENCE)


class _Client(asyncio.Transport):
    """The client's end of a connection in memory, which sends one request after another."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 8000)})
        config.load()
        make: Callable[..., asyncio.Protocol] = config.http_protocol_class
        self._protocol = make(config=config, server_state=ServerState(), app_state={})
        self._protocol.connection_made(self)
        self._got = b""
        self._answered: asyncio.Future[bytes] | None = None

    async def ask(self, body: bytes) -> bytes:
        """Return the answer to a request.

        Raises:
            RuntimeError: it is an error.
        """
        self._answered = asyncio.get_running_loop().create_future()
        self._protocol.data_received(framed(body, token=TOKEN))
        answer = await self._answered
        if not self._got.startswith(b"HTTP/1.1 200") or b'"errors"' in answer or b'"userErrors":[{' in answer:
            raise RuntimeError(self._got[:500].decode())
        self._got = b""
        return answer

    @override
    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if end and len(body) == int(_LENGTH.findall(head)[0]) and self._answered is not None:
            self._answered.set_result(body)

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    @override
    def is_closing(self) -> bool:
        return False

    @override
    def pause_reading(self) -> None:
        pass

    @override
    def resume_reading(self) -> None:
        pass


async def _count(name: str, url: str, folder: Path, rows: Sequence[str]) -> dict[str, float]:
    samples = samples_of(url)
    counts = {}
    async with (_by_hand if name == HAND_WRITTEN.name else _ours)(url) as client:
        for row in (row for row in ROWS if row.name in rows):
            found = await _with_cursors(client, name, samples) if row is MIDDLE else samples
            bodies = row.bodies(found)
            for _ in range(_WARM_UP):
                await client.ask(next(bodies))
            once = await _spent(client, row, bodies, _REQUESTS, folder)
            twice = await _spent(client, row, bodies, 2 * _REQUESTS, folder)
            # What it takes to start and stop counting is in both of them.
            counts[row.name] = (twice - once) / _REQUESTS
    return counts


async def _with_cursors(client: _Client, name: str, samples: Samples) -> Samples:
    if name == HAND_WRITTEN.name:
        return samples.with_cursors(samples.peers_cursors())
    answers = [json.loads(await client.ask(place_of(moment))) for moment, _ in samples.positions]
    return samples.with_cursors([one["data"]["incidents"]["pageInfo"]["endCursor"] for one in answers])


async def _spent(client: _Client, row: Row, bodies: Iterator[bytes], requests: int, folder: Path) -> int:
    # The least of some rounds: what else the process does now and then only adds to it.
    return min([await _spent_once(client, row, bodies, requests, folder) for _ in range(_ROUNDS)])


async def _spent_once(client: _Client, row: Row, bodies: Iterator[bytes], requests: int, folder: Path) -> int:
    _control("--instr=on")
    _control("--zero")
    for _ in range(requests):
        await client.ask(next(bodies))
    _control(f"--dump={row.name}")
    _control("--instr=off")
    return _collected(folder)


def _collected(folder: Path) -> int:
    total = 0
    for dump in folder.glob(f"out.{os.getpid()}.*"):
        found = _TOTALS.search(dump.read_text())
        total += int(found[1]) if found else 0
        dump.unlink()
    return total


@asynccontextmanager
async def _by_hand(url: str) -> AsyncIterator[_Client]:
    app = application(url.removeprefix("sqlite:///"), EVERYTHING)
    yield _Client(uvicorn.Config(app, **settings_of("off")))


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[_Client]:
    # Without what runs in between requests.
    settings = Settings(database_url=url, rate_limit=0, automations=False, poll_seconds=3600)
    async with running_domain(settings, clock=_Slow()) as domain:
        await domain.automations.prepare()
        await domain.tokens.ensure_admin(TOKEN)
        app = create_app(domain)
        async with app.state.endpoint.running():
            config, _ = configure(app, ConnectionLimits.of(settings))
            yield _Client(config)


def _control(order: str) -> None:
    subprocess.run(["callgrind_control", order, str(os.getpid())], check=True, capture_output=True)


if __name__ == "__main__":
    server_name, database_url, output, *names = sys.argv[1:]
    with asyncio.Runner(loop_factory=_Unhurried) as runner:
        print(json.dumps(runner.run(_count(server_name, database_url, Path(output), names))))
