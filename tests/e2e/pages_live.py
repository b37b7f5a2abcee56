"""The open pages of the board while their server is killed, and their browser suspended and cut off.

A board, an incident, the systems and a wall stay open and are never loaded again. Run it as

    python -m tests.e2e.pages_live --kills 20 --seed 1
"""

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.async_api import Browser, Page

from tests.e2e.api import Api
from tests.e2e.boards import visiting
from tests.e2e.browsers import running_browser, suspended
from tests.e2e.databases import fresh_database
from tests.e2e.list_writer import ListWriter
from tests.e2e.pages_shown import differences, shown, truth, whole
from tests.e2e.server import Server, api_of, running_server

_PATHS = {"board": "", "incident": "incidents/1", "systems": "systems", "wall": "wall"}
_COLUMNS = ("trouble", "down ms", "right ms", "live late ms", "dead late ms", "differences")
#: So long the pages may take until they are right again, on a machine with much else to do.
_PATIENCE_SECONDS = 40
_PAUSE_SECONDS = 0.05
_TIMED = 5
#: How often a page tells what it says of its connection, and when it first shows a text that is waited for.
_WATCH = """
window.pills = [];
window.arrivals = {};
const watched = new MutationObserver(() => {
  const pill = document.querySelector(".wall-heard, .connection")?.dataset.status;
  if (pill && pill !== window.pills.at(-1)?.[1]) window.pills.push([Date.now(), pill]);
  if (window.awaited && !(window.awaited in window.arrivals) && document.body.textContent.includes(window.awaited))
    window.arrivals[window.awaited] = Date.now();
});
addEventListener("DOMContentLoaded", () => watched.observe(document.documentElement,
  { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-status"] }));
"""


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of a run. Times are in milliseconds."""

    rows: list[tuple[object, ...]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    #: From a write's request until a page showed it.
    latencies: list[float] = field(default_factory=list)
    writes: int = 0
    #: Told each row as soon as there is one.
    tell: Callable[[Sequence[object]], None]


@dataclass(slots=True, kw_only=True)
class _Scene:
    """The server, its writer, and the pages by name."""

    server: Server
    api: Api
    dice: random.Random
    browser: Browser
    pages: dict[str, Page]
    incident: str
    result: Result
    writer: ListWriter
    is_paused: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self) -> None:
        """Write without end, but while paused; a killed server's answers are not waited for."""
        while True:
            if self.is_paused.is_set():
                self.idle.set()
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self.idle.clear()
            try:
                await self._write_once()
                self.result.writes += 1
            except httpx.TransportError:
                pass  # what a killed server did of it shows in the truth
            except AssertionError as error:
                self.result.violations.append(f"writer: {error}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _write_once(self) -> None:
        if self.dice.random() < 0.6:
            await self.writer.write()
            return
        number = self.dice.randrange(1_000_000)
        kind = self.dice.choice(("message", "message", "status", "title", "link", "severity"))
        match kind:
            case "title" | "severity":
                value = f"Watched {number}" if kind == "title" else self.dice.choice(("MINOR", "MAJOR", "CRITICAL"))
                await self.api.attempt("updateIncident", id=self.incident, **{kind: value})
            case "link":
                await self.api.attempt("addIncidentLink", incidentId=self.incident, url=f"https://example.com/{number}")
            case _:
                statuses = ("INVESTIGATING", "IDENTIFIED", "FIXING", "MONITORING", "RESOLVED")
                more = {"statusChange": self.dice.choice(statuses)} if kind == "status" else {}
                await self.api.attempt("addIncidentUpdate", incidentId=self.incident, message=f"Word {number}", **more)

    async def settle(self) -> tuple[float, list[str]]:
        """Pause the writer; return after how long all pages were right, and in what they still differ."""
        self.is_paused.set()
        await self.idle.wait()
        expected = await truth(self.api, self.incident)
        began = time.monotonic()
        while True:
            found = [
                difference
                for name, page in self.pages.items()
                for difference in differences(name, await shown(name, page), expected[name])
            ]
            if not found or time.monotonic() - began > _PATIENCE_SECONDS:
                return (time.monotonic() - began) * 1000, found
            await asyncio.sleep(_PAUSE_SECONDS)

    async def all_live(self) -> None:
        """Wait until every page says that it is live."""
        for page in self.pages.values():
            await page.wait_for_function("() => window.pills.at(-1)?.[1] === 'live'", timeout=_PATIENCE_SECONDS * 1000)

    async def since(self, moment: float, status: str) -> float:
        """Return how many milliseconds after a moment the last page first said that it is live, or that it is not."""
        is_live = "true" if status == "live" else "false"
        said = f"([when, pill]) => when >= at && (pill === 'live') === {is_live}"
        late = f"(at) => (window.pills.find({said})?.[0] ?? at) - at"
        return max([float(await page.evaluate(late, moment)) for page in self.pages.values()])

    async def time_changes(self, count: int) -> None:
        """Time changes until the board and the incident's page show them."""
        for _ in range(count):
            text = f"Timed {self.dice.randrange(10**9)}"
            pages = [self.pages["board"], self.pages["incident"]]
            for page in pages:
                await page.evaluate("(text) => { window.awaited = text; }", text)
            began = time.time() * 1000
            await self.api.write("updateIncident", id=self.incident, title=text)
            for page in pages:
                arrived = await page.wait_for_function("(text) => window.arrivals[text]", arg=text, timeout=20_000)
                self.result.latencies.append(float(await arrived.json_value()) - began)


async def watch_pages(
    database_url: str, *, kills: int, seed: int, timed: int, tell: Callable[[Sequence[object]], None] = lambda _: None
) -> Result:
    """Trouble pages and their server; tell and return what they showed after each.

    After each, that many changes are timed.
    """
    result = Result(tell=tell)
    async with _scene(database_url, seed, result) as scene:
        writing = asyncio.create_task(scene.write())
        try:
            await scene.all_live()
            for nth in range(kills):
                await _trouble(scene, "killed", _kill, timed)
                if nth % 4 == 0:
                    await _trouble(scene, "suspended", _suspend, timed)
                if nth % 4 == 1:
                    await _trouble(scene, "offline", _cut_off, timed)
            await _compare_with_new_pages(scene)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
    return result


async def _trouble(scene: _Scene, name: str, cause: Any, timed: int) -> None:
    scene.is_paused.clear()
    await asyncio.sleep(scene.dice.uniform(0.2, 1.0))
    away_at, back_at = await cause(scene)
    took, found = await scene.settle()
    await scene.all_live()
    dead_late = await scene.since(away_at, "dead") if name == "killed" else 0.0
    live_late = await scene.since(back_at, "live")
    figures = (back_at - away_at, took, live_late, dead_late)
    row = (name, *(f"{figure:.0f}" for figure in figures), len(found))
    scene.result.rows.append(row)
    scene.result.tell(row)
    scene.result.violations += [f"{name}: {difference}" for difference in found]
    # As people leave it: open, for others to see.
    await scene.api.attempt("addIncidentUpdate", incidentId=scene.incident, message="On", statusChange="FIXING")
    await scene.api.attempt("updateIncident", id=scene.incident, severity="CRITICAL")
    await scene.time_changes(timed)


async def _kill(scene: _Scene) -> tuple[float, float]:
    away_at = time.time() * 1000
    await scene.server.kill()
    await asyncio.sleep(scene.dice.uniform(0.0, 2.0))
    await scene.server.start()
    return away_at, time.time() * 1000


async def _suspend(scene: _Scene) -> tuple[float, float]:
    away_at = time.time() * 1000
    async with suspended(scene.browser):
        await asyncio.sleep(scene.dice.uniform(1.0, 3.0))
    return away_at, time.time() * 1000


async def _cut_off(scene: _Scene) -> tuple[float, float]:
    away_at = time.time() * 1000
    for page in scene.pages.values():
        await page.context.set_offline(True)
    await asyncio.sleep(scene.dice.uniform(1.0, 3.0))
    for page in scene.pages.values():
        await page.context.set_offline(False)
    return away_at, time.time() * 1000


async def _compare_with_new_pages(scene: _Scene) -> None:
    """Note in what pages that were open all the time differ from the same pages loaded now."""
    _, found = await scene.settle()
    scene.result.violations += found
    for name, page in scene.pages.items():
        before = await whole(page)
        await page.reload()
        began = time.monotonic()
        while (after := await whole(page)) != before and time.monotonic() - began < _PATIENCE_SECONDS / 4:
            await page.wait_for_timeout(_PAUSE_SECONDS * 1000)
        if after != before:
            at = next((nth for nth, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
            near = slice(max(0, at - 60), at + 100)
            scene.result.violations.append(f"{name}: was {before[near]!r}, loaded anew {after[near]!r}")


@asynccontextmanager
async def _scene(database_url: str, seed: int, result: Result) -> AsyncIterator[_Scene]:
    dice = random.Random(seed)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(database_url))
        api = await stack.enter_async_context(api_of(server))
        writer = ListWriter(api, random.Random(seed))
        await writer.begin()
        incident = await api.create_incident("Watched", severity="CRITICAL")
        browser = await stack.enter_async_context(running_browser())
        pages = {}
        for name, path in _PATHS.items():
            visit = await stack.enter_async_context(visiting(browser, server, signed_in=True, may_complain=True))
            await visit.page.add_init_script(_WATCH)
            await visit.open(path)
            pages[name] = visit.page
        yield _Scene(
            server=server,
            api=api,
            dice=dice,
            browser=browser,
            pages=pages,
            incident=incident,
            result=result,
            writer=writer,
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where a page showed anything wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.pages_live", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many times to kill the server")
    parser.add_argument("--seed", type=int, default=1, help="what choices and moments start from")
    options = parser.parse_args(arguments)
    return asyncio.run(_print(options.kills, options.seed))


async def _print(kills: int, seed: int) -> int:
    _print_row(_COLUMNS)
    async with fresh_database("sqlite") as url:
        result = await watch_pages(url, kills=kills, seed=seed, timed=_TIMED, tell=_print_row)
    ordered = sorted(result.latencies)
    last = ordered[math.ceil(0.99 * len(ordered)) - 1]
    times = f"{statistics.median(ordered):.0f} ms at the median, {last:.0f} ms at p99"
    print(f"{result.writes} writes beside; {len(ordered)} changes shown after {times}")
    for violation in result.violations:
        print(f"  {violation}")
    return 1 if result.violations else 0


def _print_row(row: Sequence[object]) -> None:
    print("  ".join(f"{cell:>12}" for cell in row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
