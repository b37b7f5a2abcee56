"""The IDE in a real browser without internet: it queries, mutates and subscribes, and stores no token."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, WebSocket, async_playwright, expect

from tests.e2e.server import api_of, running_server
from tests.requirements_gate import chromium_path

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "an-admin-token-for-tests"
ARRIVAL_MILLIS = 60_000
# Without these Chromium wants a sandbox that root has not, calls home, and asks for names.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile));"""
#: How often an incident is opened for a subscription that may not have begun, and how long its event may take.
_TRIES, _TRY_MILLIS = 50, 400
_RETRY_SOON = """() => {
  const set = window.setTimeout;
  window.setTimeout = (call, millis, ...rest) => set(call, millis / 20, ...rest);
}"""


class Ide:
    """The IDE's page with its requests and its socket frames."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answer = page.get_by_role("region", name="Result Window").or_(page.locator(".result-window"))
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.pardoned: str | None = None
        self.frames: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._listen)
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open_tab(self, name: str) -> None:
        """Open the tab of an example."""
        await self.page.get_by_role("tab", name=name).click()
        # GraphiQL takes a moment to see which operation the tab holds; run sooner, it would name the other one.
        for _ in range(ARRIVAL_MILLIS // 50):
            if await self.page.evaluate("localStorage.getItem('graphiql:operationName')") == name:
                return
            await self.page.wait_for_timeout(50)
        pytest.fail(f"there is no operation {name} in the editor")

    async def run(self) -> None:
        """Press the button that executes."""
        await self.page.get_by_role("button", name="Execute query").click()

    async def enter_token(self, token: str) -> None:
        """Type a token and leave the field."""
        await self.page.get_by_label("Token").fill(token)
        await self.page.get_by_label("Token").press("Tab")

    async def shows(self, text: str) -> None:
        """Wait until the result shows a text."""
        await expect(self.answer).to_contain_text(text, timeout=ARRIVAL_MILLIS)

    def _listen(self, socket: WebSocket) -> None:
        self.requests.append(socket.url)
        socket.on("framesent", lambda frame: self.frames.append(str(frame)))


async def test_the_ide_shows_the_documentation_and_runs_a_query(ide: Ide) -> None:
    await ide.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = ide.page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Subscription", exact=True).click()
    await expect(docs).to_contain_text("All subscriptions: live")
    await ide.page.get_by_role("button", name="Show GraphiQL Explorer").click()
    await expect(ide.page.locator(".graphiql-explorer-root")).to_contain_text("incidents")
    await ide.run()
    await ide.shows('"key": "payments"')


async def test_a_mutation_carries_the_token(ide: Ide) -> None:
    await ide.open_tab("OpenIncident")
    await ide.run()
    await ide.shows("UNAUTHENTICATED")
    await ide.enter_token(TOKEN)
    await ide.run()
    await ide.shows('"status": "INVESTIGATING"')


async def test_a_subscription_shows_writes_of_others_and_survives_a_new_token(ide: Ide, address: str) -> None:
    await ide.open_tab("Watch")
    await ide.run()
    await receive_an_incident(ide, address)

    await ide.enter_token(TOKEN)
    create_incident(address, "While it was away")
    await ide.shows("While it was away")
    inits = [frame for frame in ide.frames if "connection_init" in frame]
    assert [TOKEN in frame for frame in inits] == [False, True]

    await ide.page.get_by_role("button", name="Stop query").click()
    await expect(ide.page.get_by_role("button", name="Execute query")).to_be_visible()


async def test_a_wrong_token_is_reported_at_once(ide: Ide) -> None:
    ide.pardoned = "401 (Unauthorized)"  # the browser's own remark on the status of that answer
    await ide.enter_token("wrong")
    await ide.run()
    await ide.shows("This token is not valid.")
    await ide.open_tab("Watch")
    await expect(ide.answer).not_to_contain_text("This token is not valid.")
    await ide.run()
    await ide.shows("This token is not valid.")


async def test_no_token_outlives_the_page(ide: Ide) -> None:
    await ide.enter_token(TOKEN)
    await ide.page.get_by_role("button", name="Headers").click()
    await ide.page.locator(".graphiql-editor-tool .CodeMirror:visible").click()
    await ide.page.keyboard.insert_text(f'{{"authorization": "Bearer {TOKEN}", "x-note": "in the history"}}')
    async with ide.page.expect_request(lambda request: request.method == "POST") as sent:
        await ide.run()
    assert (await (await sent.value).all_headers())["x-note"] == "in the history"
    await ide.shows("totalCount")
    await ide.page.get_by_role("button", name="Show History").click()
    await expect(ide.page.locator(".graphiql-history-item")).to_have_count(1)

    kept = str(await ide.page.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"))
    assert "graphiql:queries" in kept
    assert TOKEN not in kept
    await ide.page.reload()
    await expect(ide.page.get_by_label("Token")).to_have_value("")


async def test_a_token_shows_its_owner_and_reloads_the_schema(ide: Ide) -> None:
    caller = ide.page.locator("#caller")
    async with ide.page.expect_request(lambda request: "__schema" in (request.post_data or "")) as fetched:
        await ide.enter_token(TOKEN)
    assert (await (await fetched.value).all_headers())["authorization"] == f"Bearer {TOKEN}"
    await expect(caller).to_contain_text("ADMIN")
    ide.pardoned = "401 (Unauthorized)"
    await ide.enter_token("wrong")
    await expect(caller).to_have_text("This token is not valid.")
    await ide.enter_token("")
    await expect(caller).to_contain_text("anonymous")


async def test_screen_readers_have_a_name_for_each_editor(ide: Ide) -> None:
    for name in ("Query", "Variables", "Headers", "Result"):
        await expect(ide.page.locator(f'#ide textarea[aria-label="{name}"]')).to_have_count(1)
    assert await ide.page.locator("#ide .CodeMirror textarea:not([aria-label])").count() == 0


async def test_a_subscription_resumes_after_its_server_was_killed(browser: Browser, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/incidents.db"
    async with running_server(url) as server, api_of(server) as api, page_at(browser, server.graphql_url) as ide:
        ide.pardoned = "ERR_CONNECTION_REFUSED"
        await api.create_system()
        await ide.open_tab("Watch")
        await ide.run()
        for _ in range(_TRIES):
            await api.create_incident("Before")
            with suppress(AssertionError):
                await expect(ide.answer).to_contain_text("Before", timeout=_TRY_MILLIS)
                break
        await ide.page.evaluate(_RETRY_SOON)
        await server.kill()
        # Not the first one only.
        for _ in range(2):
            async with ide.page.expect_event("websocket"):
                pass
        await expect(ide.page.locator("#connection")).to_contain_text("reconnecting")
        await server.start()
        await api.create_incident("While it was away")
        await ide.shows("While it was away")
        await expect(ide.page.locator("#connection")).to_be_empty()
        afters = [json.loads(frame)["payload"]["variables"]["after"] for frame in ide.frames if '"subscribe"' in frame]
        assert afters[0] is None
        assert None not in afters[1:]
        assert len(afters) == 2


async def test_a_phone_shows_the_panes_one_above_the_other(ide: Ide) -> None:
    await ide.page.set_viewport_size(ViewportSize(width=390, height=844))
    query, answer = [await ide.page.locator(f".graphiql-{name}").bounding_box() for name in ("editors", "response")]
    assert query is not None
    assert answer is not None
    assert query["y"] + query["height"] <= answer["y"]
    assert answer["y"] + answer["height"] <= 844
    for box in (query, answer):
        assert box["width"] > 340
        assert box["height"] > 250
    await ide.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = await ide.page.locator(".graphiql-doc-explorer").bounding_box()
    assert docs is not None
    assert docs["width"] > 340
    await ide.page.get_by_role("button", name="Hide Documentation Explorer").click()
    await expect(ide.page.locator(".graphiql-editors")).to_be_visible()


async def test_the_token_field_covers_no_other_control_at_any_width(ide: Ide) -> None:
    for width in (1280, 800, 400):
        await ide.page.set_viewport_size(ViewportSize(width=width, height=800))
        boxes: dict[str, Any] = await ide.page.evaluate("""() => ({
          bar: document.querySelector("header").getBoundingClientRect().toJSON(),
          ide: document.querySelector(".graphiql-container").getBoundingClientRect().toJSON(),
          scrolls:
            document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight,
        })""")
        assert boxes["bar"]["bottom"] <= boxes["ide"]["top"], width
        assert boxes["ide"]["bottom"] <= 800, width
        assert not boxes["scrolls"], width


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def ide(browser: Browser, address: str) -> AsyncIterator[Ide]:
    async with page_at(browser, address) as opened:
        yield opened


@asynccontextmanager
async def page_at(browser: Browser, address: str) -> AsyncIterator[Ide]:
    """Open a server's IDE; fail on any error of the page and any request to another host."""
    # A page in a context of its own, which shares nothing with those of other tests.
    page = await browser.new_page(viewport=ViewportSize(width=1280, height=800))
    await page.add_init_script(_REPORT_VIOLATIONS)
    opened = Ide(page)
    await page.goto(address)
    await expect(page.locator(".graphiql-query-editor")).to_contain_text("totalCount", timeout=ARRIVAL_MILLIS)
    yield opened
    await page.close()
    pardoned = opened.pardoned
    assert [said for said in opened.complaints if pardoned is None or pardoned not in said] == []
    assert opened.requests, "nothing was asked for"
    own = re.compile(rf"(http|ws)://{re.escape(address.split('/')[2])}/|data:")
    assert [url for url in opened.requests if not own.match(url)] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Yield the endpoint of a server that has the system `payments`."""
    url = f"sqlite:///{tmp_path_factory.mktemp('ide')}/incidents.db"
    async with running_server(url, sqlite_synchronous="NORMAL") as server:
        call(
            server.graphql_url,
            'mutation { createSystem(input: { key: "payments", name: "Payments" }) { system { id } } }',
        )
        yield server.graphql_url


async def receive_an_incident(ide: Ide, address: str) -> None:
    # A subscription is not acknowledged: events before it begins are not sent.
    for _ in range(_TRIES):
        create_incident(address, "From outside")
        with suppress(AssertionError):
            await expect(ide.answer).to_contain_text("From outside", timeout=_TRY_MILLIS)
            return
    pytest.fail("no event came")


def create_incident(address: str, title: str) -> None:
    document = """mutation ($title: String!) {
      createIncident(input: { title: $title, severity: MAJOR, systemIds: ["payments"] }) { incident { id } }
    }"""
    assert call(address, document, title=title)["createIncident"]["incident"] is not None


def call(address: str, document: str, **variables: Any) -> Any:
    """Return the data that another client gets."""
    request = {"query": document, "variables": variables}
    answer = httpx.post(address, json=request, headers={"authorization": f"Bearer {TOKEN}"}, timeout=20).json()
    assert "errors" not in answer, answer
    return answer["data"]
