"""The settings in a real browser: what admins set up, and what nobody else sees."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.conftest import SECRET_KEY
from tests.e2e.boards import PHONE, Visit, visiting
from tests.e2e.browsers import running_browser
from tests.e2e.server import Server, api_of, running_server

pytestmark = [pytest.mark.chromium, pytest.mark.node, pytest.mark.asyncio(loop_scope="module")]
#: A name of one word, in another direction, and as markup.
HOSTILE = "x" * 120 + " <b>غرفة</b>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    folder: Path = tmp_path_factory.mktemp("settings")
    async with running_server(
        f"sqlite:///{folder}/incidents.db",
        sqlite_synchronous="NORMAL",
        secret_key=SECRET_KEY,
        http_allow="127.0.0.1",
    ) as running:
        async with api_of(running) as api:
            await api.create_system()
        yield running


async def check(visit: Visit) -> None:
    """Check that the page as it is has no fault of axe and no horizontal scroll."""
    assert await visit.violations() == []
    assert await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def stored(page: Page) -> str:
    """Return all that the browser keeps or shows outside of the page."""
    return str(
        await page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location + document.title")
    )


async def test_a_token_is_shown_once_works_and_is_revoked(browser: Browser, server: Server) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await page.get_by_role("link", name="Settings").click()
        await page.get_by_role("link", name="Tokens").click()
        await expect(page.get_by_role("row", name="admin")).to_contain_text("(you)")
        await check(visit)
        await page.get_by_role("button", name="Create a token").click()
        await page.get_by_label("Name").fill(HOSTILE)
        await page.get_by_label("Only these systems").fill("nowhere")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Only these systems")).to_be_focused()
        await expect(page.get_by_label("Only these systems")).to_have_accessible_description(re.compile("no system"))
        await check(visit)
        await page.get_by_label("Only these systems").fill("payments")
        await page.get_by_label("Role").select_option("RESPONDER")
        await page.keyboard.press("Enter")
        secret = await page.get_by_label("Token", exact=True).input_value()
        await check(visit)
        assert secret not in await stored(page)
        async with api_of(server, secret) as api:
            assert (await api.run("{ viewer { role } }"))["viewer"]["role"] == "RESPONDER"
        await page.get_by_role("button", name="I have it").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert secret not in await page.content()
        await expect(page.get_by_role("row", name="xxx")).to_contain_text("Payments")
        await page.get_by_role("button", name="Revoke xxx").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await expect(page.get_by_role("row", name="xxx")).to_contain_text("Revoked")
        await check(visit)
        async with api_of(server, secret) as api:
            assert (await api.post("{ viewer { role } }")).status_code == 401


async def test_a_channel_is_refused_at_its_field_and_a_test_says_how_it_went(browser: Browser, server: Server) -> None:
    async with visiting(browser, server, signed_in=True, size=PHONE) as visit:
        page = visit.page
        await visit.open("settings/channels")
        await page.get_by_role("button", name="Create a channel").click()
        await page.get_by_label("Name").fill(HOSTILE)
        await page.get_by_label("URL").fill("nothing-of-this-kind://x")
        await page.get_by_text("How URLs look").click()
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_label("URL")).to_have_accessible_description(re.compile(r"secret.*\."))
        await expect(page.locator(".wrong")).to_be_visible()
        await check(visit)
        await page.get_by_label("URL").fill("json://127.0.0.1:9/nobody-listens")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_role("row", name="xxx")).to_contain_text("json://127.0.0.1:9/****")
        await check(visit)
        await page.get_by_role("button", name="Test xxx").click()
        await expect(page.locator(".toast.bad")).to_be_visible(timeout=30_000)
        await page.get_by_role("button", name="Delete xxx").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", name="There are no channels yet").wait_for()
        await check(visit)


async def test_nobody_sees_settings_without_being_an_admin(browser: Browser, server: Server) -> None:
    async with visiting(browser, server) as visit:
        page = visit.page
        for section in ("tokens", "channels", "secrets"):
            await visit.open(f"settings/{section}")
            await page.get_by_role("heading", name="Sign in to see this").wait_for()
            await expect(page.get_by_role("link", name="Settings")).to_have_count(0)
            await expect(page.get_by_role("navigation", name="Settings")).to_have_count(0)
            assert await visit.violations() == []
