"""A crash test of notifications: kills servers while they send, then counts what is lost, invented or repeated.

python -m tests.e2e.notifications --count 100 --kills 25 --seed 1 --database sqlite
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import sqlalchemy as sa

from domain.automations.services.automations import WriteAutomation
from domain.bootstrap import Domain, running_domain
from domain.clock import Clock
from domain.model.commands import CreateIncident
from domain.model.incident import Incident, Severity
from domain.persistence.automation_tables import automation_steps
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.e2e.api import mutation_text
from tests.e2e.automation_crash import until_quiet
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.server import TOKEN, Server, running_server
from tests.factories import ADMIN, make_channel, make_system
from tests.inside import inside

_SERVERS = 2
_ANSWER_SECONDS = 5.0
#: How long the service takes for an answer at most: kills fall between sending and noting it.
_SLOWEST_SECONDS = 0.2
_NEWS, _HEALTH, _REMINDER = "News:", "Health:", "Reminder:"
#: What sends, by its name: the trigger, and the title of the message.
_AUTOMATIONS = {
    "news": ("incident.created", f"{_NEWS} {{{{ trigger.payload.title }}}}", "incident"),
    "health": ("system.health_changed", f"{_HEALTH} {{{{ trigger.payload.systemName }}}}", "health"),
    "reminder": ("incident.updated", f"{_REMINDER} {{{{ trigger.payload.title }}}}", "reminder"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as the service received it."""

    title: str
    id: str
    at: float


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome: what was to be sent, what came, and when processes were killed."""

    wanted: list[str]
    received: list[Received] = field(default_factory=list)
    #: When each kill was over.
    kills: list[float] = field(default_factory=list)
    #: How often a step was skipped, by reason.
    skipped: Mapping[str, int] = field(default_factory=dict)
    #: How many messages were to be silenced, by reason.
    to_skip: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    quiet_seconds: float | None = None

    @property
    def repeated(self) -> int:
        """The number of messages that came more than once."""
        return sum(len(found) > 1 for found in self._by_title().values())

    @property
    def violations(self) -> dict[str, list[str]]:
        """All violations by name."""
        by_title = self._by_title()
        found = {
            "lost": [title for title in self.wanted if title not in by_title],
            "invented": [title for title in by_title if title not in self.wanted],
            "under several ids": [title for title, came in by_title.items() if len({one.id for one in came}) > 1],
            "repeated without a kill": [title for title, came in by_title.items() if not self._is_explained(came)],
            "not recorded as skipped": [
                name for name, count in self.to_skip.items() if self.skipped.get(name) != count
            ],
        }
        return {name: what for name, what in found.items() if what}

    def _is_explained(self, came: Sequence[Received]) -> bool:
        """Return whether a process was killed between each two arrivals of a message."""
        moments = sorted(one.at for one in came)
        return all(any(first <= kill <= second for kill in self.kills) for first, second in pairwise(moments))

    def _by_title(self) -> dict[str, list[Received]]:
        found: dict[str, list[Received]] = defaultdict(list)
        for one in self.received:
            found[one.title].append(one)
        return found


@asynccontextmanager
async def _service(result: Result, choices: random.Random) -> AsyncIterator[int]:
    """Yield the port of a service that notes each message as it comes, and takes its time to answer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            size = int(head.partition("content-length: ")[2].split("\r\n")[0])
            body = json.loads(await reader.readexactly(size))
            result.received.append(Received(title=body["title"], id=body["id"], at=time.monotonic()))
            await asyncio.sleep(choices.uniform(0, _SLOWEST_SECONDS))
            writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        listening.close()


class Writers:
    """Callers that write to whichever server answers, again until it does."""

    def __init__(self, servers: Sequence[Server], client: httpx.AsyncClient, choices: random.Random) -> None:
        self._servers = servers
        self._client = client
        self._random = choices

    async def write(self, mutation: str, **input: Any) -> None:
        """Write once, however many servers die meanwhile."""
        body = {"query": mutation_text(mutation), "variables": {"input": input}}
        while True:
            try:
                answer = await self._client.post(self._random.choice(self._servers).graphql_url, json=body)
                if not answer.json()["data"][mutation]["userErrors"]:
                    return
            except (httpx.TransportError, ValueError, KeyError, TypeError):
                pass
            await asyncio.sleep(0.05)


async def crash(database_url: str, *, count: int, kills: int, seed: int) -> Result:
    """Kill servers while they send `count` messages, as many that are silenced besides, and return what came."""
    began, choices = time.monotonic(), random.Random(seed)
    result = Result(wanted=[f"{_NEWS} {number}" for number in range(count)])
    settings: dict[str, Any] = {"secret_key": SECRET_KEY, "http_allow": "127.0.0.1"}
    if database_url.startswith("postgres"):
        settings["broadcast_url"] = database_url
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(_service(result, choices))
        own = Settings(database_url=database_url, secret_key=SECRET_KEY, http_allow=("127.0.0.1",))
        domain = await stack.enter_async_context(running_domain(own, live=False))
        snoozed = await _furnish(domain, port)
        servers = [
            await stack.enter_async_context(running_server(database_url, may_complain=True, **settings))
            for _ in range(_SERVERS)
        ]
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=_ANSWER_SECONDS, verify=False)
        )
        writers = Writers(servers, client, choices)
        await _write_and_kill(writers, servers, result, kills=kills, choices=choices, snoozed=snoozed)
        result.quiet_seconds = await until_quiet(domain)
        result.skipped = await inside(domain).database.read(_skipped)
    result.seconds = time.monotonic() - began
    return result


async def _furnish(domain: Domain, port: int) -> Incident:
    """Add the channel, what sends through it, and two incidents: one suppresses health, the other is snoozed."""
    await make_channel(domain, "service", f"json://127.0.0.1:{port}/")
    for name, (event, title, about) in _AUTOMATIONS.items():
        definition = {
            "triggers": [{"event": event}],
            "mode": "parallel",
            "max_runs": 100,
            "actions": [
                {
                    "action": "notify",
                    "config": {"channel": "service", "title": title, "body": "-", "about": about},
                    "retry": {"attempts": 5, "delay_seconds": 0.5},
                }
            ],
        }
        await domain.automations.service.create(ADMIN, WriteAutomation(name=name, definition=definition))
    opened = {}
    for key in ("payments", "quiet", "snoozed"):
        await make_system(domain, key)
        if key != "payments":
            command = CreateIncident(
                title=f"on {key}", severity=Severity.MINOR, systems=[key], suppress_notifications=key == "quiet"
            )
            opened[key] = (await domain.incidents.create(ADMIN, command)).value.incident
    snoozed = opened["snoozed"]
    assert snoozed is not None
    await domain.responders.snooze(ADMIN, snoozed.id, Clock().now() + timedelta(days=1))
    return snoozed


async def _write_and_kill(
    writers: Writers,
    servers: Sequence[Server],
    result: Result,
    *,
    kills: int,
    choices: random.Random,
    snoozed: Incident,
) -> None:
    count = len(result.wanted)
    at = {round((number + 0.5) * count / kills) for number in range(kills)} if kills else set()
    silenced, lock = 0, asyncio.Lock()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await writers.write(
                "createIncident",
                title=str(number),
                severity="MAJOR",
                systemIds=["payments"],
                idempotencyKey=f"incident {number}",
            )
            if number % 4 == 0:
                silenced += 1
                await writers.write(
                    "reportSystemHealth", system="quiet", status="HEALTHY" if silenced % 2 == 0 else "DEGRADED"
                )
                severity = "MAJOR" if silenced % 2 else "CRITICAL"
                await writers.write("updateIncident", id=snoozed.id, severity=severity)
            if number in at:
                tasks.create_task(_kill(choices.choice(servers), lock, choices.uniform(0, 0.15), result))
                await asyncio.sleep(choices.uniform(0, 0.3))
    result.to_skip = {"suppressed": silenced, "snoozed": silenced}


async def _kill(server: Server, lock: asyncio.Lock, wait_seconds: float, result: Result) -> None:
    # One at a time: it is to be found out what becomes of a message while another server is there.
    async with lock:
        await asyncio.sleep(wait_seconds)
        await server.kill()
        result.kills.append(time.monotonic())
        await server.start()


async def _skipped(session: ReadSession) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for output in await session.connection.scalars(sa.select(automation_steps.c.output)):
        if output and "skipped" in output:
            found[output["skipped"]] += 1
    return dict(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.notifications", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how many messages are to be sent")
    parser.add_argument("--kills", type=int, default=25, help="how many times to kill one of the two servers")
    parser.add_argument("--seed", type=int, default=1, help="what the choices and the moments start from")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await crash(url, count=options.count, kills=options.kills, seed=options.seed)
        silent = ", ".join(f"{name} {count}" for name, count in sorted(result.skipped.items()))
        print(
            f"{dialect}: {len(result.wanted)} messages wanted, {len(result.received)} received, "
            f"{result.repeated} of them repeated, {len(result.kills)} kills; silenced: {silent}; "
            f"{result.seconds:.0f} s"
        )
        for name, what in result.violations.items():
            print(f"  {name}: {len(what)}: {', '.join(what[:10])}")
        sys.stdout.flush()
        sound = sound and not result.violations and result.quiet_seconds is not None
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
