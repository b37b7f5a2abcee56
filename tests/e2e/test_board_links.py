"""Links that sign in whoever opens them: anybody can send one."""

from playwright.async_api import Browser, Route, expect

from tests.e2e.api import Api
from tests.e2e.boards import visiting
from tests.e2e.local import LocalServer
from tests.e2e.server import TOKEN
from tests.pages import of_pages

pytestmark = of_pages

_NAME = "<img src=x onerror=alert(1)>"


def _asks(route: Route) -> bool:
    return route.request.method == "GET"


async def test_a_link_with_a_token_asks_whoever_is_signed_in_as_somebody_else(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    theirs = (await api.write("createToken", name=_NAME, role="VIEWER"))["secret"]
    async with visiting(browser, server, may_complain=True) as visit:
        page, account = visit.page, visit.page.get_by_role("banner").get_by_role("button", name="admin")
        asked = page.get_by_role("dialog", name="Sign in as somebody else?")
        # Whoever is nobody yet is signed in at once.
        await visit.open(f"#token={TOKEN}")
        await expect(account).to_be_visible()
        assert await page.evaluate("location.hash + document.cookie") == ""
        # In an open page, too, where the browser only follows the fragment.
        for is_open in (True, False):
            if not is_open:
                await page.goto("about:blank")
            await visit.open(f"#token={theirs}")
            await expect(asked).to_contain_text(f"signs you in as {_NAME}, viewer")
            assert theirs not in page.url
            await asked.get_by_role("button", name="Keep it as it is").click()
            await expect(asked).to_have_count(0)
            await page.reload()
            await expect(account).to_be_visible()
        # Where the server does not say who is signed in, nobody is taken for nobody.
        await page.route("**/session", lambda route: route.fulfill(status=503) if _asks(route) else route.continue_())
        await visit.open(f"#token={theirs}")
        await expect(page.get_by_text("could not be used")).to_be_visible()
        await page.unroute("**/session")
        await page.reload()
        await expect(account).to_be_visible()
        await visit.open(f"#token={TOKEN}")
        await visit.open("#token=wrong")
        await expect(page.get_by_text("could not be used")).to_be_visible()
        await expect(account).to_be_visible()
        await visit.open(f"#token={theirs}")
        await expect(asked).to_be_visible()
        assert await visit.violations() == []
        await asked.get_by_role("button", name="Sign in as").click()
        await expect(page.get_by_role("banner").get_by_role("button", name=_NAME)).to_be_visible()
