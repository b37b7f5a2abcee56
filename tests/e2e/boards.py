"""The pages that people look at, in a browser that reaches nothing but the server."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.e2e.server import TOKEN, Server
from tests.requirements_gate import CLIENTS

DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
_AXE = CLIENTS / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile));"""


class Visit:
    """A page of a server with its requests and its complaints."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.server = server
        self.requests: list[str] = []
        self.complaints: list[str] = []
        #: What the browser may say in this test, such as that a killed server refuses connections.
        self.pardoned: re.Pattern[str] | None = None
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: self.requests.append(socket.url))
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def open(self, path: str = "") -> None:
        """Open a path of the server."""
        await self.page.goto(f"{self.server.url}/{path}")

    async def violations(self) -> list[str]:
        """Return what axe finds on the page as it is: rule, target and summary."""
        session = await self.page.context.new_cdp_session(self.page)
        # Through the protocol, because the pages' policy lets nobody else's scripts in.
        await session.send("Runtime.evaluate", {"expression": _AXE.read_text()})
        run = f"axe.run(document, {{ runOnly: {_RULES} }}).then(({{ violations }}) => JSON.stringify(violations))"
        sent: Any = {"expression": run, "awaitPromise": True, "returnByValue": True}
        answer = await session.send("Runtime.evaluate", sent)
        await session.detach()
        found: list[Any] = json.loads(answer["result"]["value"])
        return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]

    def foreign(self) -> list[str]:
        """Return the requests that went to another host."""
        own = (self.server.url, self.server.url.replace("http", "ws", 1), "data:", "blob:", "about:")
        return [url for url in self.requests if not url.startswith(own)]

    def _note(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not (self.pardoned and self.pardoned.search(said.text)):
            self.complaints.append(said.text)


@asynccontextmanager
async def visiting(
    browser: Browser,
    server: Server,
    *,
    signed_in: bool = False,
    may_complain: bool = False,
    size: ViewportSize = DESK,
    **context: Any,
) -> AsyncIterator[Visit]:
    """Yield a new visitor of a server, by default nobody; fail on foreign requests.

    It fails as well on what the browser complains of, unless it may complain.
    """
    opened = await browser.new_context(viewport=size, **context)
    page = await opened.new_page()
    await page.add_init_script(_REPORT_VIOLATIONS)
    visit = Visit(page, server)
    if signed_in:
        await visit.open(f"#token={TOKEN}")
        await page.get_by_role("button", name="admin").wait_for()
    yield visit
    await opened.close()
    assert visit.foreign() == []
    assert may_complain or visit.complaints == [], visit.complaints
