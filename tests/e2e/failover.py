"""A failover test: the primary goes and its standby takes over, again and again, under a busy server.

python -m tests.e2e.failover --rounds 6 --seed 1
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import orjson
import sqlalchemy as sa
from typing_extensions import override

from domain.bootstrap import running_domain
from domain.model.webhook import WebhookDeliveryStatus
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.webhook_tables import webhook_deliveries
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.e2e.audit import contradictions, truth_of
from tests.e2e.automation_audit import Rules, findings, recorded, unfinished
from tests.e2e.clusters import Cluster, running_pair
from tests.e2e.patience import PatientApi, patient_api_of
from tests.e2e.server import Server, running_server
from tests.e2e.subscriber import Subscriber
from tests.e2e.writers import Writers
from tests.inside import inside

_WRITERS = 3
_DEADLINE_SECONDS = 90
_ANSWER_SECONDS = 5
#: Between two failovers: what is written then is on both servers.
_BUSY_SECONDS = 1.5
#: How long a former primary still answers reads, and refuses writes, after others have left it.
_STALE_SECONDS = 3.0
_NOTED = "Somebody was called."
_RULES = Rules(degraded=timedelta(0), healthy=timedelta(0), noted=_NOTED)
_AUTOMATION = {
    "triggers": [{"event": "incident.created"}],
    "mode": "parallel",
    "max_runs": 100,
    "actions": [
        {"delay": {"seconds": 2}},
        {
            "action": "incident.add_update",
            "config": {"incidentId": "{{ trigger.payload.incidentId }}", "message": _NOTED},
        },
    ],
}
_CREATE_AUTOMATION = (
    "mutation ($input: CreateAutomationInput!) { createAutomation(input: $input) { userErrors { message } } }"
)
_DOCUMENT = "subscription { incidentChanges { id } }"
_LAST = "{ incidentChanges(last: 1) { nodes { id } } }"
_FINDINGS = ("failed runs", "orphan runs", "lost wake-ups", "steps done twice", "notes wrong", "broken workflows")
#: What a busy machine makes a server say besides: writes that waited for the standby are slow.
_HARMLESS = re.compile(r" INFO | gql\.requests\.slow: ")
_OUTAGE = re.compile(r"domain\.outages: (.+?) is (not available|available again)")


class Pair:
    """Two PostgreSQL servers, of which one is the primary and the other its synchronous standby."""

    def __init__(self, primary: Cluster, standby: Cluster) -> None:
        self.primary = primary
        self.standby = standby
        hosts = ",".join(f"127.0.0.1:{port}" for port in sorted((primary.port, standby.port)))
        #: The URL with both hosts, in the order of their ports.
        self.url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write&connect_timeout=3"

    async def synchronize(self) -> None:
        """Have the primary acknowledge nothing that its standby has not stored."""
        self.primary.set("synchronous_standby_names = '*'")
        await self.primary.reload()
        query = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        connection = await asyncpg.connect(self.primary.url)
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                while not await connection.fetchval(query):  # noqa: ASYNC110 - a server sends no notice
                    await asyncio.sleep(0.05)
        finally:
            await connection.close()

    async def fail_over(self, *, is_killed: bool) -> None:
        """Promote the standby: after the death of the primary, or while that goes on without accepting writes."""
        if is_killed:
            self.primary.kill()
        else:
            self.primary.set("default_transaction_read_only = on")
            await self.primary.reload()
        self.standby.set("synchronous_standby_names = ''", "default_transaction_read_only = off")
        await self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    async def rebuild(self, *, is_killed: bool) -> None:
        """Make a standby of the former primary."""
        if not is_killed:
            await asyncio.sleep(_STALE_SECONDS)
            self.standby.kill()
        await self.standby.follow(self.primary)
        await self.synchronize()


class Receiver:
    """The receiver of a webhook, which takes everything."""

    def __init__(self) -> None:
        #: How often each change came.
        self.taken: Counter[str] = Counter()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen, and yield the address."""
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finally:
            server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = re.search(rb"content-length: (\d+)", head)
            assert found is not None, head
            body = orjson.loads(await reader.readexactly(int(found[1])))
            self.taken[body["data"]["incidentChanges"]["id"]] += 1
            writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class _Keeping(Writers):
    """Writers that delete no incident: an automation comments on each."""

    @override
    async def _delete(self) -> None:
        await self._comment()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The measurements of one failover: seconds, and what the server logged."""

    kind: str
    #: How long the promotion took, from the moment the primary went.
    promoted: float
    #: From the promotion until `/readyz` said so, and until a write was acknowledged.
    ready: float
    written: float
    refused: int
    lines: Sequence[str]


class Scene:
    """A server on two PostgreSQL servers, with all who use it."""

    def __init__(self, pair: Pair, server: Server, api: PatientApi, writers: Writers) -> None:
        self._pair = pair
        self._server = server
        self._api = api
        self._writers = writers

    async def round(self, *, is_killed: bool) -> Round:
        """Fail over once, and wait until all is as before."""
        await asyncio.sleep(_BUSY_SECONDS)
        lines, refused, began = len(self._server.stderr.splitlines()), self._writers.cut_off, time.monotonic()
        await self._pair.fail_over(is_killed=is_killed)
        promoted = time.monotonic()
        written, ready = await asyncio.gather(
            _until(self._is_written, promoted),
            _until(self._is_ready, promoted),
        )
        await self._pair.rebuild(is_killed=is_killed)
        await _until(lambda: _true(self._is_over(lines, "the database")), time.monotonic())
        return Round(
            kind="killed" if is_killed else "read-only",
            promoted=promoted - began,
            ready=ready,
            written=written,
            refused=self._writers.cut_off - refused,
            lines=self._server.stderr.splitlines()[lines:],
        )

    async def quiet(self) -> None:
        """Wait until every outage that was logged is over."""
        parts = {found[1] for found in _OUTAGE.finditer(self._server.stderr)}
        await _until(lambda: _true(all(self._is_over(0, part) for part in parts)), time.monotonic())

    def _is_over(self, lines: int, part: str) -> bool:
        said = [
            found[2]
            for found in _OUTAGE.finditer("\n".join(self._server.stderr.splitlines()[lines:]))
            if found[1] == part
        ]
        return said[-1:] != ["not available"]

    async def _is_written(self) -> bool:
        # By one more client: those that wrote just then may wait for a standby that is none any more.
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return not (await self._api.attempt("createSystem", key=f"after-{uuid4()}", name="After"))["userErrors"]
        except (httpx.TransportError, TimeoutError):
            return False

    async def _is_ready(self) -> bool:
        try:
            return (await self._api.get("/readyz")).is_success
        except httpx.TransportError:
            return False


def misspoken(log: str, kinds: Sequence[bool]) -> list[str]:
    """Return what a log says of outages that is not one line at the beginning of each and one at its end."""
    said: dict[str, list[str]] = defaultdict(list)
    for found in _OUTAGE.finditer(log):
        said[found[1]].append(found[2])
    turns = ["not available", "available again"]
    # One that only refuses writes is away twice: then, and when it dies with what still waits there.
    most = len(turns) * (2 * len(kinds) - sum(kinds))
    faults = [
        f"the log says of {part} {lines}"
        for part, lines in said.items()
        if lines != turns * (len(lines) // 2) or len(lines) > most
    ]
    # A server that only refuses writes may be left before one is refused.
    if len(said["the database"]) < len(turns) * sum(kinds):
        faults.append(f"the log says {len(said['the database'])} times how the database is, in {sum(kinds)} deaths")
    rest = [line for line in log.splitlines() if not _OUTAGE.search(line) and not _HARMLESS.search(line)]
    return [*faults, *(f"the log says more: {line[:300]}" for line in rest)]


async def _true(value: bool) -> bool:
    return value


async def _until(holds: Callable[[], Awaitable[bool]], since: float) -> float:
    """Return the seconds until a condition held; infinite where it never did."""
    while time.monotonic() - since < _DEADLINE_SECONDS:
        if await holds():
            return time.monotonic() - since
        await asyncio.sleep(0.05)
    return float("inf")


async def fail_over(kinds: Sequence[bool], *, seed: int) -> list[str]:
    """Fail over once for each of the kinds, True for a primary that is killed, and return all violations."""
    receiver, faults = Receiver(), []
    async with running_pair() as servers, receiver.listening() as hook:
        pair = Pair(*servers)
        await pair.synchronize()
        settings: dict[str, Any] = {
            "broadcast_url": pair.url,
            "rate_limit": "0",
            "secret_key": SECRET_KEY,
            "http_allow": "127.0.0.1",
        }
        async with running_server(pair.url, may_complain=True, **settings) as server, patient_api_of(server) as api:
            after = await _prepare(api, hook)
            writers = _Keeping(api=api, random=random.Random(seed))
            writers.up.set()
            subscriber = Subscriber(server, after=after)
            following = asyncio.create_task(subscriber.run())
            clients = [asyncio.create_task(writers.run()) for _ in range(_WRITERS)]
            scene = Scene(pair, server, api, writers)
            for is_killed in kinds:
                done = await scene.round(is_killed=is_killed)
                _show(done)
            writers.stopping = True
            await asyncio.gather(*clients)
            faults += await _settled(pair.url)
            await scene.quiet()
            faults += misspoken(server.stderr, kinds)
            last = (await api.run(_LAST))["incidentChanges"]["nodes"][0]["id"]
            await subscriber.until(last, seconds=_DEADLINE_SECONDS)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            server.terminate()
            await server.ended()
        faults += await _compared(pair.url, writers, subscriber, receiver)
    return faults


async def _prepare(api: PatientApi, hook: str) -> str:
    after = await api.create_system()
    await api.write("createWebhook", url=hook, document=_DOCUMENT, audience="RESPONDERS")
    given = {"name": "call", "definition": _AUTOMATION}
    made = (await api.run(_CREATE_AUTOMATION, input=given))["createAutomation"]
    assert made["userErrors"] == [], made
    return after


async def _settled(url: str) -> list[str]:
    """Wait until no run and no delivery is left to do; return what is."""

    async def left(session: ReadSession) -> int:
        pending = webhook_deliveries.c.status == WebhookDeliveryStatus.PENDING
        counted = await session.connection.scalar(sa.select(sa.func.count()).where(pending))
        return int(counted or 0) + await unfinished(session)

    async with running_domain(Settings(database_url=url), live=False) as domain:
        database = inside(domain).database

        async def is_done() -> bool:
            return not await database.read(left)

        seconds = await _until(is_done, time.monotonic())
        print(f"  nothing left to do after {seconds:.1f} s", flush=True)
        return [] if seconds <= _DEADLINE_SECONDS else [f"{await database.read(left)} runs and deliveries never ended"]


async def _compared(url: str, writers: Writers, subscriber: Subscriber, receiver: Receiver) -> list[str]:
    """Hold what everybody saw against what is stored, and return all differences."""
    truth = await truth_of(url)
    expected = [change.id for change in truth.log]
    found = [*contradictions(truth), *writers.missing(truth), *writers.repeated(truth), *writers.mistakes]
    found += subscriber.refusals
    if subscriber.seen != expected:
        missed, invented = set(expected) - set(subscriber.seen), set(subscriber.seen) - set(expected)
        found.append(f"the subscriber missed {len(missed)}, {len(invented)} are invented, or the order is another")
    if lost := set(expected) - set(receiver.taken):
        found.append(f"the webhook missed {len(lost)}")
    if invented := set(receiver.taken) - set(expected):
        found.append(f"the webhook got {len(invented)} that never were")
    automations = await recorded(url, _RULES)
    violations = findings(automations)
    found += [f"{name}: {what}" for name in _FINDINGS for what in violations[name]]
    found += [f"a delivery is {status}" for status in await _failed(url)]
    print(
        f"  {len(writers.acknowledged)} writes acknowledged, {writers.cut_off} refused or cut off; "
        f"{len(expected)} changes for a subscriber that connected {subscriber.connections} times; "
        f"runs: {dict(automations.statuses)}; {sum(receiver.taken.values())} deliveries, "
        f"{sum(receiver.taken.values()) - len(receiver.taken)} of them again",
        flush=True,
    )
    return found


async def _failed(url: str) -> list[str]:
    """Return the states of deliveries that failed: the receiver took all that came."""

    async def read(session: ReadSession) -> list[str]:
        statement = sa.select(webhook_deliveries.c.status).where(
            webhook_deliveries.c.status != WebhookDeliveryStatus.DELIVERED
        )
        return list(await session.connection.scalars(statement))

    async with running_domain(Settings(database_url=url), live=False) as domain:
        return await inside(domain).database.read(read)


def _show(done: Round) -> None:
    print(
        f"  {done.kind}: promoted after {done.promoted:.1f} s, then ready after {done.ready:.1f} s, "
        f"a write acknowledged after {done.written:.1f} s; {done.refused} refused or cut off"
    )
    for line in done.lines:
        print(f"    {line[:200]}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.failover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="how many times the standby takes over")
    parser.add_argument("--seed", type=int, default=1, help="what the choices start from")
    options = parser.parse_args(arguments)
    choices = random.Random(options.seed)
    # Both kinds in turn, in an order of chance.
    kinds = [is_killed for _ in range(0, options.rounds, 2) for is_killed in choices.sample((True, False), 2)]
    faults = asyncio.run(fail_over(kinds[: options.rounds], seed=options.seed))
    for fault in faults[:40]:
        print(f"  {fault}")
    print(f"{options.rounds} failovers, {len(faults)} violations")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
