"""The status page in a real browser without internet: with scripts and without, in every look, and on other sites."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, expect

from tests.docs.blocks import blocks_in
from tests.e2e.api import Api
from tests.e2e.boards import CONTRAST, visiting
from tests.e2e.local import LocalServer, local_server
from tests.e2e.server import api_of
from tests.pages import of_pages

pytestmark = of_pages

WIDTHS = (390, 820, 1440, 2560)
#: The looks besides the usual one.
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark", "contrast": "no-preference"},
    "more contrast": {"color_scheme": "light", "contrast": "more"},
    "more contrast in the dark": {"color_scheme": "dark", "contrast": "more"},
}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"
LONG = "W" * 200
ARABIC = "فشل مدفوعات البطاقات في بعض المناطق"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server() -> AsyncIterator[LocalServer]:
    """Yield a server with a page on which there is something of everything, and that no test changes for long."""
    async with local_server() as running, api_of(running) as api:
        await _fill(api)
        yield running


async def _fill(api: Api) -> None:
    for key, name in (("payments", "Payments"), ("search", LONG), ("mail", HOSTILE), ("cards", ARABIC)):
        await api.write("createSystem", key=key, name=name)
    await api.write("reportSystemHealth", system="search", status="DEGRADED")
    await api.write(
        "scheduleMaintenance",
        title="New disks",
        systemIds=["mail"],
        startsAt="2020-01-01T00:00:00Z",
        endsAt="2020-01-01T02:00:00Z",
        recurrence="FREQ=DAILY",
        timeZone="UTC",
        description="**Slow** for a while",
    )
    first = await api.create_incident("Card payments are failing", severity="CRITICAL")
    parts = (HOSTILE, "[a](javascript:alert(1)) ![x](https://evil.example/x)", "- one\n- two", "|a|b|\n|-|-:|\n|1|2|")
    text = "\n\n".join((*parts, "# Big"))
    await api.write("addIncidentUpdate", incidentId=first, message=text)
    second = await api.create_incident(f"{HOSTILE} {LONG}"[:200], systemIds=["mail"], severity="MINOR")
    await api.write("addIncidentUpdate", incidentId=second, message="\u202egnp.exe " + "A" * 2_000)
    third = await api.create_incident(ARABIC, systemIds=["cards"])
    await api.write("addIncidentUpdate", incidentId=third, message=ARABIC, statusChange="RESOLVED")


PATHS = ("status", "status/INC-1", "status/INC-2", "status/INC-3", "status/systems/search", "status/INC-99")


async def test_every_page_is_accessible_in_every_look_and_fits(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, size=ViewportSize(width=820, height=900)) as visit:
        visit.pardoned = re.compile("404 \\(Not Found\\)")
        for path in PATHS:
            await visit.open(path)
            await expect(visit.page.get_by_text("Live", exact=True)).to_be_visible()
            assert await visit.violations() == [], path
            for name, look in LOOKS.items():
                await visit.page.emulate_media(**look)
                assert await visit.violations(CONTRAST) == [], (path, name)
            await visit.page.emulate_media(color_scheme="light", contrast="no-preference")
            for width in WIDTHS:
                await visit.page.set_viewport_size(ViewportSize(width=width, height=900))
                beyond = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert beyond <= 0, (path, width)


async def test_the_page_is_whole_without_scripts(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, java_script_enabled=False) as visit:
        await visit.open("status")
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Card payments are failing.")
        await expect(visit.page.get_by_role("link", name=re.compile(f"^{LONG}: .* today"))).to_be_visible()
        assert re.search(r"\d\d:\d\d UTC", await visit.page.inner_text(".state"))
        await visit.page.get_by_role("link", name=re.compile("To the incident")).first.click()
        await expect(visit.page.get_by_role("heading", level=1)).to_have_text("Card payments are failing")


async def test_times_are_those_of_the_readers_clock(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, timezone_id="Asia/Kathmandu", locale="en-GB") as visit:
        await visit.open("status/INC-1")
        shown = visit.page.locator("time").first
        await expect(shown).to_have_text(re.compile(r"\d\d:\d\d GMT\+5:45"))
        assert "UTC" in (await shown.get_attribute("title") or "")


async def test_news_take_the_place_of_the_old_without_moving_the_reader(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, size=ViewportSize(width=820, height=500)) as visit, api_of(server) as api:
        page = visit.page
        await visit.open("status")
        link = page.get_by_role("link", name=re.compile("^Payments: "))
        await link.focus()
        await link.scroll_into_view_if_needed()
        before = await link.bounding_box()
        incident = await api.create_incident("Nobody can search", severity="MINOR", systemIds=["search"])
        await expect(page.get_by_role("link", name="Nobody can search", exact=True)).to_be_attached()
        after = await link.bounding_box()
        assert before is not None
        assert after is not None
        assert abs(before["y"] - after["y"]) < 5
        await expect(link).to_be_focused()
        await api.write("deleteIncident", id=incident)


@pytest.fixture(autouse=True)
def _looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pages look for news all the time: what is waited for comes sooner."""
    monkeypatch.setattr("tests.e2e.boards._REPORT_VIOLATIONS", _OFTEN)


_OFTEN = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile));
setInterval(() => dispatchEvent(new Event("online")), 200);
"""


async def test_the_days_of_a_system_are_read_by_keyboard(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server) as visit:
        await visit.open("status/systems/search")
        bars = visit.page.get_by_role("img", name=re.compile(LONG))
        await bars.focus()
        await bars.press("End")
        words = visit.page.locator(".words")
        await expect(words).to_have_text(re.compile(r"^\d+ \w+: degraded for"))
        await bars.press("ArrowLeft")
        await expect(words).to_have_text(re.compile(r"^\d+ \w+: not known$"))


async def test_a_reader_without_a_connection_sees_since_when(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server) as visit:
        visit.pardoned = re.compile("ERR_FAILED|ERR_INTERNET_DISCONNECTED")
        await visit.open("status")
        await expect(visit.page.locator("#live")).to_have_text("Live")
        await visit.page.route("**/status", lambda route: route.abort())
        await expect(visit.page.locator("#live")).to_have_text(re.compile(r"No connection since \d\d:\d\d"))
        await visit.page.unroute("**/status")
        await expect(visit.page.locator("#live")).to_have_text("Live")


@asynccontextmanager
async def other_site(body: str) -> AsyncIterator[str]:
    """Yield the address of a site with that page: a real one, for browsers let no made-up page call this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        content = f"<!doctype html><title>Shop</title>{body}".encode()
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        writer.write(head.encode() + content)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def test_another_site_shows_the_sentence_and_the_badge(browser: Browser, server: LocalServer) -> None:
    [block] = [each for each in blocks_in("html") if each.page.name == "status.md"]
    context = await browser.new_context()
    page = await context.new_page()
    async with other_site(block.text.replace("https://incidents.example.com", server.url)) as shop:
        await page.goto(shop)
        link = page.get_by_role("link", name="Card payments are failing.")
        await expect(link).to_have_attribute("href", f"{server.url}/status")
        picture = page.get_by_role("img", name="Status")
        assert await picture.evaluate("image => image.complete && image.naturalWidth > 50")
        assert await context.cookies() == []
        assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    await context.close()


async def test_a_reader_loads_less_than_60_kilobytes(browser: Browser, server: LocalServer) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    sizes: list[int] = []

    async def note(response: Any) -> None:
        sizes.append((await response.request.sizes())["responseBodySize"])

    page.on("response", note)
    await page.goto(f"{server.url}/status", wait_until="networkidle")
    await context.close()
    print(f"{sum(sizes)} bytes in {len(sizes)} answers")
    assert 0 < sum(sizes) < 60_000
