"""A real browser without internet: its EventSource, and the IDE, which subscribes, resumes and stores no token."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from gql.transport.sse import ResumableSSE
from tests.e2e.api import Api
from tests.e2e.clients import EVENTS
from tests.e2e.ide import SIZE, Ide, ide_at
from tests.e2e.local import LocalServer
from tests.e2e.server import TOKEN
from tests.pages import in_chromium

pytestmark = in_chromium

_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile));"""
ARRIVAL_SECONDS = 60
#: How often an incident is opened for a subscription that may not have begun, and how long its event may take.
_TRIES, _TRY_MILLIS = 50, 400
_LISTEN = """([query, variables]) => {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const source = new EventSource(`/graphql?${parameters}`);
  source.addEventListener("next", ({ data }) => report(JSON.parse(data).data.incidentEvents));
}"""
_RETRY_SOON = """() => {
  const set = window.setTimeout;
  window.setTimeout = (call, millis, ...rest) => set(call, millis / 20, ...rest);
}"""


async def test_the_ide_shows_the_documentation_and_runs_a_query(ide: Ide) -> None:
    await ide.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = ide.page.locator(".graphiql-doc-explorer")
    await docs.get_by_role("link", name="Subscription", exact=True).click()
    await expect(docs).to_contain_text("All subscriptions: live")
    await ide.page.get_by_role("button", name="Show GraphiQL Explorer").click()
    await expect(ide.page.locator(".graphiql-explorer-root")).to_contain_text("incidents")
    await ide.run()
    await ide.shows('"key": "payments"')


async def test_screen_readers_have_a_name_for_each_editor_and_no_control_covers_another(ide: Ide) -> None:
    for name in ("Query", "Variables", "Headers", "Result"):
        await expect(ide.page.locator(f'#ide textarea[aria-label="{name}"]')).to_have_count(1)
    assert await ide.page.locator("#ide .CodeMirror textarea:not([aria-label])").count() == 0
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
    # On a phone the panes are one above the other.
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


async def test_a_subscription_shows_writes_of_others_and_survives_a_new_token(ide: Ide, api: Api) -> None:
    await ide.open_tab("Watch")
    await ide.run()
    await receive_an_incident(ide, api, "From outside")

    await ide.enter_token(TOKEN)
    await api.create_incident("While it was away")
    await ide.shows("While it was away")
    inits = [frame for frame in ide.frames if "connection_init" in frame]
    assert [TOKEN in frame for frame in inits] == [False, True]

    await ide.page.get_by_role("button", name="Stop query").click()
    await expect(ide.page.get_by_role("button", name="Execute query")).to_be_visible()


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


async def test_a_token_is_sent_shows_its_owner_reloads_the_schema_and_is_refused_at_once(ide: Ide) -> None:
    caller = ide.page.locator("#caller")
    await ide.open_tab("OpenIncident")
    await ide.run()
    await ide.shows("UNAUTHENTICATED")
    async with ide.page.expect_request(lambda request: "__schema" in (request.post_data or "")) as fetched:
        await ide.enter_token(TOKEN)
    assert (await (await fetched.value).all_headers())["authorization"] == f"Bearer {TOKEN}"
    await expect(caller).to_contain_text("ADMIN")
    await ide.run()
    await ide.shows('"status": "INVESTIGATING"')
    ide.pardoned = re.compile(r"401 \(Unauthorized\)")
    await ide.enter_token("wrong")
    await expect(caller).to_have_text("This token is not valid.")
    await ide.run()
    await ide.shows("This token is not valid.")
    await ide.open_tab("Watch")
    await expect(ide.answer).not_to_contain_text("This token is not valid.")
    await ide.run()
    await ide.shows("This token is not valid.")
    await ide.enter_token("")
    await expect(caller).to_contain_text("anonymous")


async def test_a_subscription_resumes_after_its_server_was_away(page: Page, server: LocalServer, api: Api) -> None:
    async with ide_at(page, server.graphql_url) as ide:
        # How a connection fails depends on where it was when the server went.
        ide.pardoned = re.compile("net::ERR_CONNECTION_|^WebSocket connection to .* failed: ")
        await api.create_system()
        await ide.open_tab("Watch")
        await ide.run()
        await receive_an_incident(ide, api, "Before")
        await ide.page.evaluate(_RETRY_SOON)
        await server.stop()
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


@pytest.fixture
def _come_back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let streams tell the browser to wait for 50 ms before it comes back, and not for its own seconds."""
    encode = ResumableSSE.encode_next

    def encode_next(self: ResumableSSE, response: Any, encode_json: Callable[[object], str]) -> str:
        return f"retry: 50\r\n{encode(self, response, encode_json)}"

    monkeypatch.setattr(ResumableSSE, "encode_next", encode_next)


@pytest.mark.usefixtures("_come_back_soon")
async def test_an_event_source_resumes_by_itself_after_the_server_was_away(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with page_of(browser, server) as (page, reports):
        await page.evaluate(_LISTEN, [EVENTS, {"after": await api.create_system()}])
        written = [await api.create_incident("Before")]
        received = [await arrival(reports)]
        await server.stop()
        await server.start()
        written += [await api.create_incident(title) for title in ("Missed", "Missed, too")]
        received += [await arrival(reports), await arrival(reports)]
        written.append(await api.create_incident("Live"))
        received.append(await arrival(reports))
    assert received == written


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport=SIZE)
    await page.add_init_script(_REPORT_VIOLATIONS)
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def ide(page: Page, server: LocalServer, payments: None) -> AsyncIterator[Ide]:
    async with ide_at(page, server.graphql_url) as opened:
        yield opened


async def receive_an_incident(ide: Ide, api: Api, title: str) -> None:
    # A subscription is not acknowledged: events before it begins are not sent.
    for _ in range(_TRIES):
        await api.create_incident(title)
        with suppress(AssertionError):
            await expect(ide.answer).to_contain_text(title, timeout=_TRY_MILLIS)
            return
    pytest.fail("no event came")


@asynccontextmanager
async def page_of(browser: Browser, server: LocalServer) -> AsyncIterator[tuple[Page, asyncio.Queue[str]]]:
    reports: asyncio.Queue[str] = asyncio.Queue()

    def report(event: dict[str, Any]) -> None:
        reports.put_nowait(event["incidentId"])

    page = await browser.new_page()
    await page.expose_function("report", report)
    # Any document of the server's own: a page of another origin would not be let in.
    await page.goto(f"{server.url}/health")
    yield page, reports
    await page.close()


async def arrival(reports: asyncio.Queue[str]) -> str:
    async with asyncio.timeout(ARRIVAL_SECONDS):
        return await reports.get()
