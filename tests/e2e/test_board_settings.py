"""The settings in a real browser: what admins set up, and what nobody else sees."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.conftest import SECRET_KEY
from tests.domain.webhooks.receiver import is_signed, receiving
from tests.e2e.api import Api
from tests.e2e.boards import PHONE, Visit, visiting
from tests.e2e.local import LocalServer
from tests.e2e.server import api_of
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]
#: A name of one word, in another direction, and as markup.
HOSTILE = "x" * 120 + " <b>غرفة</b>"

ALERT = {
    "version": "4",
    "status": "firing",
    "receiver": "incidents",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "DiskFull", "severity": "page"},
            "annotations": {"summary": "The disk is full"},
            "startsAt": "2026-01-01T10:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "f1",
        }
    ],
}


@pytest.fixture
def server_settings() -> dict[str, Any]:
    return {"secret_key": SECRET_KEY, "http_allow": ("127.0.0.1",), "webhooks": True}


async def check(visit: Visit) -> None:
    """Check that the page as it is has no fault of axe and no horizontal scroll."""
    assert await visit.violations() == []
    await fits(visit)


async def fits(visit: Visit) -> None:
    """Check that the page as it is has no horizontal scroll."""
    assert await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def give_up(server: LocalServer) -> None:
    """Have all deliveries be given up, as they are after a day."""
    with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"), timeout=30)) as connection, connection:
        connection.execute("UPDATE webhook_deliveries SET status = 'parked', delivered_at = NULL")
        connection.execute("UPDATE webhooks SET gap_since = '2026-01-01 00:00:00.000000'")


async def stored(page: Page) -> str:
    """Return all that the browser keeps or shows outside of the page."""
    return str(
        await page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location + document.title")
    )


async def test_a_token_is_shown_once_works_and_is_revoked(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open()
        await page.get_by_role("link", name="Settings").click()
        await page.get_by_role("link", name="Tokens").click()
        await expect(page.get_by_role("row", name="admin")).to_contain_text("(you)")
        await fits(visit)
        await page.get_by_role("button", name="Create a token").click()
        await page.get_by_label("Name", exact=True).fill(HOSTILE)
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
        await fits(visit)
        async with api_of(server, secret) as api:
            assert (await api.post("{ viewer { role } }")).status_code == 401


async def test_a_channel_is_refused_at_its_field_and_a_test_says_how_it_went(
    browser: Browser, server: LocalServer
) -> None:
    async with visiting(browser, server, signed_in=True, size=PHONE) as visit:
        page = visit.page
        await visit.open("settings/channels")
        await page.get_by_role("button", name="Create a channel").click()
        await page.get_by_label("Name", exact=True).fill(HOSTILE)
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
        await expect(page.locator(".toast.bad")).to_be_visible()
        await page.get_by_role("button", name="Delete xxx").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await page.get_by_role("heading", name="There are no channels yet").wait_for()
        await fits(visit)


async def replace_the_token_and_delete(visit: Visit) -> None:
    """Replace an integration's token, and delete it by typing its name."""
    page = visit.page
    await page.get_by_role("button", name="Replace the token").click()
    await page.get_by_role("button", name="Replace", exact=True).click()
    other = await page.get_by_label("Token", exact=True).input_value()
    await page.get_by_role("button", name="I have it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert other not in await page.content()
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_label("To confirm, type").fill("something else")
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.get_by_text("That is another text.").wait_for()
    await check(visit)
    await page.get_by_label("To confirm, type").fill(HOSTILE)
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.get_by_role("heading", name="No monitor is connected yet").wait_for()


async def test_an_alert_sent_to_the_shown_address_with_the_shown_token_is_an_incident_until_both_are_gone(
    browser: Browser, server: LocalServer
) -> None:
    async with visiting(browser, server, signed_in=True) as visit, httpx.AsyncClient() as sender:
        page = visit.page
        await visit.open("settings/integrations")
        await page.get_by_role("heading", name="No monitor is connected yet").wait_for()
        await fits(visit)
        await page.get_by_role("button", name="Create an integration").click()
        await page.get_by_label("Name", exact=True).fill(HOSTILE)
        await page.get_by_text("Which system an alert is about").click()
        await page.get_by_label("Or by an expression").first.fill("labels.(")
        await page.get_by_text("Which system an alert is about").click()
        await page.get_by_role("button", name="Create", exact=True).click()
        # What is refused is unfolded.
        await expect(page.get_by_label("Or by an expression").first).to_be_focused()
        await expect(page.get_by_label("Or by an expression").first).to_have_attribute("aria-invalid", "true")
        await check(visit)
        await page.get_by_label("Or by an expression").first.fill("")
        await page.get_by_label("System of those that name none").fill("payments")
        await page.get_by_role("button", name="Create", exact=True).click()
        token = await page.get_by_label("Token", exact=True).input_value()
        address = await page.get_by_label("Address", exact=True).input_value()
        await expect(page.get_by_role("group", name="In alertmanager.yml")).to_contain_text(token)
        await check(visit)
        assert token not in await stored(page)
        await page.get_by_role("link", name="its deliveries").click()
        await page.get_by_role("heading", name="Nothing has come yet").wait_for()
        assert token not in await page.content()
        await fits(visit)
        answer = await sender.post(address, json=ALERT, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        await expect(page.get_by_role("link", name="INC-1 The disk is full")).to_have_attribute(
            "href", "/incidents/INC-1"
        )
        await page.get_by_text("1 alert, opened 1").click()
        await expect(page.get_by_role("group", name="Body")).to_contain_text('"alertname": "DiskFull"')
        await check(visit)
        await page.get_by_role("button", name="Replay").click()
        await page.get_by_text("Replayed. Changed nothing.").wait_for()
        await page.get_by_role("link", name="Refused").click()
        await page.get_by_role("heading", name="No delivery is of this kind").wait_for()
        await page.get_by_role("button", name="Disable").click()
        await page.get_by_text("Deliveries are refused while it is disabled").wait_for()
        answer = await sender.post(address, json=ALERT, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 403
        await expect(page.get_by_role("list", name="Deliveries")).to_contain_text("disabled")

        await replace_the_token_and_delete(visit)


async def test_a_webhook_is_tested_and_its_deliveries_show_with_their_gaps(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with receiving() as receiver, visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("settings/webhooks")
        await page.get_by_role("button", name="Create a webhook").click()
        await page.get_by_label("Address", exact=True).fill(receiver.url)
        await page.get_by_label("Bodies").select_option("document")
        await page.get_by_label("Variables").fill("{")
        await page.get_by_role("button", name="Create", exact=True).click()
        await expect(page.get_by_label("Variables")).to_have_accessible_description(re.compile("no JSON"))
        await check(visit)
        await page.get_by_label("Variables").fill('{"least": "MINOR"}')
        await page.get_by_role("button", name="Create", exact=True).click()
        secret = await page.get_by_label("Signing secret", exact=True).input_value()
        await fits(visit)
        assert secret not in await stored(page)
        await page.get_by_role("button", name="I have it").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert secret not in await page.content()
        await page.get_by_role("link", name="127.0.0.1").click()
        await page.get_by_role("button", name="Send a test").click()
        await page.get_by_text("The receiver took it: 204").wait_for()
        assert is_signed(receiver.received[-1], secret)
        receiver.answers(500)
        await page.get_by_role("button", name="Send a test").click()
        await expect(page.locator(".toast.bad")).to_contain_text("500")
        receiver.answers(204)
        await api.create_incident("Nobody can pay")
        await expect(page.get_by_role("row", name="incident.created")).to_contain_text("Delivered")
        assert receiver.received[-1].json["data"]["incidentEvents"]["type"] == "CREATED"
        await check(visit)
        await page.get_by_role("button", name="Send again incident.created").click()
        await page.get_by_text("It is sent once more.").wait_for()
        await page.get_by_role("link", name="Gaps").click()
        await page.get_by_role("heading", name="There is no gap").wait_for()
        await expect(page.get_by_text("There is a gap")).to_have_count(0)
        give_up(server)
        await expect(page.get_by_role("row", name="incident.created")).to_contain_text("Gap: given up")
        await expect(page.get_by_text("There is a gap")).to_be_visible()
        await check(visit)
        await page.get_by_role("button", name="Send the gap again").click()
        await page.get_by_role("heading", name="There is no gap").wait_for()


async def test_a_secret_is_stored_a_program_forgotten_and_nothing_called_done_in_an_outage(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True, size=ViewportSize(width=320, height=640)) as visit:
        page = visit.page
        await visit.open("settings/secrets")
        await page.get_by_role("button", name="Store a secret").click()
        await page.get_by_label("Name", exact=True).fill("PAGER")
        await page.get_by_label("Value").fill("a value that nobody reads")
        await page.get_by_role("button", name="Store", exact=True).click()
        await expect(page.get_by_role("row", name="PAGER")).to_contain_text("${{ secrets.PAGER }}")
        assert "a value that nobody reads" not in await page.content()
        await fits(visit)
        await api.write("createToken", name="Old robot", role="RESPONDER")
        await visit.go("settings/people")
        await page.get_by_label("Find by name").fill("robot")
        await expect(page.get_by_role("row")).to_have_count(2)
        await page.get_by_role("button", name="Forget Old robot").click()
        await fits(visit)
        await page.get_by_label("To confirm, type").fill("Old robot")
        await page.get_by_role("button", name="Forget for good").click()
        await page.get_by_text("They are being forgotten").wait_for()
        assert "Old robot" not in await page.get_by_role("main").inner_text()
        await check(visit)

        await visit.go("settings/secrets")
        await page.get_by_role("button", name="Store a secret").wait_for()
        await expect(page.get_by_role("status").first).to_have_text("Live")
        visit.pardoned = re.compile("ERR_INTERNET_DISCONNECTED")
        await page.context.set_offline(True)
        await expect(page.get_by_role("status").first).to_contain_text("Offline since")
        await page.get_by_role("button", name="Store a secret").click()
        await page.get_by_label("Name", exact=True).fill("LOST")
        await page.get_by_label("Value").fill("a value that is kept in its field")
        await page.get_by_role("button", name="Store", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached")
        await expect(page.get_by_label("Value")).to_have_value("a value that is kept in its field")
        await check(visit)
        await page.context.set_offline(False)
        await page.get_by_role("button", name="Store", exact=True).click()
        await page.get_by_role("row", name="LOST").wait_for()
        await expect(page.get_by_role("status").first).to_have_text("Live")
