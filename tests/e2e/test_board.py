"""The board in a real browser without internet: for anybody, live, by keyboard, on a phone."""

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
    folder: Path = tmp_path_factory.mktemp("board")
    async with running_server(f"sqlite:///{folder}/incidents.db", sqlite_synchronous="NORMAL") as running:
        async with api_of(running) as api:
            await api.create_system()
        yield running


async def test_a_change_from_elsewhere_shows_without_a_reload(browser: Browser, server: Server) -> None:
    async with visiting(browser, server) as visit, api_of(server) as api:
        await visit.open()
        await expect(visit.page.get_by_role("status").first).to_have_text("Live")
        await api.create_incident("Nobody can pay")
        await expect(visit.page.get_by_role("link", name="Nobody can pay")).to_be_visible()
        assert await visit.violations() == []
