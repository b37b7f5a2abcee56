"""`python -m tests.e2e.alertmanager`: Debian's Prometheus and Alertmanager against a server, with real alerts.

Two alerts of one group fire, are repeated, end one after the other, and survive restarts of Alertmanager and of the
server. It is no part of the suite: it takes a minute, and needs the packages of both.
"""

import asyncio
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.docs.blocks import blocks_in
from tests.e2e.api import Api
from tests.e2e.server import Server, api_of, running_server

_SECONDS = 90.0
_PROGRAMS = ("prometheus", "prometheus-alertmanager", "amtool")
_CREATE = """
mutation { createIntegration(input: {type: ALERTMANAGER, name: "Prometheus"}) { token userErrors { message } } }
"""
_SHOW = """{
  incidents(filter: {includeResolved: true}, orderBy: {field: NUMBER, direction: ASC}) {
    nodes { reference title status severity systems { key } occurredAt resolvedAt }
  }
  integrationDeliveries(first: 100) { nodes { outcome times alerts opened resolved reason } }
}"""
_RULES = """
groups:
  - name: checks
    rules:
      - alert: Broken
        expr: broken > 0
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.service }} is broken", runbook_url: "https://example.com/runbook"}
"""
Shown = Mapping[str, Any]


class Metrics:
    """A target of Prometheus, whose values the command sets."""

    def __init__(self) -> None:
        self.values = {"checkout": 0, "search": 0}
        self.port = 0

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer requests for the metrics."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = "".join(f'broken{{service="{name}"}} {value}\n' for name, value in self.values.items()).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


class Program:
    """One of the programs, which can be ended and started again on its data."""

    def __init__(self, *command: str, folder: Path) -> None:
        self._command = command
        self._log = folder / f"{Path(command[0]).name}.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log)

    async def stop(self) -> None:
        """End it, as a service manager does, and wait until it has written its state."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await asyncio.wait_for(self._process.wait(), _SECONDS)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configured(folder: Path, server: Server, token: str, metrics: Metrics) -> tuple[Program, Program]:
    """Write the settings of both programs, those of Alertmanager as the page on integrations has them."""
    manager, prometheus = free_port(), free_port()
    text = blocks_in("yml")[0].text.replace("https://incidents.example.com", server.url).replace("<token>", token)
    settings = yaml.safe_load(text)
    settings["route"] |= {"group_wait": "1s", "group_interval": "1s", "repeat_interval": "4s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    (folder / "rules.yml").write_text(_RULES)
    target = {"job_name": "checks", "static_configs": [{"targets": [f"127.0.0.1:{metrics.port}"]}]}
    watching = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "scrape_configs": [target],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(watching))
    return (
        Program(
            "prometheus-alertmanager",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/manager",
            f"--web.listen-address=127.0.0.1:{manager}",
            "--cluster.listen-address=",
            folder=folder,
        ),
        Program(
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{prometheus}",
            folder=folder,
        ),
    )


async def until(api: Api, what: str, holds: Callable[[Shown], bool]) -> Shown:
    """Return what the server shows, as soon as that holds.

    Raises:
        TimeoutError: it does not.
    """
    began = time.monotonic()
    while True:
        shown: Shown = await api.run(_SHOW)
        if holds(shown):
            print(f"{time.monotonic() - began:6.1f} s  {what}")
            return shown
        if time.monotonic() - began > _SECONDS:
            raise TimeoutError(f"not within {_SECONDS:g} s: {what}\n{shown}")
        await asyncio.sleep(0.2)


def statuses(shown: Shown) -> list[str]:
    """Return the status of each incident."""
    return [incident["status"] for incident in shown["incidents"]["nodes"]]


def repeats(shown: Shown) -> int:
    """Return how many deliveries changed nothing."""
    nodes = shown["integrationDeliveries"]["nodes"]
    return sum(delivery["times"] for delivery in nodes if delivery["outcome"] == "UNCHANGED")


async def play(api: Api, metrics: Metrics, restart: Callable[[], Awaitable[None]]) -> Shown:
    """Let alerts fire, repeat and end, with restarts in between."""
    both, one, none = ["INVESTIGATING"] * 2, ["RESOLVED", "INVESTIGATING"], ["RESOLVED"] * 2
    metrics.values |= {"checkout": 1, "search": 1}
    await until(api, "two alerts of one group opened an incident each", lambda shown: statuses(shown) == both)
    shown = await until(api, "a repeat changed nothing", lambda shown: repeats(shown) >= 2 and statuses(shown) == both)
    metrics.values["search" if shown["incidents"]["nodes"][0]["title"].startswith("search") else "checkout"] = 0
    await until(api, "the end of one resolved its incident and no other", lambda shown: statuses(shown) == one)
    before = repeats(await api.run(_SHOW))
    await restart()
    await until(
        api,
        "after restarts of Alertmanager and the server, repeats changed nothing",
        lambda shown: repeats(shown) >= before + 2 and statuses(shown) == one,
    )
    metrics.values |= {"checkout": 0, "search": 0}
    return await until(api, "the end of the other resolved its incident", lambda shown: statuses(shown) == none)


async def check(folder: Path) -> None:
    """Run everything in a folder, and print what was seen."""
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(metrics.serving())
        server = await stack.enter_async_context(running_server(f"sqlite:///{folder}/incidents.db"))
        api = await stack.enter_async_context(api_of(server))
        token = (await api.run(_CREATE))["createIntegration"]["token"]
        manager, prometheus = configured(folder, server, token, metrics)
        checking = await asyncio.create_subprocess_exec("amtool", "check-config", f"{folder}/alertmanager.yml")
        assert await checking.wait() == 0, "amtool refuses the settings of the page"
        for program in (manager, prometheus):
            stack.push_async_callback(program.stop)
            await program.start()

        async def restart() -> None:
            await manager.stop()
            await server.restart()
            await manager.start()

        shown = await play(api, metrics, restart)
    for incident in shown["incidents"]["nodes"]:
        print(f"{incident['reference']}: {incident['title']}, {incident['severity']}, {incident['systems'][0]['key']}")
        print(f"  from {incident['occurredAt']} to {incident['resolvedAt']}")
    refused = [each["reason"] for each in shown["integrationDeliveries"]["nodes"] if each["reason"] is not None]
    print(f"{repeats(shown)} deliveries changed nothing, {len(refused)} were refused")
    assert refused == []


def main() -> None:
    """Run the check, or say what is missing for it."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        print(f"missing: {', '.join(missing)}. Debian has them in prometheus and prometheus-alertmanager.")
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="incidentql-alertmanager-") as name:
        asyncio.run(check(Path(name)))


if __name__ == "__main__":
    main()
