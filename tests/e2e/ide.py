"""The IDE's page in a browser, as its users see and operate it."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, ViewportSize, WebSocket, expect

ARRIVAL_MILLIS = 60_000
SIZE = ViewportSize(width=1280, height=800)


class Ide:
    """The IDE's page with its requests and its socket frames."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.answer = page.get_by_role("region", name="Result Window").or_(page.locator(".result-window"))
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.pardoned: re.Pattern[str] | None = None
        self.frames: list[str] = []
        self._listeners: dict[str, Callable[[Any], None]] = {
            "request": lambda request: self.requests.append(request.url),
            "websocket": self._listen,
            "console": self._note,
            "pageerror": lambda error: self.complaints.append(str(error)),
        }

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

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note the page's requests, complaints and frames while the block runs."""
        on: Any = self.page.on  # it knows each event by an overload
        off: Any = self.page.remove_listener
        for event, listener in self._listeners.items():
            on(event, listener)
        yield
        for event, listener in self._listeners.items():
            off(event, listener)

    def _note(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self.complaints.append(said.text)

    def _listen(self, socket: WebSocket) -> None:
        self.requests.append(socket.url)
        socket.on("framesent", lambda frame: self.frames.append(str(frame)))


@asynccontextmanager
async def ide_at(page: Page, address: str) -> AsyncIterator[Ide]:
    """Open a server's IDE in a page that keeps nothing of the last test; fail on any error and any foreign request.

    The page is the same one, because a browser would compile the IDE's scripts again for another.
    """
    await page.set_viewport_size(SIZE)
    await page.goto(f"{address.removesuffix('/graphql')}/livez")
    await page.evaluate("localStorage.clear(); sessionStorage.clear()")
    await page.context.clear_cookies()
    opened = Ide(page)
    with opened.listening():
        await page.goto(address)
        await expect(page.locator(".graphiql-query-editor")).to_contain_text("totalCount", timeout=ARRIVAL_MILLIS)
        yield opened
        await page.goto("about:blank")
    unexpected = [said for said in opened.complaints if opened.pardoned is None or not opened.pardoned.search(said)]
    assert unexpected == [], unexpected
    assert opened.requests, "nothing was asked for"
    own = re.compile(rf"(http|ws)://{re.escape(address.split('/')[2])}/|data:|about:")
    assert [url for url in opened.requests if not own.match(url)] == []
