"""A failover test: the primary goes and its standby takes over, again and again, under a busy server.

python -m tests.e2e.failover --rounds 6 --seed 1
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import httpx

from tests.conftest import SECRET_KEY
from tests.e2e.clusters import Cluster, running_pair
from tests.e2e.followed import DEADLINE_SECONDS, KeepingWriters, Receiver, compared, prepare, settled, until
from tests.e2e.patience import PatientApi, patient_api_of
from tests.e2e.server import Server, running_server
from tests.e2e.subscriber import Subscriber
from tests.e2e.writers import Writers

_WRITERS = 3
_ANSWER_SECONDS = 5
#: Between two failovers: what is written then is on both servers.
_BUSY_SECONDS = 1.5
#: How long a former primary still answers reads, and refuses writes, after others have left it.
_STALE_SECONDS = 3.0
_LAST = "{ incidentChanges(last: 1) { nodes { id } } }"
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
            async with asyncio.timeout(DEADLINE_SECONDS):
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
            until(self._is_written, promoted),
            until(self._is_ready, promoted),
        )
        await self._pair.rebuild(is_killed=is_killed)
        await until(lambda: _true(self._is_over(lines, "the database")), time.monotonic())
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
        await until(lambda: _true(all(self._is_over(0, part) for part in parts)), time.monotonic())

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


async def _true(value: bool) -> bool:
    return value


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
            after = await prepare(api, hook)
            writers = KeepingWriters(api=api, random=random.Random(seed))
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
            faults += await settled(pair.url)
            await scene.quiet()
            faults += misspoken(server.stderr, kinds)
            last = (await api.run(_LAST))["incidentChanges"]["nodes"][0]["id"]
            await subscriber.until(last, seconds=DEADLINE_SECONDS)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            server.terminate()
            await server.ended()
        faults += await compared(pair.url, writers, [subscriber], receiver, after=after)
    return faults


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
