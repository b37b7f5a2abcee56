"""The first page of the board and the wall: reporting by keyboard, links that are views, an outage, long lists."""

import re

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.api import Api
from tests.e2e.boards import PHONE, visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]

HOSTILE = ["<img src=x onerror=alert(1)>", "نظام المدفوعات لا يعمل", "W" * 200, "ạ́̈" * 40, "Straße" * 30]
#: More than one list shows.
MANY = 110


async def shown(page: Page) -> list[str]:
    """Return what the rows say, without their ages."""
    texts = await page.locator(".open-row").all_text_contents()
    return [re.sub(r"\d+ (?:s|min)(?: ago)?|just now", "", text) for text in texts]


async def test_somebody_reports_an_incident_by_keyboard_alone_and_loses_nothing_by_a_reload(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page, keys = visit.page, visit.page.keyboard
        await visit.open()
        await expect(page.get_by_role("heading", name="Nothing is open.")).to_be_visible()
        await keys.press("n")
        await expect(page.get_by_label("What is wrong?")).to_be_focused()
        await keys.press("Enter")
        await expect(page.get_by_text("Say in a few words what is wrong.")).to_be_visible()
        await keys.type("Nobody can pay")
        await keys.press("Tab")
        await keys.press("ArrowRight")
        await keys.press("Tab")
        await keys.type("pay")
        await expect(page.get_by_role("option", name="Payments")).to_be_visible()
        await expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
        await keys.press("Enter")
        await expect(page.get_by_role("button", name="Remove Payments")).to_be_visible()
        await keys.press("Tab")
        await keys.type("We know **nothing**")
        assert await visit.violations() == []

        await page.reload()
        await expect(page.get_by_role("status").first).to_have_text("Live")
        await keys.press("n")
        await expect(page.get_by_label("First message")).to_have_value("We know **nothing**")
        await keys.press("Control+Enter")
        await expect(page).to_have_url(re.compile(r"/incidents/INC-\d+$"))
    reported = "{ incidents { nodes { title severity updates { nodes { message visibility } } } } }"
    [incident] = (await api.run(reported))["incidents"]["nodes"]
    assert (incident["title"], incident["severity"]) == ("Nobody can pay", "MAJOR")
    assert incident["updates"]["nodes"] == [{"message": "We know **nothing**", "visibility": "PUBLIC"}]


async def test_a_report_that_is_refused_says_so_at_the_field(browser: Browser, server: LocalServer, api: Api) -> None:
    await api.create_system("short-lived")
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("?report")
        await page.get_by_label("What is wrong?").fill("It fails")
        await page.get_by_role("radio", name="Minor").check()
        await page.get_by_label("Which systems?").fill("short")
        await page.get_by_role("option", name="Short-Lived").click()
        found = await api.run('{ system(key: "short-lived") { id } }')
        await api.write("deleteSystem", id=found["system"]["id"])
        await page.get_by_role("button", name="Report", exact=True).click()
        field = page.get_by_label("Which systems?")
        await expect(field).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_text("There is no system with the id or key")).to_be_visible()
        await expect(page.get_by_label("What is wrong?")).to_have_value("It fails")


async def test_rows_are_acknowledged_and_resolved_by_keyboard(browser: Browser, server: LocalServer, api: Api) -> None:
    await api.create_incident("Second", severity="MINOR")
    first = await api.create_incident("First", severity="CRITICAL")
    async with visiting(browser, server, signed_in=True) as visit:
        page, keys = visit.page, visit.page.keyboard
        await visit.open()
        await expect(page.locator(".incident-title")).to_have_text(["First", "Second"])
        await expect(page.get_by_role("heading", level=1)).to_have_text("2 open: 1 critical on Payments, 1 minor.")
        await keys.press("j")
        await expect(page.get_by_role("link", name="First", exact=True)).to_be_focused()
        await keys.press("a")
        await expect(page.locator(".open-row").first).to_contain_text("Acknowledged")
        await keys.press("j")
        await expect(page.get_by_role("link", name="Second", exact=True)).to_be_focused()
        await keys.press("k")
        await expect(page.get_by_role("link", name="First", exact=True)).to_be_focused()
        await keys.press("r")
        await page.get_by_label("Last message").fill("A cable was out.")
        await keys.press("Control+Enter")
        await expect(page.locator(".incident-title")).to_have_text(["Second"])
        await expect(page.locator(".news").first).to_contain_text("resolved")
    query = "query ($id: ID!) { incident(id: $id) { status acknowledgedAt updates(first: 1) { nodes { message } } } }"
    incident = (await api.run(query, id=first))["incident"]
    assert incident["acknowledgedAt"]
    assert (incident["status"], incident["updates"]["nodes"]) == ("RESOLVED", [{"message": "A cable was out."}])


async def test_a_link_is_a_view(browser: Browser, server: LocalServer, api: Api) -> None:
    await api.create_incident("Cards", severity="CRITICAL")
    await api.create_incident("Cards again", severity="MINOR")
    await api.create_system("search")
    await api.create_incident("Index", severity="CRITICAL", systemIds=["search"])
    await api.write("resolveIncident", id=await api.create_incident("Over"))
    async with visiting(browser, server) as visit:
        page = visit.page
        await visit.open("?severity=critical&system=payments")
        await expect(page.locator(".incident-title")).to_have_text(["Cards"])
        await expect(page.get_by_role("button", name="Critical")).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Minor").click()
        await expect(page.locator(".incident-title")).to_have_text(["Cards", "Cards again"])
        await page.keyboard.press("/")
        await page.keyboard.type("again")
        await expect(page.locator(".incident-title")).to_have_text(["Cards again"])
        await expect(page).to_have_url(re.compile(r"\?severity=critical%2Cminor&system=payments&text=again$"))
        await page.reload()
        await expect(page.locator(".incident-title")).to_have_text(["Cards again"])
        # The sentence is about everything, whatever is shown.
        await expect(page.get_by_role("heading", level=1)).to_have_text("3 open: 2 critical, 1 minor.")
        await page.get_by_role("button", name="Clear").click()
        await expect(page.locator(".incident-title")).to_have_count(3)
        await page.get_by_label("Open or resolved").select_option("7")
        await expect(page).to_have_url(re.compile(r"\?resolved=7$"))
        await expect(page.locator(".open-row.is-resolved").first).to_be_visible()


async def test_anybody_sees_at_once_what_is_public_and_can_change_nothing(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server) as visit, visiting(browser, server, signed_in=True) as responder:
        await visit.open()
        await responder.open()
        for each in (visit, responder):
            await expect(each.page.get_by_role("status").first).to_have_text("Live")
        incident = await api.create_incident("Public", initialMessage="For everybody")
        await expect(visit.page.get_by_role("link", name="Public")).to_be_visible()
        await api.write("addIncidentUpdate", incidentId=incident, message="For us", visibility="INTERNAL")
        await expect(responder.page.locator(".open-row")).to_contain_text("For us")
        await expect(visit.page.locator(".open-row")).to_contain_text("For everybody")
        assert "For us" not in await visit.page.content()
        await expect(visit.page.get_by_role("button", name="Acknowledge")).to_have_count(0)
        assert await visit.violations() == []
        await visit.page.keyboard.press("n")
        await expect(visit.page.get_by_role("dialog", name="Sign in")).to_be_visible()


async def test_nobody_sees_settings_and_automations_without_signing_in(browser: Browser, server: LocalServer) -> None:
    sections = ("integrations", "webhooks", "channels", "tokens", "secrets", "people")
    automations = ("automations", "automations/anything", "automations/runs/run_1")
    async with visiting(browser, server) as visit:
        page = visit.page
        await visit.open()
        for path in (*automations, *(f"settings/{section}" for section in sections)):
            # From another page, so that what is seen is of this one.
            await visit.go("")
            await expect(page.get_by_role("heading", name="Nothing is open.")).to_be_visible()
            await visit.go(path)
            await expect(page.get_by_role("heading", name="Sign in to see this")).to_be_visible()
            await expect(page.get_by_role("link", name=re.compile("Settings|Automations"))).to_have_count(0)
            await expect(page.get_by_role("navigation", name="Settings")).to_have_count(0)
        assert await visit.violations() == []


async def test_after_an_outage_board_and_wall_are_what_a_new_page_shows(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    before = await api.create_incident("Before", severity="CRITICAL")
    async with visiting(browser, server) as board, visiting(browser, server) as wall:
        board.pardoned = wall.pardoned = re.compile("404|ERR_|WebSocket|EventSource")
        await board.open()
        await wall.open("wall")
        await expect(board.page.locator(".incident-title")).to_have_text(["Before"])
        await expect(wall.page.locator(".wall-digits")).to_have_text("1")
        await expect(wall.page.locator(".wall-heard")).to_have_text("Live")
        assert await wall.violations() == []
        await server.stop()
        await expect(board.page.locator(".connection")).to_contain_text("Offline since")
        await expect(wall.page.locator(".wall-heard")).to_contain_text("Last heard at")
        await expect(board.page.locator(".incident-title")).to_have_text(["Before"])
        await server.start()
        await api.create_incident("After", severity="CRITICAL")
        await api.write("updateIncident", id=before, severity="MINOR")
        for visit in (board, wall):
            await visit.page.evaluate("window.dispatchEvent(new Event('online'))")
        await expect(board.page.locator(".incident-title")).to_have_text(["After", "Before"])
        await expect(wall.page.locator(".wall-title")).to_have_text(["After", "Before"])
        await expect(wall.page.locator(".wall-heard")).to_have_text("Live")
        async with visiting(browser, server) as fresh:
            await fresh.open()
            await expect(fresh.page.locator(".incident-title")).to_have_count(2)
            assert await shown(board.page) == await shown(fresh.page)


async def test_a_long_list_is_live_to_its_end(browser: Browser, server: LocalServer, api: Api) -> None:
    made = [await api.create_incident(f"Number {nth}", severity="MINOR") for nth in range(MANY)]
    async with visiting(browser, server) as visit:
        page = visit.page
        await visit.open()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"{MANY} open: {MANY} minor.")
        await expect(page.locator(".open-row")).to_have_count(100)
        await page.get_by_role("button", name=f"Show more of {MANY}").click()
        await expect(page.locator(".open-row")).to_have_count(MANY)
        # The oldest stands last, beyond what one list shows.
        await api.write("updateIncident", id=made[0], title="Renamed")
        await expect(page.locator(".incident-title").last).to_have_text("Renamed")
        await api.create_incident("Worst", severity="CRITICAL")
        await expect(page.locator(".incident-title").first).to_have_text("Worst")
        await api.write("resolveIncident", id=made[1])
        await expect(page.locator(".open-row")).to_have_count(MANY)
        listed = await page.locator(".incident-title").all_text_contents()
        assert listed == ["Worst", *(f"Number {nth}" for nth in reversed(range(2, MANY))), "Renamed"]


async def test_hostile_titles_stay_in_their_rows(browser: Browser, server: LocalServer, api: Api) -> None:
    for title in HOSTILE:
        await api.create_incident(title, initialMessage=f"{title} <b>bold</b> [link](javascript:alert(1))")
    async with visiting(browser, server, size=PHONE) as visit:
        for path, row, count in (("", ".open-row", len(HOSTILE)), ("wall", ".wall-title", 3)):
            await visit.open(path)
            await expect(visit.page.locator(row)).to_have_count(count)
            for width in (PHONE["width"], 320):
                await visit.page.set_viewport_size(ViewportSize(width=width, height=640))
                place = "document.querySelector('.wall') ?? document.documentElement"
                assert await visit.page.evaluate(f"({place}).scrollWidth - innerWidth") <= 0, (path, width)
            assert await visit.page.locator("main img, main b").count() == 0
