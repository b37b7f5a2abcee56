"""The client's file in Chromium over hours in which nearly nothing happens, behind proxies that cut what is idle.

python -m tests.e2e.client_idle --minutes 60
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from tests.e2e.api import Api
from tests.e2e.browsers import running_browser
from tests.e2e.client_file import log_of
from tests.e2e.databases import DIALECTS, fresh_database
from tests.e2e.relay import Relay, relaying
from tests.e2e.server import TOKEN, Addressed, api_of, running_server

#: The pages: their transport, and after how much silence their proxy cuts. The pings of sockets come every 20 s,
#: the heartbeat of streams every 15: a minute is the usual patience of proxies, the other ones cut all the time.
PATIENCE = (("ws", 60.0), ("sse", 60.0), ("ws", 12.0), ("sse", 9.0))
#: From here on a proxy is patient enough for pings.
_PATIENT_SECONDS = 20.0
_CATCH_UP_SECONDS = 120
_ITEM = "id title"
_LIST = f"{{ incidents(first: 100) {{ totalCount nodes {{ {_ITEM} }} }} }}"
#: Streams are one for each subscription, so a page with streams watches one thing, to be counted as one connection.
_WATCH = """async ([token, after, transport]) => {
  const { connect } = await import("/client.js");
  [window.seen, window.states, window.lists] = [[], [], []];
  window.client = connect({ token, transport });
  window.watching = client.watch("subscription ($after: String) { incidentChanges(after: $after) { id } }", {
    after,
    next: ({ incidentChanges }) => seen.push(incidentChanges.id),
    state: ({ status, reason }) => states.push(reason ? `${status}: ${reason.code} ${reason.message}` : status),
  });
  if (transport === "ws") client.watch(
    `subscription ($after: String) { incidentList(first: 100, after: $after) {
      startsOver totalCount changes { index previousIndex incident { ITEM } } } }`,
    { list: (nodes, { totalCount }) => lists.push({ totalCount, nodes }) },
  );
}""".replace("ITEM", _ITEM)


@dataclass(slots=True, kw_only=True)
class Watched:
    """A page behind a proxy of its own, and its outcome."""

    transport: str
    idle_seconds: float
    page: Page
    relay: Relay
    states: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    async def look(self, log: list[str], incidents: dict[str, Any]) -> None:
        """Wait until the page has the last change; note what it missed, got twice, or shows wrongly."""
        with suppress(PlaywrightTimeoutError):
            caught_up = f"seen.at(-1) === '{log[-1]}'"
            if self.transport == "ws":
                caught_up += f" && lists.at(-1)?.totalCount === {incidents['totalCount']}"
            await self.page.wait_for_function(caught_up, timeout=1000 * _CATCH_UP_SECONDS, polling=50)
        seen = await self.page.evaluate("seen")
        if seen != log:
            self.violations.append(f"it saw {seen}, and the log is {log}")
        if self.transport == "ws" and (shown := await self.page.evaluate("lists.at(-1)")) != incidents:
            self.violations.append(f"its list is {shown}, and the query shows {incidents}")

    async def conclude(self) -> None:
        """Note its states, and what was wrong with its connections."""
        try:
            # Its proxy may have cut it off a moment ago; then it is back soon.
            live = "watching.state.status === 'live'"
            await self.page.wait_for_function(live, timeout=1000 * _CATCH_UP_SECONDS, polling=50)
        except PlaywrightTimeoutError:
            self.violations.append(f"in the end it is not live: {await self.page.evaluate('states')}")
        self.states = Counter(await self.page.evaluate("states"))
        if self.relay.most_open != 1:
            self.violations.append(f"{self.relay.most_open} connections were open at a time")


async def rest(
    browser: Browser,
    server: Addressed,
    writing: Addressed,
    *,
    pauses: Sequence[float],
    patience: Sequence[tuple[str, float]] = PATIENCE,
) -> list[Watched]:
    """Let a server and its pages rest so many seconds before each write of another server, and compare after each."""
    numbers = count(1)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(api_of(writing))
        after = await api.create_system()
        watched = []
        for transport, idle_seconds in patience:
            relay = await stack.enter_async_context(relaying(server.url))
            relay.idle_seconds = idle_seconds
            page = await browser.new_page()
            stack.push_async_callback(page.close)
            await page.goto(f"{relay.url}/livez")
            await page.evaluate(_WATCH, [TOKEN, after, transport])
            watched.append(Watched(transport=transport, idle_seconds=idle_seconds, page=page, relay=relay))
        for pause in pauses:
            await asyncio.sleep(pause)
            await api.create_incident(f"Incident {next(numbers)}")
            await _compare(watched, api)
        for each in watched:
            await each.conclude()
    return watched


async def _compare(watched: Sequence[Watched], api: Api) -> None:
    log, incidents = await log_of(api), (await api.run(_LIST))["incidents"]
    for each in watched:
        await each.look(log, incidents)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 for any violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.client_idle", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long it all takes")
    parser.add_argument("--every", type=float, default=10, help="how many minutes are between two writes")
    options = parser.parse_args(arguments)
    pauses = [60 * options.every] * max(1, round(options.minutes / options.every))
    return asyncio.run(_show(pauses))


async def _show(pauses: Sequence[float]) -> int:
    async with running_browser() as browser:
        return max(await asyncio.gather(*(_show_one(browser, dialect, pauses) for dialect in DIALECTS)))


async def _show_one(browser: Browser, dialect: str, pauses: Sequence[float]) -> int:
    async with fresh_database(dialect) as url, running_server(url) as server, running_server(url) as writing:
        watched = await rest(browser, server, writing, pauses=pauses)
    for each in watched:
        print(
            f"{dialect}: {each.transport} behind a proxy that cuts after {each.idle_seconds:.0f} s: "
            f"{len(pauses)} writes in {sum(pauses) / 60:.0f} minutes, {each.relay.opened} connections, "
            f"{each.relay.most_open} at a time, {each.relay.cuts} cuts"
        )
        for state, times in each.states.most_common():
            print(f"  {times:>4} {state}")
        for violation in each.violations:
            print(f"  VIOLATION {violation}")
        if each.relay.cuts and each.idle_seconds > _PATIENT_SECONDS:
            print("  a connection was cut in spite of its pings", flush=True)
    return 1 if any(each.violations for each in watched) else 0


if __name__ == "__main__":
    sys.exit(main())
