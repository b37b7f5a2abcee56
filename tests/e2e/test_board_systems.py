"""The board's pages of systems: live, with how they were, for anybody and for admins, however many and named."""

import asyncio
import re

from playwright.async_api import Browser, Page, expect

from tests.e2e.api import Api
from tests.e2e.boards import PHONE, visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = of_pages

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "(123) שלום world",
    "نظام المدفوعات",
    "W" * 200,
    "👩‍💻 e\u0301",
    "Straßenverkehrsamt" * 5,
]
#: More than one list shows.
MANY = 120


async def width_beyond_the_window(page: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


async def test_without_systems_an_admin_adds_the_first_one_by_keyboard(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server) as nobody:
        await nobody.open("systems")
        await expect(nobody.page.get_by_role("heading", name="There are no systems yet")).to_be_visible()
        await expect(nobody.page.get_by_role("button", name="Add")).to_have_count(0)
        assert await nobody.violations() == []

    async with visiting(browser, server, signed_in=True) as admin:
        page = admin.page
        await admin.open("systems")
        await expect(page.get_by_role("button", name="Add the first one")).to_be_visible()
        await page.keyboard.press("n")
        await expect(page.get_by_label("Name")).to_be_focused()
        await page.keyboard.type("Zahlungen & Straße")
        await expect(page.get_by_label("Key")).to_have_value("zahlungen-stra-e")
        await page.get_by_label("Key").fill("Pay ments")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("lower-case").last).to_be_visible()
        assert await admin.violations() == []
        await page.get_by_label("Key").fill("payments")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Zahlungen & Straße")).to_be_visible()
        await expect(page).to_have_url(f"{server.url}/systems/payments")
        await expect(page.get_by_text("Nothing has reported on it")).to_be_visible()


async def test_a_report_and_an_incident_show_at_once_with_their_reason(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    await api.create_system()
    async with visiting(browser, server) as visit:
        page = visit.page
        await visit.open("systems")
        await expect(page.get_by_role("heading", name="The one system is healthy")).to_be_visible()
        await api.write("reportSystemHealth", system="payments", status="DEGRADED", message="Slow <b>today</b>")
        await expect(page.get_by_role("heading", name="1 of 1 system is not healthy")).to_be_visible()
        await expect(page.get_by_text("Slow <b>today</b>")).to_be_visible()

        await page.get_by_role("link", name="Payments").click()
        now = page.get_by_role("region", name="Health now")
        await expect(now).to_contain_text("Reported degraded")
        await api.create_incident("Nobody can pay", healthOverride="UNHEALTHY")
        await expect(now).to_contain_text("Set to unhealthy by the incident Nobody can pay")
        await expect(page.get_by_role("region", name="Open incidents").get_by_role("link")).to_have_text(
            "Nobody can pay"
        )
        await expect(page.get_by_role("button", name="Delete")).to_have_count(0)
        assert await visit.violations() == []

        days = page.get_by_role("slider", name="Each of the last 90 days")
        await days.focus()
        # A second of trouble is none of a day's minutes.
        await expect(days).to_have_attribute("aria-valuetext", re.compile("degraded|healthy throughout"))
        await page.keyboard.press("Home")
        await expect(days).to_have_attribute("aria-valuetext", re.compile("nothing is known"))
        lately = page.get_by_role("region", name="Lately")
        await lately.get_by_text("As a table").click()
        await expect(lately.get_by_role("table")).to_contain_text("as an incident set it; reported degraded")


async def test_an_edit_keeps_what_was_written_beside_somebody_elses_and_a_deletion_says_what_goes(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    await api.create_system()
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("systems/payments")
        await page.get_by_role("button", name="Report health").click()
        await page.get_by_label("Health", exact=True).select_option("HEALTHY")
        await page.get_by_label("Message").fill("All is well")
        await page.get_by_role("button", name="Report", exact=True).click()
        await expect(page.get_by_role("region", name="Health now")).to_contain_text("Reported healthy")
        await expect(page.get_by_role("dialog")).to_have_count(0)

        await page.keyboard.press("e")
        await page.get_by_label("Description").fill("What I wrote")
        await api.write("updateSystem", id="payments", name="Other", description="What they wrote")
        await page.get_by_role("button", name="Save", exact=True).click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("What they wrote")
        await expect(alert).to_contain_text("What I wrote")
        assert await visit.violations() == []
        await page.get_by_role("button", name="Keep mine").click()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_text("What I wrote")).to_be_visible()

        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_contain_text("The incidents stay.")
        await page.get_by_role("button", name="Delete it").click()
        await expect(page).to_have_url(f"{server.url}/systems")
        await visit.go("systems/payments")
        await expect(page.get_by_role("heading", name="There is no such system")).to_be_visible()
        assert await visit.violations() == []


async def test_more_systems_than_a_list_shows_with_hostile_names_are_found_and_fit(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    names = [*HOSTILE, *(f"System {nth:03}" for nth in range(MANY - len(HOSTILE)))]
    for some in range(0, len(names), 20):
        group = enumerate(names[some : some + 20], start=some)
        await asyncio.gather(*(api.write("createSystem", key=f"many-{nth}", name=name) for nth, name in group))
    await api.write("reportSystemHealth", system="many-3", status="UNHEALTHY", message="No " * 5_000)
    async with visiting(browser, server, size=PHONE) as visit:
        page = visit.page
        await visit.open("systems")
        await expect(page.get_by_role("region", name="Not healthy").get_by_role("link").first).to_have_text("W" * 200)
        assert await width_beyond_the_window(page) <= 0
        assert await visit.violations() == []
        for shown in (101, MANY):
            await expect(page.get_by_role("listitem")).to_have_count(shown)
            await page.keyboard.press("End")
        await expect(page.get_by_role("heading", level=1)).to_contain_text(f"1 of {MANY} systems")

        await page.get_by_role("searchbox").fill("many-119")
        await expect(page.get_by_role("listitem")).to_have_count(1)
        await expect(page).to_have_url(f"{server.url}/systems?text=many-119")
        await page.keyboard.press("Escape")
        await page.keyboard.press("j")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="System 113")).to_be_visible()
        await visit.go("systems/many-3")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await width_beyond_the_window(page) <= 0
