"""`python -m tests.benchmarks.integrations`: what deliveries of monitors cost a server, of which most are repeats.

It sends alerts as fast as the server takes them, nine in ten of them repeats, beside subscribers that see what opens.
The CPU of the server's process is what to compare: the machine's other work moves rates and latencies.
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.domain.alerts.payloads import alertmanager, prometheus_alert
from tests.e2e.server import TOKEN, Server, api_of, running_server
from tests.e2e.subscriber import PROTOCOL

_CREATE = 'mutation { createIntegration(input: {type: ALERTMANAGER, name: "Prometheus"}) { token } }'
_WATCH = "subscription { incidentEvents(types: [CREATED]) { incident { title } } }"
_AT = datetime(2026, 3, 1, tzinfo=UTC)
_NAME = re.compile(r"New \d+")
_REPEATS = 9
Body = dict[str, Any]


class Watchers:
    """Subscribers, and how late they saw what opened."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.millis: list[float] = []

    @asynccontextmanager
    async def watching(self, server: Server, count: int) -> AsyncIterator[None]:
        """Have so many subscribers watch."""
        ready = [asyncio.Event() for _ in range(count)]
        tasks = [asyncio.create_task(self._watch(server, event)) for event in ready]
        await asyncio.gather(*(event.wait() for event in ready))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, server: Server, ready: asyncio.Event) -> None:
        async with connect(server.websocket_url, subprotocols=[PROTOCOL]) as socket:
            hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}}
            await socket.send(json.dumps(hello))
            await socket.recv()
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": _WATCH}}))
            ready.set()
            async for text in socket:
                found = _NAME.search(text if isinstance(text, str) else text.decode())
                if found is not None and found[0] in self.sent:
                    self.millis.append(1000 * (time.perf_counter() - self.sent[found[0]]))


class Sender:
    """A monitor that sends deliveries over several connections."""

    def __init__(self, http: httpx.AsyncClient, url: str, watchers: Watchers) -> None:
        self._http = http
        self._url = url
        self._watchers = watchers

    async def send(self, bodies: Sequence[Body], *, connections: int) -> float:
        """Send these deliveries, and return how many seconds that took."""
        waiting = iter(bodies)
        began = time.perf_counter()
        await asyncio.gather(*(self._send_from(waiting) for _ in range(connections)))
        return time.perf_counter() - began

    async def _send_from(self, waiting: Iterator[Body]) -> None:
        for body in waiting:
            now = time.perf_counter()
            for alert in body["alerts"]:
                self._watchers.sent.setdefault(alert["labels"]["alertname"], now)
            response = await self._http.post(self._url, json=body)
            assert response.status_code == httpx.codes.OK, response.text


def repeated(alerts: int, group: int) -> list[Body]:
    """Return deliveries of alerts that are known already, each with so many of one group."""
    known = [prometheus_alert(f"Known {number}", _AT) for number in range(100 * group)]
    groups = [alertmanager(*known[start : start + group]) for start in range(0, len(known), group)]
    return list(itertools.islice(itertools.cycle(groups), alerts // group))


def mixed(alerts: int, group: int) -> list[Body]:
    """Return deliveries of which one in ten has new alerts."""
    bodies = repeated(alerts, group)
    numbers = itertools.count()
    for place in range(0, len(bodies), _REPEATS + 1):
        fresh = [
            prometheus_alert(f"New {number}", _AT + timedelta(seconds=number))
            for number in itertools.islice(numbers, group)
        ]
        bodies[place] = alertmanager(*fresh)
    return bodies


async def measure(folder: Path, options: argparse.Namespace) -> None:
    """Measure and print."""
    watchers = Watchers()
    async with running_server(f"sqlite:///{folder}/incidents.db", rate_limit="0") as server, api_of(server) as api:
        token = (await api.run(_CREATE))["createIntegration"]["token"]
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(headers=headers, timeout=60, verify=False) as http:
            sender = Sender(http, f"{server.url}/integrations/alertmanager", watchers)
            print(f"{'alerts':>8}{'a delivery':>12}{'alerts/s':>10}{'CPU ms an alert':>17}{'MB':>7}")
            for group in options.groups:
                await sender.send(repeated(100 * group, group), connections=1)
                await _report(server, sender, repeated(options.alerts, group), options, "repeats")
            async with watchers.watching(server, options.subscribers):
                for group in options.groups:
                    watchers.sent.clear()
                    await _report(server, sender, mixed(options.alerts, group), options, "one in ten new")
    late = statistics.quantiles(watchers.millis, n=100) if len(watchers.millis) > 1 else [float("nan")] * 99
    print(f"{options.subscribers} subscribers: p50 {late[49]:.0f} ms, p99 {late[98]:.0f} ms, from the request on")


async def _report(
    server: Server, sender: Sender, bodies: Sequence[Body], options: argparse.Namespace, what: str
) -> None:
    alerts = sum(len(body["alerts"]) for body in bodies)
    before = server.cpu_seconds
    seconds = await sender.send(bodies, connections=options.connections)
    millis = 1000 * (server.cpu_seconds - before) / alerts
    group = len(bodies[0]["alerts"])
    print(f"{alerts:>8}{group:>12}{alerts / seconds:>10.0f}{millis:>17.2f}{server.resident_megabytes:>7.0f}  {what}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.integrations", description=__doc__)
    parser.add_argument("--alerts", type=int, default=5000, help="how many alerts each row sends")
    parser.add_argument("--groups", default="1,10", help="how many alerts a delivery has")
    parser.add_argument("--connections", type=int, default=8, help="how many deliveries are under way at a time")
    parser.add_argument("--subscribers", type=int, default=20)
    options = parser.parse_args(arguments)
    options.groups = [int(group) for group in options.groups.split(",")]
    with tempfile.TemporaryDirectory(prefix="incidentql-integrations-") as name:
        asyncio.run(measure(Path(name), options))


if __name__ == "__main__":
    main()
