"""The first minute of strangers on the board: signed in by somebody's link, or not at all."""

from playwright.async_api import Browser, expect

from tests.e2e.api import Api
from tests.e2e.boards import visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = of_pages

_NAME = "Ada of <Payments>"


async def test_a_stranger_reads_whom_a_link_signed_them_in_as_and_can_undo_it(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    secret = (await api.write("createToken", name=_NAME, role="ADMIN"))["secret"]
    async with visiting(browser, server) as visit:
        await visit.open(f"settings/tokens#token={secret}")
        notice = visit.page.get_by_role("status").filter(has_text="has signed you in as")
        await expect(notice).to_contain_text(f"{_NAME}, admin")
        assert secret not in visit.page.url
        assert await visit.violations() == []
        await notice.get_by_role("button", name="Not you? Sign out").click()
        await expect(notice).to_have_count(0)
        await expect(visit.page.get_by_role("banner").get_by_role("button", name="Sign in")).to_be_visible()
        # Where there is nothing for strangers, the page says so, and nothing is wrong with the connection.
        await expect(visit.page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
        await expect(visit.page.locator(".connection")).to_have_attribute("data-status", "refused")
        await expect(visit.page.locator(".connection")).to_have_text("Not signed in")
