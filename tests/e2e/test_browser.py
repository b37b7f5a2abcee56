import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from gql.transport.sse import ResumableSSE
from tests.e2e.clients import EVENTS
from tests.e2e.server import Server, api_of, running_server
from tests.requirements_gate import chromium_path

pytestmark = [pytest.mark.chromium, pytest.mark.asyncio(loop_scope="module")]

# Without these Chromium wants a sandbox that root has not, and calls home.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARRIVAL_SECONDS = 15  # Chromium waits for some seconds before it comes back

_LISTEN = """([query, variables]) => {
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  const source = new EventSource(`/graphql?${parameters}`);
  source.addEventListener("next", ({ data }) => report(JSON.parse(data).data.incidentEvents));
}"""
_CONNECT = """([query, variables]) => {
  const socket = new WebSocket(`ws://${location.host}/graphql`, "graphql-transport-ws");
  socket.onopen = () => socket.send(JSON.stringify({ type: "connection_init" }));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    const subscribe = { id: "1", type: "subscribe", payload: { query, variables } };
    if (message.type === "connection_ack") socket.send(JSON.stringify(subscribe));
    if (message.type === "next") report(message.payload.data.incidentEvents);
  };
}"""


def come_back_soon() -> None:
    """Let streams tell the browser to wait for 50 ms before it comes back, and not for its own seconds."""
    encode = ResumableSSE.encode_next

    def encode_next(self: ResumableSSE, response: Any, encode_json: Callable[[object], str]) -> str:
        return f"retry: 50\r\n{encode(self, response, encode_json)}"

    ResumableSSE.encode_next = encode_next  # type: ignore[method-assign] # in a server's process alone


async def test_an_event_source_resumes_by_itself_after_the_server_was_killed(browser: Browser, sqlite_url: str) -> None:
    hasty = running_server(sqlite_url, prepare=come_back_soon)
    async with hasty as server, api_of(server) as api, page_of(browser, server) as (page, reports):
        await page.evaluate(_LISTEN, [EVENTS, {"after": await api.create_system()}])
        written = [await api.create_incident("Before")]
        received = [await arrival(reports)]
        await server.kill()
        await server.start()
        written += [await api.create_incident(title) for title in ("Missed", "Missed, too")]
        received += [await arrival(reports), await arrival(reports)]
        written.append(await api.create_incident("Live"))
        received.append(await arrival(reports))
    assert received == written


async def test_a_page_subscribes_over_a_web_socket(browser: Browser, sqlite_url: str) -> None:
    async with running_server(sqlite_url) as server, api_of(server) as api, page_of(browser, server) as (page, reports):
        await page.evaluate(_CONNECT, [EVENTS, {"after": await api.create_system()}])
        written = [await api.create_incident("One"), await api.create_incident("Two")]
        assert [await arrival(reports), await arrival(reports)] == written


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "incidents.db")
    return f"sqlite:///{tmp_path}/incidents.db"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=_ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, server: Server) -> AsyncIterator[tuple[Page, "asyncio.Queue[str]"]]:
    reports: asyncio.Queue[str] = asyncio.Queue()

    def report(event: dict[str, Any]) -> None:
        reports.put_nowait(event["incidentId"])

    page = await browser.new_page()
    await page.expose_function("report", report)
    # Any document of the server's own: a page of another origin would not be let in.
    await page.goto(f"{server.url}/health")
    yield page, reports
    await page.close()


async def arrival(reports: "asyncio.Queue[str]") -> str:
    async with asyncio.timeout(ARRIVAL_SECONDS):
        return await reports.get()
