"""The client's file in Chromium over crashes of the server, sleep, and a network that cuts and forgets connections.

python -m tests.e2e.client_file --count 20 --seed 1
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import httpx
from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from gql.transport import endpoint
from tests.e2e.api import Api
from tests.e2e.browsers import running_browser, suspended
from tests.e2e.databases import fresh_database
from tests.e2e.relay import Relay, relaying
from tests.e2e.server import TOKEN, Addressed, api_of, running_server

#: How much faster time passes for the page and for the server's pings.
SPEED = 10
_PING_SECONDS = endpoint._PING_SECONDS
_CATCH_UP_SECONDS = 120
_PAUSE_SECONDS = 0.02
#: Longer than two pings, after which the server drops a client that is silent.
_ASLEEP_SECONDS = 2.5 * _PING_SECONDS / SPEED
#: What happens beside the kills; each is a method of a trial.
OTHERS = ("sleep", "freeze", "starve", "forget", "cut")
_LOG = """query ($after: String) { incidentChanges(first: 100, after: $after) {
  nodes { id } pageInfo { endCursor hasNextPage } } }"""

#: Time for the page's scripts: faster, and an hour later after a sleep. And a count of its connections.
_CLOCK = """(() => {
  const [now, later, often, began] = [Date.now, window.setTimeout, window.setInterval, Date.now()];
  let skipped = 0;
  window.asleepSince = 0;
  Date.now = () => {
    const real = now();
    if (window.asleepSince && real - window.asleepSince > 1000) [skipped, window.asleepSince] = [skipped + 3600000, 0];
    return began + (real - began) * SPEED + skipped;
  };
  window.setTimeout = (call, millis, ...rest) => later(call, millis / SPEED, ...rest);
  window.setInterval = (call, millis, ...rest) => often(call, millis / SPEED, ...rest);
  window.mostOpen = 0;
  const sockets = new Set();
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      sockets.add(this);
      for (const each of sockets) if (each.readyState > 1) sockets.delete(each);
      window.mostOpen = Math.max(window.mostOpen, sockets.size);
    }
  };
})()""".replace("SPEED", str(SPEED))
_WATCH = """async ([token, after]) => {
  const { connect } = await import("/client.js");
  window.seen = [];
  window.states = [];
  window.client = connect({ token: async () => token });
  window.watching = client.watch(
    "subscription ($after: String) { incidentChanges(after: $after) { id } }",
    {
      after,
      next: ({ incidentChanges }) => seen.push(incidentChanges.id),
      state: ({ status, reason }) => states.push(reason ? `${status}: ${reason.code} ${reason.message}` : status),
    },
  );
}"""


@dataclass(slots=True, kw_only=True)
class Result:
    """The outcome."""

    changes: int = 0
    kills: int = 0
    sleeps: int = 0
    cuts: int = 0
    connections: int = 0
    most_open: int = 0
    seconds: float = 0
    states: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


def hurry() -> None:
    """Let a server's process ping as much more often as the page's time is faster."""
    endpoint._PING_SECONDS = _PING_SECONDS / SPEED


class Restarted(Addressed, Protocol):
    """A server that a trial ends."""

    async def restart(self) -> None:
        """End it without a word to anybody, and start it again."""


class Trial:
    """A page that watches, a client that writes, and what comes between them."""

    def __init__(self, server: Restarted, relay: Relay, page: Page, api: Api) -> None:
        self.server = server
        self.relay = relay
        self.page = page
        self.result = Result()
        self._api = api
        self._up = asyncio.Event()
        self._up.set()
        self._numbers = count(1)

    async def write(self) -> None:
        """Open incidents until cancelled, each once; the server may be killed at any time."""
        while True:
            title = f"Incident {next(self._numbers)}"
            while True:
                await self._up.wait()
                with suppress(httpx.TransportError):
                    await self._api.create_incident(title, idempotencyKey=title)
                    break
            await asyncio.sleep(_PAUSE_SECONDS)

    async def kill(self) -> None:
        """End the server and start it again."""
        self._up.clear()
        await self.server.restart()
        self._up.set()
        self.result.kills += 1

    async def sleep(self) -> None:
        """Suspend the browser until the server has dropped it; the network forgets the connection, an hour passes."""
        await self.page.evaluate("window.asleepSince = performance.timeOrigin + performance.now()")
        async with suspended(self.page.context.browser):  # type: ignore[arg-type]  # there is one
            self.relay.forget()
            await asyncio.sleep(_ASLEEP_SECONDS)
        self.result.sleeps += 1

    async def freeze(self) -> None:
        """Freeze the page alone, as browsers do with pages in the background."""
        session = await self.page.context.new_cdp_session(self.page)
        await session.send("Page.setWebLifecycleState", {"state": "frozen"})
        await asyncio.sleep(_ASLEEP_SECONDS)
        await session.send("Page.setWebLifecycleState", {"state": "active"})
        await session.detach()
        self.result.sleeps += 1

    async def starve(self) -> None:
        """Write nothing, so that a proxy cuts connections that are idle, several times."""
        self._up.clear()
        cuts = self.relay.cuts
        self.relay.idle_seconds = 0.3 * _PING_SECONDS / SPEED
        await _until(lambda: self.relay.cuts >= cuts + 2)
        self.relay.idle_seconds = None
        self._up.set()

    async def forget(self) -> None:
        """Let the network forget the connection, while the page is awake."""
        opened = self.relay.opened
        self.relay.forget()
        await _until(lambda: self.relay.opened > opened)

    async def cut(self) -> None:
        """Cut the connection."""
        self.relay.cut()

    async def compare(self) -> None:
        """Wait until the page has the last change; note what it missed, or got twice."""
        expected = await log_of(self._api)
        with suppress(PlaywrightTimeoutError):
            last = f"seen.at(-1) === '{expected[-1]}'"
            await self.page.wait_for_function(last, timeout=1000 * _CATCH_UP_SECONDS, polling=50)
        seen, result = await self.page.evaluate("seen"), self.result
        if seen != expected:
            repeated = [each for each, times in Counter(seen).items() if times > 1]
            missed = [each for each in expected if each not in set(seen)]
            result.violations.append(f"missed {missed}, got twice {repeated}, or in a wrong order")
        result.most_open = max(await self.page.evaluate("mostOpen"), self.relay.most_open)
        if result.most_open != 1:
            result.violations.append(f"{result.most_open} connections were open at a time")
        if await self.page.evaluate("watching.state.status") != "live":
            result.violations.append("in the end it is not live")
        states = await self.page.evaluate("states")
        result.states = Counter(states)
        if (states[0], states[-1]) != ("connecting", "live"):
            result.violations.append(f"the states were {states}")
        result.changes, result.connections, result.cuts = len(expected), self.relay.opened, self.relay.cuts


async def log_of(api: Api) -> list[str]:
    """Return the ids of all changes of incidents, in order."""
    found: list[str] = []
    after = None
    while True:
        page = (await api.run(_LOG, after=after))["incidentChanges"]
        found += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            return found
        after = page["pageInfo"]["endCursor"]


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, or for as long as anything may take: the comparison then shows what is wrong."""
    for _ in range(round(_CATCH_UP_SECONDS / _PAUSE_SECONDS)):
        if is_so():
            return
        await asyncio.sleep(_PAUSE_SECONDS)


async def endure(
    browser: Browser,
    serving: AbstractAsyncContextManager[Restarted],
    *,
    kills: int,
    seed: int,
    longest_pause: float = 3.0,
    others: Mapping[str, int],
) -> Result:
    """End the server so many times, let the other things happen in between, and compare in the end."""
    began, choices = time.monotonic(), random.Random(seed)
    async with (
        serving as server,
        relaying(server.url) as relay,
        api_of(server) as api,
    ):
        page = await browser.new_page()
        await page.add_init_script(_CLOCK)
        await page.goto(f"{relay.url}/livez")
        trial = Trial(server, relay, page, api)
        await page.evaluate(_WATCH, [TOKEN, await api.create_system()])
        writing = asyncio.create_task(trial.write())
        plan = [name for name, times in {"kill": kills, **others}.items() for _ in range(times)]
        for name in choices.sample(plan, k=len(plan)):
            await asyncio.sleep(choices.uniform(0.05, longest_pause))
            await getattr(trial, name)()
        await asyncio.sleep(longest_pause)
        writing.cancel()
        await asyncio.wait({writing})
        await trial.compare()
        await page.close()
    trial.result.seconds = time.monotonic() - began
    return trial.result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.client_file", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many times to kill the server")
    parser.add_argument("--others", type=int, default=3, help="how many sleeps, cuts and so on of each kind")
    parser.add_argument("--seed", type=int, default=1, help="what the order and the moments start from")
    options = parser.parse_args(arguments)
    others = dict.fromkeys(OTHERS, options.others)
    return asyncio.run(_show(kills=options.count, others=others, seed=options.seed))


async def _show(*, kills: int, others: Mapping[str, int], seed: int) -> int:
    async with fresh_database("sqlite") as url, running_browser() as browser:
        result = await endure(browser, running_server(url, prepare=hurry), kills=kills, seed=seed, others=others)
    print(
        f"{result.changes} changes over {result.kills} kills, {result.sleeps} sleeps, {result.cuts} cuts when idle: "
        f"{result.connections} connections, {result.most_open} at a time, {result.seconds:.0f} s"
    )
    for state, times in result.states.most_common():
        print(f"  {times:>4} {state}")
    for violation in result.violations:
        print(f"  VIOLATION {violation}")
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
