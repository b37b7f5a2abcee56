"""The speed of the board and the status page, in Chromium and on the server.

python -m tests.benchmarks.pages            # bytes, time until usable, long tasks, memory, and the CPU of a request
python -m tests.benchmarks.pages --only cpu # or bytes, tasks, memory
"""

import argparse
import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from playwright.async_api import Browser, Page

from tests.e2e.api import Api
from tests.e2e.boards import visiting
from tests.e2e.browsers import running_browser
from tests.e2e.databases import fresh_database
from tests.e2e.server import Server, api_of, running_server

_FEW_SYSTEMS, _MANY_SYSTEMS, _PUBLIC_SYSTEMS = 12, 500, 300
_FEW_INCIDENTS, _MANY_INCIDENTS = 5, 1_000
_SLOWED = 4
_LONG_TIMELINE = 60
_CHANGES, _EVERY, _RATE, _BUSY_SECONDS = 5_000, 500, 20, 10
#: The pages that stay open.
_OPEN = ("", "incidents/INC-1", "wall", "systems")
_REQUESTS, _IDLE_SECONDS = 2_000, 5
_TOGETHER = 8
_SEVERITIES = ("MINOR", "MAJOR", "CRITICAL")
#: When the first page said how things are, and every task over 50 ms; times are milliseconds since the page began.
_WATCH = """
window.tasks = [];
new PerformanceObserver((list) => list.getEntries().forEach(({ startTime, duration }) =>
  window.tasks.push([startTime, duration]))).observe({ type: "longtask", buffered: true });
new MutationObserver(() => {
  const heading = document.querySelector("h1");
  if (!window.usable && heading?.textContent && !heading.querySelector(".bone")) window.usable = performance.now();
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


async def _bytes(browser: Browser) -> None:
    """Print the bytes of first loads, and the time until they can be used on a slow machine."""
    async with _filled(_FEW_SYSTEMS, _FEW_INCIDENTS) as (server, _):
        for path, limit in (("", 90), ("status", 60)):
            async with visiting(browser, server) as visit:
                await visit.page.add_init_script(_WATCH)
                session = await visit.page.context.new_cdp_session(visit.page)
                sizes: list[float] = []
                session.on("Network.loadingFinished", lambda event, into=sizes: into.append(event["encodedDataLength"]))
                await session.send("Network.enable")
                await visit.open(path)
                await visit.page.wait_for_function("() => window.usable")
                await visit.page.wait_for_load_state("networkidle")
                _say(f"/{path} bytes of {len(sizes)} answers", f"{sum(sizes) / 1000:.1f} KB", f"{limit} KB")
                found = [await _usable(visit.page, session) for _ in range(3)]
                _say(f"/{path} usable, CPU / {_SLOWED}", f"{sorted(found)[1]:.0f} ms", "1,000 ms")


async def _usable(page: Page, session: Any) -> float:
    await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    await session.send("Emulation.setCPUThrottlingRate", {"rate": _SLOWED})
    await page.reload()
    found = await page.wait_for_function("() => window.usable")
    await session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    return float(await found.json_value())


async def _tasks(browser: Browser) -> None:
    """Print the longest tasks of pages with much on them."""
    async with _filled(_MANY_SYSTEMS, _MANY_INCIDENTS) as (server, api):
        for path in ("", "systems", "wall"):
            async with visiting(browser, server, signed_in=True) as visit:
                await visit.page.add_init_script(_WATCH)
                await visit.open(path)
                await visit.page.wait_for_function(
                    "() => document.querySelector('.open-row, .system-row, .wall-well li')"
                )
                await visit.page.wait_for_load_state("networkidle")
                await _say_tasks(visit.page, f"/{path} loading")
                if path != "wall":
                    rows = await _scroll(visit.page)
                    await _say_tasks(visit.page, f"/{path} scrolling through {rows} rows")
                made = await _change(api, _RATE * _BUSY_SECONDS, rate=_RATE)
                await _say_tasks(visit.page, f"/{path} while {made:.0f} changes a second came")


async def _scroll(page: Page) -> int:
    """Scroll to the end of all there is; return the number of rows."""
    more = page.locator(".more button, .more-systems button")
    still = 0
    while still < 5:
        before = await page.evaluate("scrollY")
        await page.mouse.wheel(0, 600)
        await page.wait_for_timeout(30)
        still = still + 1 if await page.evaluate("scrollY") == before else 0
        if still and await more.count():
            before = await page.locator(".open-row, .system-row").count()
            await more.first.click()
            await page.wait_for_function(
                "(before) => document.querySelectorAll('.open-row, .system-row').length > before", arg=before
            )
            still = 0
    return await page.locator(".open-row, .system-row").count()


async def _say_tasks(page: Page, what: str) -> None:
    tasks = sorted((duration for _, duration in await page.evaluate("window.tasks.splice(0)")), reverse=True)
    shown = ", ".join(f"{duration:.0f}" for duration in tasks[:5]) or "none"
    _say(what, f"{len(tasks)} tasks over 50 ms: {shown}", "none")


async def _memory(browser: Browser) -> None:
    """Print the memory of open pages while many changes come; fail where it grows."""
    async with AsyncExitStack() as stack:
        server, api = await stack.enter_async_context(_filled(_FEW_SYSTEMS, 50))
        pages = {}
        for path in _OPEN:
            visit = await stack.enter_async_context(visiting(browser, server, signed_in=True))
            await visit.open(path)
            pages[path] = await visit.page.context.new_cdp_session(visit.page)
            await visit.page.locator(".open-row, .wall-incident, .entry, .system-row").first.wait_for()
        # What the first changes bring in stays, such as the thirty lines of what happens, and fifty of a timeline.
        [first] = (await api.run("{ incidents(last: 1) { nodes { id } } }"))["incidents"]["nodes"]
        for nth in range(_LONG_TIMELINE):
            await api.attempt("addIncidentUpdate", incidentId=first["id"], message=f"Word {nth}")
        await _change(api, _EVERY, rate=None)
        found: dict[str, list[tuple[float, int, int]]] = {path: [] for path in _OPEN}
        for done in range(0, _CHANGES + 1, _EVERY):
            if done:
                await _change(api, _EVERY, rate=None)
            await asyncio.sleep(1)
            for path, session in pages.items():
                megabytes, nodes, listeners = found_now = await _memory_of(session)
                found[path].append(found_now)
                figure = f"{megabytes:.2f} MB, {nodes} nodes, {listeners} listeners"
                _say(f"/{path} after {done:,} changes", figure, "flat")
    grown = [path for path, figures in found.items() if _grows(figures)]
    assert not grown, f"the memory of these pages grows: {grown}"


async def _memory_of(session: Any) -> tuple[float, int, int]:
    """Return the megabytes, nodes and listeners of a page once its garbage is collected."""
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
    used = (await session.send("Runtime.getHeapUsage"))["usedSize"]
    counted = await session.send("Memory.getDOMCounters")
    return used / 1e6, counted["nodes"], counted["jsEventListeners"]


def _grows(figures: Sequence[tuple[float, int, int]]) -> bool:
    """Return whether any of the figures is larger in the later half than it ever was in the first one, and a tenth."""
    middle = len(figures) // 2
    return any(
        min(later) > 1.1 * max(before)
        for before, later in zip(zip(*figures[:middle], strict=True), zip(*figures[middle:], strict=True), strict=True)
    )


async def _cpu(_browser: Browser) -> None:
    """Print the server's CPU of a request of the status page while nothing changes."""
    for systems in (_FEW_SYSTEMS, _PUBLIC_SYSTEMS):
        async with (
            _filled(systems, _FEW_INCIDENTS) as (server, _),
            httpx.AsyncClient(timeout=60, verify=False) as client,
        ):
            first = await client.get(f"{server.url}/status")
            for what, headers in (("whole", {}), ("not modified", {"if-none-match": first.headers["etag"]})):
                for _ in range(50):
                    await client.get(f"{server.url}/status", headers=headers)
                # A server takes some without requests, and more of it the longer they take on a busy machine.
                before, began = server.cpu_seconds, time.monotonic()
                await asyncio.sleep(_IDLE_SECONDS)
                idle = (server.cpu_seconds - before) / (time.monotonic() - began)
                before, began = server.cpu_seconds, time.monotonic()
                for _ in range(_REQUESTS):
                    await client.get(f"{server.url}/status", headers=headers)
                spent = server.cpu_seconds - before - idle * (time.monotonic() - began)
                spent *= 1000 / _REQUESTS
                _say(f"/status with {systems} systems, {what}", f"{spent:.3f} ms CPU a request", "0.4 ms")


async def _change(api: Api, count: int, *, rate: float | None) -> float:
    """Change open incidents, at a rate where there is one; return how many a second there were."""
    query = "{ incidents(filter: {open: true}, first: 50) { nodes { id } } }"
    ids = [node["id"] for node in (await api.run(query))["incidents"]["nodes"]]
    began = time.monotonic()

    async def change(nth: int) -> None:
        if rate is not None:
            await asyncio.sleep(max(0.0, began + nth / rate - time.monotonic()))
        match nth % 3:
            case 0:
                fields = {"title": f"Changed {nth}"}
            case 1:
                fields = {"severity": _SEVERITIES[nth // 3 % 3]}
            case _:
                await api.attempt("addIncidentUpdate", incidentId=ids[nth % len(ids)], message=f"Word {nth}")
                return
        await api.attempt("updateIncident", id=ids[nth % len(ids)], **fields)

    await _all(count, change)
    return count / (time.monotonic() - began)


@asynccontextmanager
async def _filled(systems: int, incidents: int) -> AsyncIterator[tuple[Server, Api]]:
    async with fresh_database("sqlite") as url, running_server(url) as server, api_of(server) as api:

        async def system(nth: int) -> None:
            await api.write("createSystem", key=f"system-{nth}", name=f"System {nth}")

        async def incident(nth: int) -> None:
            fields = {"severity": _SEVERITIES[nth % 3], "systemIds": [f"system-{nth % systems}"]}
            await api.create_incident(f"Something fails {nth}", **fields)

        await _all(systems, system)
        await _all(incidents, incident)
        yield server, api


async def _all(count: int, act: Callable[[int], Awaitable[None]]) -> None:
    """Do something with all numbers, a few at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for nth in numbers:
            await act(nth)

    await asyncio.gather(*(work() for _ in range(_TOGETHER)))


def _say(what: str, figure: str, goal: str) -> None:
    print(f"{what:<48} {figure:<44} goal {goal}", flush=True)


_PARTS = {"bytes": _bytes, "cpu": _cpu, "tasks": _tasks, "memory": _memory}


async def _measure(parts: Sequence[str]) -> None:
    async with running_browser() as browser:
        for part in parts:
            await _PARTS[part](browser)
    print(f"load of the machine in the last minute: {os.getloadavg()[0]:.1f}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages", description=__doc__)
    parser.add_argument("--only", choices=list(_PARTS), action="append", help="measure this alone")
    options = parser.parse_args(arguments)
    asyncio.run(_measure(options.only or list(_PARTS)))


if __name__ == "__main__":
    main()
