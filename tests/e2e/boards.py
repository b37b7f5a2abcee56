"""The pages that people look at, in a browser that reaches nothing but the server."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from tests.e2e.browsers import PATIENCE_MILLIS
from tests.e2e.server import TOKEN, Addressed
from tests.requirements_gate import CLIENTS

DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
_ALL: Mapping[str, Any] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
#: What changes with the theme alone.
CONTRAST: Mapping[str, Any] = {"type": "rule", "values": ["color-contrast"]}
_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error("refused by the policy:", event.violatedDirective, event.blockedURI, event.sourceFile));"""


@cache
def _axe() -> str:
    return (CLIENTS / "node_modules" / "axe-core" / "axe.min.js").read_text()


#: What Chromium says of a page that is left, or signs in, while its socket opens: so on a busy machine.
_LEFT_EARLY = "WebSocket is closed before the connection is established"


class Visit:
    """A page of a server with its requests and its complaints."""

    def __init__(self, page: Page, server: Addressed) -> None:
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

    async def go(self, path: str) -> None:
        """Go to another path as a link on the page does, without loading a page."""
        await self.page.evaluate(
            "(to) => { history.pushState(null, '', to); dispatchEvent(new Event('popstate')); }", f"/{path}"
        )

    async def violations(self, rules: Mapping[str, Any] = _ALL) -> list[str]:
        """Return what axe finds on the page as it is: rule, target and summary.

        It takes as much CPU as loading a page: once for each state of a page that looks different.
        """
        session = await self.page.context.new_cdp_session(self.page)
        # Through the protocol, because the pages' policy lets nobody else's scripts in.
        loaded = await session.send("Runtime.evaluate", {"expression": "typeof axe"})
        if loaded["result"]["value"] == "undefined":
            await session.send("Runtime.evaluate", {"expression": _axe()})
        options = json.dumps({"runOnly": rules, "resultTypes": ["violations"], "preload": False})
        run = f"axe.run(document, {options}).then(({{ violations }}) => JSON.stringify(violations))"
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
        if said.type not in {"error", "warning"} or _LEFT_EARLY in said.text:
            return
        if not (self.pardoned and self.pardoned.search(said.text)):
            self.complaints.append(said.text)


@asynccontextmanager
async def visiting(
    browser: Browser,
    server: Addressed,
    *,
    signed_in: bool = False,
    may_complain: bool = False,
    size: ViewportSize = DESK,
    **context: Any,
) -> AsyncIterator[Visit]:
    """Yield a new visitor of a server, by default nobody; fail on foreign requests.

    It fails as well on what the browser complains of, unless it may complain.
    """
    opened = await browser.new_context(viewport=size, reduced_motion="reduce", **context)
    opened.set_default_timeout(PATIENCE_MILLIS)
    if signed_in:
        await sign_in(opened, server)
    page = await opened.new_page()
    await page.add_init_script(_REPORT_VIOLATIONS)
    visit = Visit(page, server)
    yield visit
    await opened.close()
    assert visit.foreign() == []
    assert may_complain or visit.complaints == [], visit.complaints


async def sign_in(context: BrowserContext, server: Addressed, token: str = TOKEN) -> None:
    """Sign a context in as its pages do it, without opening one."""
    own = {"origin": server.url}
    answer = await context.request.post(f"{server.url}/session", data={"token": token}, headers=own)
    assert answer.status == httpx.codes.NO_CONTENT, await answer.text()
