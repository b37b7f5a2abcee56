"""A crash test of webhooks: kills servers while they deliver, then holds what a receiver took against the log.

python -m tests.e2e.webhooks --kills 50 --seed 1 --database sqlite
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
from typing import Any

import httpx
import sqlalchemy as sa
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from domain.bootstrap import Domain, running_domain
from domain.model.change import Change
from domain.model.webhook import WebhookDeliveryStatus
from domain.persistence.unit_of_work import ReadSession, UnitOfWork
from domain.persistence.webhook_tables import webhook_deliveries, webhook_queues
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.notifications import Writers
from tests.e2e.server import TOKEN, Server, running_server
from tests.inside import inside

_ANSWER_SECONDS = 10.0
#: How long the receiver takes for an answer at most: kills fall between the answer and its record.
_SLOWEST_SECONDS = 0.1
#: How many writes there are for each kill.
_WRITES = 6
#: Longer than a lease, a retry and the rest of an idle server.
_QUIET_SECONDS = 240.0
DOCUMENT = "subscription { incidentChanges { id cursor incidentId version } }"


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome: what each webhook was to get, by incident and in order, and what it took."""

    wanted: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    #: The changes that were taken, by webhook and incident, as they came.
    taken: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    #: The ids of deliveries by webhook and change.
    ids: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    unsigned: list[str] = field(default_factory=list)
    refused: int = 0
    kills: int = 0
    is_quiet: bool = False
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """The number of deliveries that were taken."""
        return sum(len(changes) for by_incident in self.taken.values() for changes in by_incident.values())

    @property
    def repeated(self) -> int:
        """The number of those that had been taken before."""
        return self.count - len(self.ids)

    @property
    def violations(self) -> dict[str, list[str]]:
        """All violations by name."""
        found: dict[str, list[str]] = defaultdict(list)
        for name, wanted in self.wanted.items():
            for incident in {*wanted, *self.taken[name]}:
                came = list(dict.fromkeys(self.taken[name][incident]))
                due = wanted.get(incident, [])
                found["lost"] += sorted(set(due) - set(came))
                found["invented"] += sorted(set(came) - set(due))
                if came != due and set(came) == set(due):
                    found["out of order"].append(incident)
        found["under several ids"] = [change for (_, change), ids in self.ids.items() if len(ids) > 1]
        found["not signed"] = self.unsigned
        return {name: what for name, what in found.items() if what}


class Receiver:
    """A server that verifies each delivery with the official library, and refuses or drops a few."""

    def __init__(self, result: Result, choices: random.Random, *, fails: float) -> None:
        self._result = result
        self._random = choices
        self._fails = fails
        self.secrets: dict[str, str] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            status = self._answer(head[0].split(" ")[1].strip("/"), headers, body)
            await asyncio.sleep(self._random.uniform(0, _SLOWEST_SECONDS))
            if status:
                writer.write(f"HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, name: str, headers: Mapping[str, str], body: bytes) -> int:
        try:
            # It refuses what it does not know the signature of, or what is older than five minutes.
            event = Verifier(self.secrets[name]).verify(body, dict(headers))
        except WebhookVerificationError:
            self._result.unsigned.append(headers.get("webhook-id", ""))
            return 400
        if self._random.random() < self._fails:
            self._result.refused += 1
            return self._random.choice((0, 500))
        data = event["data"]
        change, incident = _named(data["incidentChanges"] if name == "document" else data)
        self._result.taken[name][incident].append(change)
        self._result.ids[name, change].add(headers["webhook-id"])
        return 204


def _named(data: Mapping[str, Any]) -> tuple[str, str]:
    return data.get("changeId") or data["id"], data["incidentId"]


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    """Start the receiver and yield its URL."""
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def crash(
    database_url: str, *, kills: int, seed: int, servers: int = 2, fails: float = 0.05, waits: bool = True
) -> Result:
    """Kill servers while they deliver, and return what came; without `waits`, leases of the dead end at once."""
    began, choices, result = time.monotonic(), random.Random(seed), Result()
    settings: dict[str, Any] = {"secret_key": SECRET_KEY, "http_allow": "127.0.0.1", "automations": "false"}
    if database_url.startswith("postgres"):
        settings["broadcast_url"] = database_url
    receiver = Receiver(result, choices, fails=fails)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(listening(receiver))
        own = Settings(database_url=database_url, secret_key=SECRET_KEY)
        domain = await stack.enter_async_context(running_domain(own, live=False))
        running = [
            await stack.enter_async_context(running_server(database_url, may_complain=True, **settings))
            for _ in range(servers)
        ]
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers={"authorization": f"Bearer {TOKEN}"}, timeout=_ANSWER_SECONDS, verify=False)
        )
        api = Api(client, running[0].graphql_url)
        await api.create_system()
        for name, given in (("events", {}), ("document", {"document": DOCUMENT, "audience": "RESPONDERS"})):
            made = await api.write("createWebhook", url=f"{url}/{name}", **given)
            receiver.secrets[name] = made["secret"]
        writers = Writers(running, client, choices)
        for _ in range(kills):
            writing = asyncio.create_task(_write(writers, domain, choices))
            await asyncio.sleep(choices.uniform(0.05, 0.4))
            await _restart(choices.choice(running), domain, result, waits=waits)
            await writing
        result.wanted = wanted_of(await _log(domain))
        result.is_quiet = await _quiet(domain, result)
    result.seconds = time.monotonic() - began
    return result


async def _write(writers: Writers, domain: Domain, choices: random.Random) -> None:
    """Write to whichever server answers: new incidents, and changes of those that are there."""
    known = [change.entity_id for change in await _log(domain)]
    for _ in range(_WRITES):
        if not known or choices.random() < 0.4:
            await writers.write("createIncident", title="Slow", severity="MAJOR", systemIds=["payments"])
        elif choices.random() < 0.5:
            await writers.write("addIncidentUpdate", incidentId=choices.choice(known), message="Looking")
        else:
            severity = choices.choice(("MINOR", "MAJOR", "CRITICAL"))
            await writers.write("updateIncident", id=choices.choice(known), severity=severity)


async def _restart(server: Server, domain: Domain, result: Result, *, waits: bool) -> None:
    await server.kill()
    result.kills += 1
    if not waits:
        await _database(domain).write(end_leases)
    await server.start()


async def end_leases(unit: UnitOfWork) -> None:
    """End all leases, as if their time was over: those of the dead, too."""
    await unit.connection.execute(sa.update(webhook_queues).values(leased_until=None))


async def _log(domain: Domain) -> list[Change]:
    found: list[Change] = []
    while page := await domain.events.raw(found[-1].seq if found else 0, limit=1000):
        found += page
    return [change for change in found if change.kind == "incident"]


def wanted_of(log: Sequence[Change]) -> dict[str, dict[str, list[str]]]:
    """Return what each webhook is to get, by incident and in order."""
    wanted: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in ("events", "document")}
    for change in log:
        wanted["document"][change.entity_id].append(change.id)
        if change.events:
            wanted["events"][change.entity_id].append(change.id)
    return wanted


async def _quiet(domain: Domain, result: Result) -> bool:
    """Wait until nothing is pending and everything came; return False where that takes too long."""
    ends = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < ends:
        left = await _database(domain).read(count_pending)
        if not left and "lost" not in result.violations:
            return True
        await asyncio.sleep(0.1)
    return False


async def count_pending(session: ReadSession) -> int:
    """Count the deliveries that are still to be sent."""
    pending = webhook_deliveries.c.status == WebhookDeliveryStatus.PENDING
    return int(await session.connection.scalar(sa.select(sa.func.count()).where(pending)) or 0)


def _database(domain: Domain) -> Any:
    return inside(domain).database


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.webhooks", description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many times to kill one of the two servers")
    parser.add_argument("--seed", type=int, default=1, help="what the choices and the moments start from")
    parser.add_argument("--database", choices=(*DIALECTS, "both"), default="both")
    options = parser.parse_args(arguments)
    dialects = DIALECTS if options.database == "both" else (options.database,)
    return asyncio.run(_compare(dialects, options))


async def _compare(dialects: Sequence[str], options: argparse.Namespace) -> int:
    is_sound = True
    for dialect in dialects:
        async with fresh_database(dialect) as url:
            result = await crash(url, kills=options.kills, seed=options.seed)
        print(
            f"{dialect}: {len(result.ids)} deliveries taken, {result.repeated} of them again, {result.refused} refused "
            f"at first; {result.kills} kills; quiet: {result.is_quiet}; {result.seconds:.0f} s"
        )
        for name, what in result.violations.items():
            print(f"  {name}: {len(what)}: {json.dumps(what[:10])}")
        sys.stdout.flush()
        is_sound = is_sound and not result.violations and result.is_quiet
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
