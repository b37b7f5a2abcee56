"""The open pages of the board while their server is killed and frozen, and their browser suspended and cut off.

Its pages stay open and are never loaded again. After each trouble they have to show what the server has, and what they
said of their connection has to be right but for two seconds. Run it as

    python -m tests.e2e.pages_live --kills 20 --seed 1

It takes less than nine minutes, and ends with 1 where something differs.
"""

import argparse
import asyncio
import math
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from playwright.async_api import Browser, Page

from tests.e2e.boards import visiting
from tests.e2e.browsers import running_browser, suspended
from tests.e2e.databases import fresh_database
from tests.e2e.pages_shown import differences, shown, truth, whole
from tests.e2e.pages_writer import PagesWriter
from tests.e2e.server import Server, api_of, running_server

#: The pages that are compared with the server after each trouble, and those that are only compared with new ones.
CHECKED = {"board": "", "incident": "incidents/INC-1", "systems": "systems", "wall": "wall"}
OTHERS = {"system": "systems/payments", "automations": "automations", "maintenance": "maintenance"}
_COLUMNS = ("trouble", "away ms", "right ms", "live for dead ms", "dead for live ms", "catching up ms", "differences")
#: What a page says of a server that is there, and of one that is not; "catching up" until it shows what that has.
_THERE, _AWAY = ("live", "returning"), ("connecting", "behind", "ended")
#: So long a pill may be wrong.
MOST_WRONG_MILLIS = 2_000
#: So long the pages may take until they are right again, on a machine with much else to do.
_PATIENCE_SECONDS = 45
#: So long it takes at most; a run that could not do all of it in this time has failed.
_MOST_SECONDS = 520
#: Settings and maintenance are asked for again after so long.
_ASKED_SECONDS = 11
_PAUSE_SECONDS = 0.05
_TIMED = 5
#: What a page says of its connection, and since when; and when it first shows a text that is waited for.
_WATCH = """
window.pills = [];
window.arrivals = {};
const watched = new MutationObserver(() => {
  const pill = (document.querySelector(".wall-heard") ?? document.querySelector(".connection"))?.dataset.status;
  if (pill && pill !== window.pills.at(-1)?.[1]) window.pills.push([Date.now(), pill]);
  if (window.awaited && !(window.awaited in window.arrivals) && document.body.textContent.includes(window.awaited))
    window.arrivals[window.awaited] = Date.now();
});
addEventListener("DOMContentLoaded", () => watched.observe(document.documentElement,
  { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["data-status"] }));
"""
#: For how long, between two moments, a page said one of some states of its connection.
_SAID = """([from, to, states]) => {
  const pills = [...window.pills, [Infinity, ""]];
  let longest = 0;
  for (let nth = 0; nth + 1 < pills.length; nth += 1) {
    const [begin, end] = [Math.max(from, pills[nth][0]), Math.min(to, pills[nth + 1][0])];
    if (states.includes(pills[nth][1])) longest = Math.max(longest, end - begin);
  }
  return longest;
}"""


#: From when to when no page could reach the server, and from when on each of them could.
_Moments = tuple[float, float, float]


@dataclass(slots=True, kw_only=True)
class Result:
    """The result of a run. Times are in milliseconds."""

    rows: list[tuple[object, ...]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    #: From a write's request until a page showed it.
    latencies: list[float] = field(default_factory=list)
    #: The longest that a page was wrong about its connection.
    most_wrong: float = 0
    #: Where that was longer than it may be.
    late: list[str] = field(default_factory=list)
    kills: int = 0
    writes: int = 0
    #: Told each row as soon as there is one.
    tell: Callable[[Sequence[object]], None]


@dataclass(slots=True, kw_only=True)
class _Scene:
    """The server, its writer, and the pages by name."""

    server: Server
    dice: random.Random
    browser: Browser
    pages: dict[str, Page]
    result: Result
    writer: PagesWriter

    async def settle(self) -> tuple[float, list[str]]:
        """Pause the writer; return after how long all pages were right, and in what they still differ."""
        await self.writer.pause()
        expected = await truth(self.writer.api, self.writer.incident)
        began = time.monotonic()
        while True:
            found = [
                difference
                for name in self.pages.keys() & expected.keys()
                for difference in differences(name, await shown(name, self.pages[name]), expected[name])
            ]
            if not found or time.monotonic() - began > _PATIENCE_SECONDS:
                return (time.monotonic() - began) * 1000, found
            await asyncio.sleep(_PAUSE_SECONDS)

    async def all_live(self) -> list[str]:
        """Wait until every page says that it is live; return those that did not."""
        failed = []
        for name, page in self.pages.items():
            try:
                await page.wait_for_function(
                    "() => window.pills.at(-1)?.[1] === 'live'", timeout=_PATIENCE_SECONDS * 1000
                )
            except Exception as error:  # noqa: BLE001 - the library has its own kinds
                failed.append(f"{name} is not live: {error}")
        return failed

    async def said(self, begin: float, end: float, states: Sequence[str]) -> tuple[float, str]:
        """Return the longest that a page said one of some states between two moments, and which page."""
        said = [float(await page.evaluate(_SAID, [begin, end, states])) for page in self.pages.values()]
        return max(zip(said, self.pages, strict=True))

    async def time_changes(self, count: int) -> None:
        """Time changes until the board and the incident's page show them."""
        for _ in range(count):
            text = f"Timed {self.dice.randrange(10**9)}"
            pages = [self.pages[name] for name in ("board", "incident") if name in self.pages]
            for page in pages:
                await page.evaluate("(text) => { window.awaited = text; }", text)
            began = time.time() * 1000
            await self.writer.api.write("updateIncident", id=self.writer.incident, title=text)
            for page in pages:
                arrived = await page.wait_for_function(
                    "(text) => window.arrivals[text]", arg=text, timeout=_PATIENCE_SECONDS * 1000
                )
                self.result.latencies.append(float(await arrived.json_value()) - began)


async def watch_pages(
    database_url: str,
    *,
    kills: int,
    seed: int,
    timed: int,
    paths: dict[str, str] = CHECKED,
    causes: Sequence[str] = (),
    tell: Callable[[Sequence[object]], None] = lambda _: None,
) -> Result:
    """Trouble pages and their server; tell and return what they showed after each.

    After each kill comes one of the other causes, in turn. After each trouble, that many changes are timed.
    """
    result = Result(tell=tell)
    began = time.monotonic()
    async with _scene(database_url, seed, result, paths) as scene:
        writing = asyncio.create_task(scene.writer.write())
        try:
            result.violations += await scene.all_live()
            for nth in range(kills):
                await _trouble(scene, "killed", timed)
                result.kills += 1
                if causes:
                    await _trouble(scene, causes[nth % len(causes)], timed)
                if time.monotonic() - began > _MOST_SECONDS:
                    result.violations.append(f"there was time for {nth + 1} kills of {kills}")
                    break
            await _compare_with_new_pages(scene)
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
    result.writes = scene.writer.writes
    result.violations += scene.writer.failures
    return result


async def _trouble(scene: _Scene, name: str, timed: int) -> None:
    scene.writer.go_on()
    await asyncio.sleep(scene.dice.uniform(0.2, 1.0))
    dead_at, dead_until, back_at = await CAUSES[name](scene)
    took, found = await scene.settle()
    found += await scene.all_live()
    # A page that is suspended shows nothing to anybody.
    live_for_dead = await scene.said(dead_at, dead_until, _THERE)
    dead_for_live = await scene.said(back_at, _now(), _AWAY)
    catching_up, _ = await scene.said(back_at, _now(), ["returning"])
    for wrong, page in (live_for_dead, dead_for_live):
        scene.result.most_wrong = max(scene.result.most_wrong, wrong)
        if wrong > MOST_WRONG_MILLIS:
            scene.result.late.append(f"{name}: {page} was wrong about its connection for {wrong:.0f} ms")
    figures = (back_at - dead_at, took, live_for_dead[0], dead_for_live[0], catching_up)
    row = (name, *(f"{figure:.0f}" for figure in figures), len(found))
    scene.result.rows.append(row)
    scene.result.tell(row)
    scene.result.violations += [f"{name}: {difference}" for difference in found]
    await scene.writer.leave_open()
    await scene.time_changes(timed)


def _now() -> float:
    return time.time() * 1000


async def _kill(scene: _Scene) -> _Moments:
    dead_at = _now()
    await scene.server.kill()
    # Every now and then for long: retries become rare in the meantime.
    await asyncio.sleep(20 if scene.result.kills % 8 == 7 else scene.dice.uniform(0.0, 3.0))
    await scene.server.start()
    return dead_at, _now(), _now()


async def _freeze(scene: _Scene) -> _Moments:
    dead_at = _now()
    scene.server.freeze()
    await asyncio.sleep(scene.dice.uniform(2.5, 6.0))
    scene.server.thaw()
    return dead_at, _now(), _now()


async def _suspend(scene: _Scene) -> _Moments:
    async with suspended(scene.browser):
        await asyncio.sleep(scene.dice.uniform(1.0, 4.0))
    return _now(), _now(), _now()


async def _die_asleep(scene: _Scene) -> _Moments:
    """Let the server die while the browser sleeps, and come back after that has woken."""
    async with suspended(scene.browser):
        await scene.server.kill()
        await asyncio.sleep(scene.dice.uniform(1.0, 3.0))
    woken_at = _now()
    await asyncio.sleep(scene.dice.uniform(0.5, 3.0))
    await scene.server.start()
    return woken_at, _now(), _now()


async def _cut_off(scene: _Scene) -> _Moments:
    for page in scene.pages.values():
        await page.context.set_offline(True)
    dead_at = _now()
    await asyncio.sleep(scene.dice.uniform(2.5, 6.0))
    dead_until = _now()
    for page in scene.pages.values():
        await page.context.set_offline(False)
    return dead_at, dead_until, _now()


CAUSES: dict[str, Callable[[_Scene], Awaitable[_Moments]]] = {
    "killed": _kill,
    "suspended": _suspend,
    "offline": _cut_off,
    "frozen": _freeze,
    "died asleep": _die_asleep,
}


async def _compare_with_new_pages(scene: _Scene) -> None:
    """Note in what pages that were open all the time differ from the same pages loaded now."""
    _, found = await scene.settle()
    scene.result.violations += found
    if scene.pages.keys() & OTHERS.keys():
        await asyncio.sleep(_ASKED_SECONDS)
    for name, page in scene.pages.items():
        before = await whole(page)
        await page.reload()
        began = time.monotonic()
        while (after := await whole(page)) != before and time.monotonic() - began < _PATIENCE_SECONDS:
            await page.wait_for_timeout(_PAUSE_SECONDS * 1000)
        if after != before:
            at = next((nth for nth, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
            near = slice(max(0, at - 60), at + 100)
            scene.result.violations.append(f"{name}: was {before[near]!r}, loaded anew {after[near]!r}")


@asynccontextmanager
async def _scene(database_url: str, seed: int, result: Result, paths: dict[str, str]) -> AsyncIterator[_Scene]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(database_url))
        api = await stack.enter_async_context(api_of(server))
        writer = PagesWriter(api, random.Random(seed))
        await writer.begin()
        browser = await stack.enter_async_context(running_browser())
        pages = {}
        for name, path in paths.items():
            visit = await stack.enter_async_context(visiting(browser, server, signed_in=True, may_complain=True))
            await visit.page.add_init_script(_WATCH)
            await visit.open(path)
            pages[name] = visit.page
        dice = random.Random(seed)
        yield _Scene(server=server, dice=dice, browser=browser, pages=pages, result=result, writer=writer)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 1 where a page showed anything wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.pages_live", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="how many times to kill the server")
    parser.add_argument("--seed", type=int, default=1, help="what choices and moments start from")
    options = parser.parse_args(arguments)
    return asyncio.run(_print(options.kills, options.seed))


async def _print(kills: int, seed: int) -> int:
    _print_row(_COLUMNS)
    causes = [name for name in CAUSES if name != "killed"]
    async with fresh_database("sqlite") as url:
        result = await watch_pages(
            url, kills=kills, seed=seed, timed=_TIMED, paths=CHECKED | OTHERS, causes=causes, tell=_print_row
        )
    ordered = sorted(result.latencies)
    last = ordered[math.ceil(0.99 * len(ordered)) - 1]
    times = f"{statistics.median(ordered):.0f} ms at the median, {last:.0f} ms at p99"
    print(f"{result.kills} kills; {result.writes} writes beside; {len(ordered)} changes shown after {times}")
    print(f"a page was wrong about its connection for {result.most_wrong:.0f} ms at most")
    for violation in (*result.violations, *result.late):
        print(f"  {violation}")
    return 1 if result.violations or result.late else 0


def _print_row(row: Sequence[object]) -> None:
    print("  ".join(f"{cell:>16}" for cell in row), flush=True)


if __name__ == "__main__":
    sys.exit(main())
