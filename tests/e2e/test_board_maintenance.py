"""Planned maintenance in a real browser: scheduled by the reader's clocks, changed, cancelled, and said."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.api import Api
from tests.e2e.boards import PHONE, Visit, visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]
ZONE = "Europe/Berlin"
#: A name of one word, in another direction, and as markup.
HOSTILE = "x" * 120 + " <b>صيانة</b>"
#: Days of 2027 on which clocks change in Berlin, New York and on Lord Howe, and others.
_CHANGES = (0, 72, 86, 93, 100, 200, 275, 303, 310)
INSTANCES = "query Q($id: ID!) { maintenance(id: $id) { title instances(first: 3) { nodes { startsAt status } } } }"


async def check(visit: Visit) -> None:
    """Check that the page as it is has no fault of axe and no horizontal scroll."""
    assert await visit.violations() == []
    await fits(visit)


async def fits(visit: Visit) -> None:
    """Check that the page as it is has no horizontal scroll."""
    assert await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def choose(page: Page, name: str) -> None:
    """Choose a system in the picker by keyboard."""
    await page.get_by_role("combobox", name="Systems").fill(name[:3])
    await page.get_by_role("option", name=name).wait_for()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")


async def test_a_weekly_maintenance_is_scheduled_by_the_readers_clocks_and_one_time_of_it_cancelled(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    begins = (datetime.now(ZoneInfo(ZONE)) + timedelta(days=2)).replace(hour=2, minute=0, second=0, microsecond=0)
    async with visiting(browser, server, signed_in=True, timezone_id=ZONE) as visit:
        page = visit.page
        await visit.open("maintenance")
        await page.get_by_role("heading", name="No maintenance is planned").wait_for()
        await check(visit)
        await page.keyboard.press("n")
        await page.get_by_label("Title").fill(HOSTILE)
        await expect(page.get_by_label("Title")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.get_by_text("Choose at least one system.").wait_for()
        await choose(page, "Payments")
        await page.get_by_label("What people will notice").fill("#### When\n\nPayments are **slow**.\n\n# Why")
        await page.get_by_label("Begins").fill(f"{begins:%Y-%m-%dT%H:%M}")
        await expect(page.get_by_label("Ends")).to_have_value(f"{begins:%Y-%m-%dT03:00}")
        await expect(page.get_by_label("By the clocks of")).to_have_value(ZONE)
        await page.get_by_label("Repeats").select_option(label=f"Weekly on {begins:%A}")
        await expect(page.get_by_role("listitem").filter(has_text="02:00 to 03:00")).to_have_count(5)
        await check(visit)
        await page.get_by_role("button", name="Schedule", exact=True).click()
        await page.get_by_role("heading", name=HOSTILE).wait_for()
        identifier = page.url.rpartition("/")[2]
        await expect(page.locator("strong", has_text="slow")).to_be_visible()
        row = page.get_by_role("row").nth(2)
        await expect(row).to_contain_text("02:00 to 03:00")
        await row.get_by_role("button", name="Cancel").click()
        await fits(visit)
        await page.get_by_role("button", name="Cancel this time").click()
        await expect(row).to_contain_text("Cancelled")
        await check(visit)
        stored = (await api.run(INSTANCES, id=identifier))["maintenance"]["instances"]["nodes"]
        assert [each["status"] for each in stored] == ["SCHEDULED", "CANCELLED", "SCHEDULED"]
        assert datetime.fromisoformat(stored[0]["startsAt"]) == begins.astimezone(UTC)
        await page.get_by_role("button", name="Post an update").click()
        await page.get_by_label("Message", exact=True).fill("We begin with `db-1`.")
        await page.get_by_role("button", name="Post", exact=True).click()
        await expect(page.locator("code", has_text="db-1")).to_be_visible()
        await fits(visit)


async def test_what_somebody_else_changed_meanwhile_is_shown_and_what_was_written_is_kept(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        identifier = await schedule(api, "Move of a rack", hours=5)
        page = visit.page
        await visit.open(f"maintenance/{identifier}")
        await page.get_by_role("button", name="Change").click()
        await page.get_by_label("Title").fill("Mine")
        await api.run(
            "mutation M($input: UpdateMaintenanceInput!) { updateMaintenance(input: $input) { userErrors { code } } }",
            input={"id": identifier, "title": "Theirs"},
        )
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("Theirs")
        await expect(page.get_by_label("Title")).to_have_value("Mine")
        await check(visit)
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_role("heading", name="Mine").wait_for()
        assert (await api.run(INSTANCES, id=identifier))["maintenance"]["title"] == "Mine"


async def test_a_rule_that_never_holds_is_refused_at_its_field(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, signed_in=True, size=PHONE) as visit:
        page = visit.page
        await visit.open("maintenance")
        await page.get_by_role("button", name="Schedule maintenance").click()
        await page.get_by_label("Title").fill("Never")
        await choose(page, "Payments")
        await page.get_by_label("Repeats").select_option("own")
        await page.get_by_label("Rule").fill("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")
        await expect(page.get_by_text("no day matches it")).to_have_count(1)
        await page.get_by_role("button", name="Schedule", exact=True).click()
        await expect(page.get_by_label("Rule")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_label("Rule")).to_be_focused()
        await check(visit)


async def test_what_takes_place_now_is_ended_by_a_responder_and_only_seen_by_others(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    identifier = await schedule(api, "Under way", hours=-1)
    secret = await schedule(api, "A secret one", hours=-1, visibility="INTERNAL")
    async with visiting(browser, server, size=PHONE) as visit:
        await visit.open("maintenance")
        await expect(visit.page.get_by_role("row", name="Under way")).to_contain_text("Under maintenance")
        await expect(visit.page.get_by_text("A secret one")).to_have_count(0)
        await expect(visit.page.get_by_role("button", name="Schedule maintenance")).to_have_count(0)
        await fits(visit)
        await visit.go(f"maintenance/{secret}")
        await visit.page.get_by_role("heading", name="There is no such maintenance").wait_for()
        await visit.go(f"maintenance/{identifier}")
        await visit.page.get_by_role("heading", name="Under way").wait_for()
        await expect(visit.page.get_by_role("button", name="End now")).to_have_count(0)
        await check(visit)
    async with visiting(browser, server, signed_in=True) as visit:
        await visit.open(f"maintenance/{identifier}")
        await visit.page.get_by_role("button", name="End now").click()
        await visit.page.get_by_role("dialog").get_by_role("button", name="End now").click()
        await expect(visit.page.get_by_role("main")).to_contain_text("Over")
        await visit.go("maintenance?show=past")
        await expect(visit.page.get_by_role("row", name="Under way")).to_contain_text("Over")
        await fits(visit)


async def test_local_times_are_the_moments_that_python_says_also_where_clocks_change(
    browser: Browser, server: LocalServer
) -> None:
    zones = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
    begin = datetime(2027, 1, 1, 1, 30)  # noqa: DTZ001 - by local clocks
    # Each half hour around all changes of clocks in these zones, and some days without one.
    locals_ = [begin + timedelta(days=day, minutes=30 * half) for day in _CHANGES for half in range(6)]
    wanted = [[local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat() for local in locals_] for zone in zones]
    async with visiting(browser, server) as visit:
        await visit.open("maintenance")
        script = await visit.page.locator("script[type=module]").get_attribute("src")
        assert script is not None
        address = str(httpx.URL(visit.page.url).join(script.replace("first.js", "maintenance.js")))
        found = await visit.page.evaluate(
            """async ([address, zones, locals]) => {
                const { momentOf } = (await import(address)).$views$maintenance$zones;
                return zones.map((zone) => locals.map((local) => momentOf(local, zone)));
            }""",
            [address, list(zones), [f"{local:%Y-%m-%dT%H:%M}" for local in locals_]],
        )
    assert [[datetime.fromisoformat(each).isoformat() for each in row] for row in found] == wanted


async def schedule(api: Api, title: str, *, hours: float, **fields: str) -> str:
    """Schedule maintenance of payments that begins in so many hours and takes two, and return its id."""
    begins = datetime.now(UTC) + timedelta(hours=hours)
    written = await api.write(
        "scheduleMaintenance",
        title=title,
        systemIds=["payments"],
        startsAt=begins.isoformat(),
        endsAt=(begins + timedelta(hours=2)).isoformat(),
        **fields,
    )
    return str(written["maintenance"]["id"])
