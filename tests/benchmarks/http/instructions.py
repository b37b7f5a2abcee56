"""Instructions that a request takes in process, as callgrind counts them: nothing else that runs here moves them.

The server written by hand and ours are called as applications, without a network; SQLite is counted with them.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from starlette.types import ASGIApp, Message

from domain.bootstrap import running_domain
from domain.settings import Settings
from gql.app import ProtocolScope, create_app
from tests.benchmarks.http.documents import MIDDLE, ROWS, Row, place_of
from tests.benchmarks.http.peers.handwritten import application
from tests.benchmarks.http.samples import Samples, samples_of
from tests.benchmarks.http.servers import EVERYTHING, HAND_WRITTEN, TOKEN, Server
from tests.benchmarks.servers import ROOT, MissingError

#: So many before anything is counted: plans are made on the second sight of a document, and statements prepared.
_WARM_UP = 24
_REQUESTS, _ROUNDS = 12, 3
#: Valgrind takes some fifty times as long.
_SECONDS = 900
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


async def _count(name: str, url: str, folder: Path, rows: Sequence[str]) -> dict[str, float]:
    samples = samples_of(url)
    counts = {}
    async with (_by_hand if name == HAND_WRITTEN.name else _ours)(url) as app:
        for row in (row for row in ROWS if row.name in rows):
            found = await _with_cursors(app, name, samples) if row is MIDDLE else samples
            bodies = row.bodies(found)
            for _ in range(_WARM_UP):
                await _ask(app, next(bodies))
            once = await _spent(app, row, bodies, _REQUESTS, folder)
            twice = await _spent(app, row, bodies, 2 * _REQUESTS, folder)
            # What it takes to start and stop counting is in both of them.
            counts[row.name] = (twice - once) / _REQUESTS
    return counts


async def _with_cursors(app: ASGIApp, name: str, samples: Samples) -> Samples:
    if name == HAND_WRITTEN.name:
        return samples.with_cursors(samples.peers_cursors())
    answers = [json.loads(await _ask(app, place_of(moment))) for moment, _ in samples.positions]
    return samples.with_cursors([one["data"]["incidents"]["pageInfo"]["endCursor"] for one in answers])


async def _spent(app: ASGIApp, row: Row, bodies: Iterator[bytes], requests: int, folder: Path) -> int:
    # The least of some rounds: what else the process does now and then only adds to it.
    return min([await _spent_once(app, row, bodies, requests, folder) for _ in range(_ROUNDS)])


async def _spent_once(app: ASGIApp, row: Row, bodies: Iterator[bytes], requests: int, folder: Path) -> int:
    _control("--instr=on")
    _control("--zero")
    for _ in range(requests):
        await _ask(app, next(bodies))
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


async def _ask(app: ASGIApp, body: bytes) -> bytes:
    parts = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if parts:
            return parts.pop()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json"),
        (b"authorization", f"Bearer {TOKEN}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent)
    if sent[0]["status"] != 200 or b'"errors"' in answer or b'"userErrors":[{' in answer:
        raise RuntimeError(answer[:300].decode())
    return answer


@asynccontextmanager
async def _by_hand(url: str) -> AsyncIterator[ASGIApp]:
    yield application(url.removeprefix("sqlite:///"), EVERYTHING)


@asynccontextmanager
async def _ours(url: str) -> AsyncIterator[ASGIApp]:
    # Without what runs in between requests.
    settings = Settings(database_url=url, rate_limit=0, automations=False, poll_seconds=3600)
    async with running_domain(settings) as domain:
        await domain.automations.prepare()
        await domain.tokens.ensure_admin(TOKEN)
        app = create_app(domain)
        async with app.state.endpoint.running():
            yield ProtocolScope(app)


def _control(order: str) -> None:
    subprocess.run(["callgrind_control", order, str(os.getpid())], check=True, capture_output=True)


if __name__ == "__main__":
    server_name, database_url, output, *names = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_count(server_name, database_url, Path(output), names))))
