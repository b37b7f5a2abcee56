"""The page of an incident in a real browser: for two at once, over lost connections, by keyboard, for anybody."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.boards import visiting
from tests.e2e.browsers import running_browser
from tests.e2e.server import Server, api_of, running_server

pytestmark = [pytest.mark.chromium, pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder: Path = tmp_path_factory.mktemp("incident")
    async with running_server(f"sqlite:///{folder}/incidents.db", sqlite_synchronous="NORMAL") as running:
        async with api_of(running) as api:
            await api.create_system()
        yield running


async def test_an_incident_is_acknowledged_updated_and_resolved_by_keyboard_alone(
    browser: Browser, server: Server
) -> None:
    async with api_of(server) as api:
        await api.create_incident("Nobody can pay")
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("incidents/1")
        await expect(page.get_by_role("heading", name="Nobody can pay")).to_be_visible()
        await expect(page.get_by_text("nobody has acknowledged this yet")).to_be_visible()
        assert await visit.violations() == []
        await page.keyboard.press("a")
        await expect(page.get_by_text("acknowledged by admin")).to_be_visible()
        await page.keyboard.press("u")
        await page.keyboard.type("The **provider** answers late.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_role("article", name="Update by admin").locator("strong")).to_have_text("provider")
        await page.keyboard.press("r")
        await page.keyboard.type("The provider is back.")
        assert await visit.violations() == []
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("Lasted")).to_be_visible()
        await expect(page.get_by_role("article")).to_have_count(2)
        assert await visit.violations() == []
