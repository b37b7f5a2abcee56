"""An upgrade drill: servers of an earlier version and of this one on one database, forth and back, under writes.

python -m tests.e2e.upgrade --database sqlite --from HEAD~20

Needs the history of git for the earlier version: by default the last one whose schema is older than this one's.
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from typing_extensions import override

from tests.conftest import SECRET_KEY
from tests.e2e.api import Api
from tests.e2e.databases import DIALECTS, empty_database
from tests.e2e.followed import DEADLINE_SECONDS, KeepingWriters, Receiver, compared, prepare, settled
from tests.e2e.server import TOKEN
from tests.e2e.subscriber import Subscriber
from tests.e2e.versions import NoHistoryError, Running, Version, before_newest_migration, checked_out, this_version

_WRITERS = 4
_LAST = "{ incidentChanges(last: 1) { nodes { id } } }"
_NEWER = "The database has a newer schema"
#: What a busy machine makes a server say besides.
_HARMLESS = re.compile(r" INFO | gql\.requests\.slow: |^IncidentQL serves ")


class SpreadApi(Api):
    """A client of several servers, as behind a balancer: each request goes to one of those that are in use."""

    def __init__(self, client: httpx.AsyncClient, choices: random.Random) -> None:
        super().__init__(client, "")
        self._choices = choices
        self._under_way: Counter[Running] = Counter()
        self.servers: list[Running] = []
        self.answered: Counter[str] = Counter()
        #: The longest time that a request took since this was last set to nothing.
        self.longest_seconds = 0.0

    @override
    async def post(self, query: str, **variables: Any) -> httpx.Response:
        server, began = self._choices.choice(self.servers), time.monotonic()
        self._under_way[server] += 1
        try:
            body = {"query": query, "variables": variables}
            response = await self._client.post(server.graphql_url, json=body)
        finally:
            self._under_way[server] -= 1
        self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
        assert response.is_success, (server.version.name, response.status_code, response.text)
        self.answered[server.version.name] += 1
        return response

    async def leave(self, server: Running) -> None:
        """Send a server no more requests, and wait until it has answered those it has."""
        self.servers.remove(server)
        while self._under_way[server]:  # noqa: ASYNC110 - requests are answered soon, and send no notice
            await asyncio.sleep(0.01)


@dataclass(slots=True)
class Address:
    """An address that leads to another server later."""

    server: Running

    @property
    def websocket_url(self) -> str:
        """The URL of the endpoint for WebSockets."""
        return self.server.websocket_url


class Drill:
    """Servers of two versions on one database, with all who use them."""

    def __init__(self, old: Running, new: Sequence[Running], api: SpreadApi, *, seconds: float) -> None:
        self._old = old
        self._first, self._second = new
        self._api = api
        self._seconds = seconds
        self._addresses = [Address(old), Address(self._first)]
        self._following: list[asyncio.Task[None]] = []
        self.faults: list[str] = []
        self.subscribers: list[Subscriber] = []

    async def begin(self, receiver_url: str) -> str:
        """Start the earlier version alone, with a subscriber, and return the cursor that everybody follows from."""
        await self._old.start()
        self._api.servers = [self._old]
        after = await prepare(self._api, receiver_url)
        self.subscribers = [Subscriber(address, after=after) for address in self._addresses]
        self._follow(0)
        return after

    async def go_forth_and_back(self) -> None:
        """Upgrade, take it back, and upgrade for good, while others write."""
        old, first, second = self._old, self._first, self._second
        await self._busy("the earlier version alone")
        starts = await asyncio.gather(first.start(), second.start())
        print(f"  two of this version start at once and migrate: ready after {max(starts):.1f} s")
        self._api.servers += [first, second]
        self._follow(1)
        await self._busy("both versions")
        await self._stop(old, leads_to=second)
        await self._busy("this version alone")
        await self._rejoin(old)
        if _NEWER not in old.log:
            self.faults.append("the earlier version does not say that the schema is newer than its own")
        await self._busy("taken back, both versions")
        await self._stop(first, leads_to=old)
        await self._stop(second, leads_to=old)
        await self._busy("taken back, the earlier version alone")
        await self._rejoin(second)
        await self._stop(old, leads_to=second)
        await self._busy("this version again")

    async def end(self, url: str) -> None:
        """Wait until everybody has seen all, and stop the last server."""
        self.faults += await settled(url)
        last = (await self._api.run(_LAST))["incidentChanges"]["nodes"][0]["id"]
        for subscriber, task in zip(self.subscribers, self._following, strict=True):
            await subscriber.until(last, seconds=DEADLINE_SECONDS)
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        await self._stop(self._second, leads_to=self._second)
        for server in (self._old, self._first, self._second):
            lines = server.log.splitlines()
            self.faults += [f"{server.version.name} says {line[:300]}" for line in lines if not _HARMLESS.search(line)]

    def _follow(self, number: int) -> None:
        self._following.append(asyncio.create_task(self.subscribers[number].run()))

    async def _busy(self, name: str) -> None:
        before, self._api.longest_seconds = self._api.answered.copy(), 0.0
        await asyncio.sleep(self._seconds)
        answered = self._api.answered - before
        print(f"  {name}: {dict(answered)} answers, the slowest after {self._api.longest_seconds:.2f} s", flush=True)

    async def _rejoin(self, server: Running) -> None:
        await server.start()
        self._api.servers.append(server)

    async def _stop(self, server: Running, *, leads_to: Running) -> None:
        await self._api.leave(server)
        for address in self._addresses:
            if address.server is server:
                address.server = leads_to
        if code := await server.stop():
            self.faults.append(f"{server.version.name} ended with {code}")


async def upgrade(url: str, old: Version, *, seed: int, seconds: float, incidents: int) -> list[str]:
    """Go through the drill on an empty database and return all violations."""
    new, receiver, choices = this_version(), Receiver(), random.Random(seed)
    settings = {
        "database_url": url,
        "admin_token": TOKEN,
        "secret_key": SECRET_KEY,
        "http_allow": "127.0.0.1",
        "rate_limit": "0",
        "broadcast_url": url if url.startswith("postgresql") else "memory://",
    }
    code, printed = await old.run("demo", "--incidents", str(incidents), settings=settings)
    assert code == 0, printed
    async with AsyncExitStack() as stack:
        hook = await stack.enter_async_context(receiver.listening())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="incidentql-upgrade-")))
        servers = [Running(version, folder, settings) for version in (old, new, new)]
        for server in servers:
            stack.push_async_callback(server.close)
        client = await stack.enter_async_context(_client())
        api = SpreadApi(client, choices)
        drill = Drill(servers[0], servers[1:], api, seconds=seconds)
        after = await drill.begin(hook)
        writers = KeepingWriters(api=api, random=choices)
        writers.up.set()
        clients = [asyncio.create_task(writers.run()) for _ in range(_WRITERS)]
        await drill.go_forth_and_back()
        writers.stopping = True
        await asyncio.gather(*clients)
        await drill.end(url)
    faults = drill.faults + await compared(url, writers, drill.subscribers, receiver, after=after)
    code, printed = await new.run("verify", settings={"database_url": url})
    print(f"  verify: {printed.splitlines()[-1]}")
    return faults if code == 0 else [*faults, f"verify ended with {code}: {printed}"]


@asynccontextmanager
async def _client() -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, timeout=DEADLINE_SECONDS, verify=False) as client:
        yield client


async def _on_each(dialects: Sequence[str], revision: str, options: argparse.Namespace) -> int:
    with TemporaryDirectory(prefix="incidentql-version-") as folder:
        old = await asyncio.to_thread(checked_out, revision, Path(folder))
        count = 0
        for dialect in dialects:
            print(f"{dialect}, from {old.name}", flush=True)
            async with empty_database(dialect) as url:
                faults = await upgrade(
                    url, old, seed=options.seed, seconds=options.seconds, incidents=options.incidents
                )
            for fault in faults[:40]:
                print(f"  {fault}")
            print(f"  {len(faults)} violations", flush=True)
            count += len(faults)
    return 1 if count else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.upgrade", description=__doc__)
    parser.add_argument("--database", choices=DIALECTS, help="both by default")
    parser.add_argument("--from", dest="revision", help="the earlier version, as git names it")
    parser.add_argument("--seed", type=int, default=1, help="what the choices start from")
    parser.add_argument("--seconds", type=float, default=8, help="how long each of the six phases takes")
    parser.add_argument("--incidents", type=int, default=200, help="how many incidents of the demo there are before")
    options = parser.parse_args(arguments)
    try:
        revision = options.revision or before_newest_migration()
        return asyncio.run(_on_each((options.database,) if options.database else DIALECTS, revision, options))
    except NoHistoryError as error:
        parser.error(f"this checkout has no such version: {error}")


if __name__ == "__main__":
    sys.exit(main())
