"""The page of an incident in a real browser: for two at once, over lost connections, by keyboard, for anybody."""

import re
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Page, Response, Route, expect

from tests.e2e.api import Api
from tests.e2e.boards import Visit, sign_in, visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]

#: What a browser says while its server is away.
AWAY = re.compile(r"Failed to load resource|WebSocket connection to|ERR_CONNECTION_REFUSED")
INTERNAL = "zebrafish"
_LEVELS = "(headings) => headings.map(({ tagName }) => Number(tagName[1]))"
_UPDATES = "query ($id: ID!) { incident(id: $id) { updates(first: 100) { nodes { id message } } } }"


async def opened(api: Api, visit: Visit, title: str, **fields: Any) -> str:
    """Open an incident and its page, wait until that is live, and return the incident's id."""
    incident = await api.create_incident(title, **fields)
    data = await api.run("query ($id: ID!) { incident(id: $id) { reference } }", id=incident)
    await visit.open(f"incidents/{data['incident']['reference']}")
    await expect(visit.page.get_by_role("heading", level=1)).to_have_text(title)
    await live(visit.page)
    return incident


async def traffic_of(response: Response, traffic: list[str]) -> None:
    """Note what a server answered, unless the browser went on to another page and has forgotten it."""
    with suppress(Error):
        traffic.append(await response.text())


async def live(page: Page) -> None:
    """Wait until a page is live."""
    await expect(page.locator(".connection")).to_have_text("Live")


async def confirmed(page: Page) -> None:
    """Wait until the server has confirmed what was sent, and the timeline shows it."""
    await live(page)
    await expect(page.get_by_role("article").locator("[role=status]")).to_have_count(0)


async def messages(api: Api, incident: str) -> list[str]:
    """Return the texts of an incident's timeline, newest first."""
    nodes = (await api.run(_UPDATES, id=incident))["incident"]["updates"]["nodes"]
    return [node["message"] for node in nodes]


async def expect_a_report_in_print(page: Page, expected: list[str]) -> None:
    """Expect that these updates are printed as a report, the oldest first."""
    await page.emulate_media(media="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    texts = [text for text in await page.locator(".paper li p").all_inner_texts() if text.endswith(".")]
    assert texts == expected
    await expect(page.get_by_role("button")).to_have_count(0)
    await expect(page.locator(".paper").get_by_text("Duration")).to_be_visible()
    levels = await page.locator(".paper").get_by_role("heading").evaluate_all(_LEVELS)
    assert all(level <= before + 1 for before, level in pairwise([0, *levels])), levels
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(page.locator(".paper")).to_be_empty()
    await page.emulate_media(media="screen")


async def test_an_incident_is_acknowledged_updated_and_resolved_by_keyboard_alone_and_printed(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        incident = await opened(api, visit, "Nobody can pay", description="#### What fails\nAll.\n## Since\n#### When")
        await expect(page.get_by_text("Nobody has acknowledged this yet")).to_be_visible()
        await page.keyboard.press("a")
        await expect(page.get_by_text("Acknowledged by admin").first).to_be_visible()
        await page.keyboard.press("u")
        await expect(page.get_by_role("textbox", name="Update")).to_be_focused()
        await page.keyboard.type("# Now\nThe **provider** answers late.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_role("article", name="Update by admin").locator("strong")).to_have_text("provider")
        await page.keyboard.press("r")
        await expect(page.get_by_role("textbox", name="Update")).to_be_focused()
        await page.keyboard.type("The provider is back.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("Lasted")).to_be_visible()
        await confirmed(page)
        assert await messages(api, incident) == ["The provider is back.", "# Now\nThe **provider** answers late."]
        await expect(page.get_by_role("article")).to_have_count(2)
        assert await visit.violations() == []
        await expect_a_report_in_print(page, ["The provider answers late.", "The provider is back."])
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog").get_by_text("Edit the title")).to_be_visible()
        await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
        await expect(page).to_have_url(f"{server.url}/")


async def test_of_two_who_change_a_title_both_texts_are_shown_and_the_later_one_decides(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        incident = await opened(api, visit, "Slow")
        for decision, mine, theirs in [
            ("Keep mine", "Checkout is slow", "Slow at one"),
            ("Take theirs", "No", "Slow at two"),
        ]:
            await page.keyboard.press("e")
            await expect(page.get_by_role("textbox", name="Title")).to_be_focused()
            await page.keyboard.type(mine)
            await api.write("updateIncident", id=incident, title=theirs)
            await page.keyboard.press("Enter")
            dialog = page.get_by_role("dialog", name="Somebody else changed the title")
            await expect(dialog.locator(".text-box")).to_have_text([theirs, mine])
            if theirs == "Slow at one":
                assert await visit.violations() == []
            await dialog.get_by_role("button", name=decision).click()
            await expect(dialog).to_have_count(0)
            await expect(page.get_by_role("heading", level=1)).to_have_text(mine if decision == "Keep mine" else theirs)
        data = await api.run("query ($id: ID!) { incident(id: $id) { title } }", id=incident)
        assert data["incident"]["title"] == "Slow at two"


async def test_a_draft_survives_a_reload_a_refusal_and_the_end_of_its_incident(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await opened(api, visit, "Another one")
        incident = await opened(api, visit, "Queue is full")
        field = page.get_by_role("textbox", name="Update")
        await field.fill("Half a sen")
        await page.get_by_role("combobox", name="Who reads it").select_option("INTERNAL")
        await expect(page.get_by_text("Only responders and admins will read this.")).to_be_visible()
        await page.reload()
        await expect(field).to_have_value("Half a sen")
        await expect(page.get_by_role("combobox", name="Who reads it")).to_have_value("INTERNAL")
        # Nothing that anybody could read: the server refuses it, and the writer has it back with the reason.
        await field.fill("\u200b\u200b")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_text("Not sent:")).to_be_visible()
        await expect(field).to_have_value("\u200b\u200b")
        assert await visit.violations() == []
        await field.fill("A whole sentence.")
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_role("article").get_by_text("A whole sentence.")).to_be_visible()
        await confirmed(page)
        await page.reload()
        await expect(field).to_have_value("")
        assert await messages(api, incident) == ["A whole sentence."]
        await field.fill("Words that took long")
        await api.write("deleteIncident", id=incident)
        await expect(page.get_by_text("was deleted")).to_be_visible()
        await expect(page.get_by_text("Words that took long")).to_be_visible()
        await visit.go("incidents/INC-999999")
        await expect(page.get_by_text("There is nothing here, or you may not see it")).to_be_visible()
        assert await visit.violations() == []


async def test_an_update_whose_answer_was_lost_is_sent_again_and_appears_once(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        visit.pardoned = AWAY
        incident = await opened(api, visit, "Disk is full")
        killed: list[str] = []

        async def lose(route: Route) -> None:
            if "addIncidentUpdate" not in (route.request.post_data or "") or killed:
                await route.fallback()
                return
            answer = await route.fetch()
            killed.append(await answer.text())
            await server.stop()
            await route.abort()

        await page.route("**/graphql", lose)
        try:
            await page.get_by_role("textbox", name="Update").fill("We are deleting logs.")
            await page.keyboard.press("Control+Enter")
            await expect(page.get_by_text("Not sent yet, trying again")).to_be_visible()
            await expect(page.get_by_text("Offline since")).to_have_count(2)
            assert await visit.violations() == []
        finally:
            await server.start()
        # A crash of the browser in the meantime loses nothing either.
        await page.reload()
        await confirmed(page)
        await expect(page.get_by_role("article")).to_have_count(1)
        assert "userErrors" in killed[0]
        assert await messages(api, incident) == ["We are deleting logs."]


async def test_after_kills_of_the_server_a_page_shows_what_a_new_one_shows(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        visit.pardoned = AWAY
        incident = await opened(api, visit, "Flapping")
        for nth in range(3):
            await api.write("addIncidentUpdate", incidentId=incident, message=f"Before {nth}")
            await server.stop()
            await server.start()
            await api.write("addIncidentUpdate", incidentId=incident, message=f"After {nth}")
            await api.write("updateIncident", id=incident, severity=["MINOR", "CRITICAL", "MAJOR"][nth])
        await expect(visit.page.get_by_text("After 2")).to_be_visible()
        await live(visit.page)
        async with visiting(browser, server, signed_in=True) as other:
            await other.open(visit.page.url.removeprefix(f"{server.url}/"))
            await live(other.page)
            texts = other.page.locator(".timeline li")
            await expect(texts).to_have_count(10)
            # Names are asked for once the timeline is there.
            await expect(texts.first).to_contain_text("by admin")
            expected = [re.sub(r"\d+ min ago|just now", "", text) for text in await texts.all_inner_texts()]
        shown = await visit.page.locator(".timeline li").all_inner_texts()
        assert [re.sub(r"\d+ min ago|just now", "", text) for text in shown] == expected


async def test_whoever_comes_for_the_first_time_resolves_an_incident_by_mouse_without_a_word(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    incident = await api.create_incident("Nobody can pay")
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open()
        await page.get_by_role("link", name="Nobody can pay", exact=True).click()
        await page.get_by_role("button", name="Acknowledge").click()
        await page.get_by_role("button", name="Resolve").click()
        await expect(page.get_by_placeholder("This may stay empty")).to_be_visible()
        await page.get_by_role("form").get_by_role("button", name="Resolve").click()
        await expect(page.get_by_label("Status").first).to_have_value("RESOLVED")
        await page.get_by_role("link", name="Incidents").first.click()
        await expect(page.get_by_role("heading", name="Nothing is open.")).to_be_visible()
    query = "query ($id: ID!) { incident(id: $id) { status acknowledgedAt } }"
    found = (await api.run(query, id=incident))["incident"]
    assert (found["status"], bool(found["acknowledgedAt"])) == ("RESOLVED", True)


async def test_nothing_internal_reaches_anybody_who_is_not_signed_in(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server) as visit:
        page = visit.page
        traffic: list[str] = []
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: traffic.append(str(frame))))
        page.on("response", lambda response: traffic_of(response, traffic))
        incident = await opened(api, visit, "Mail is late", initialMessage="We are looking into it.")
        update = {"incidentId": incident, "message": f"It is the {INTERNAL}.", "visibility": "INTERNAL"}
        await api.write("addIncidentUpdate", **update)
        link = {"incidentId": incident, "url": f"https://a.example/{INTERNAL}", "visibility": "LOGGED_IN"}
        await api.write("addIncidentLink", **link)
        await api.write("updateIncident", id=incident, severity="CRITICAL")
        await expect(page.get_by_text("Severity raised from major to critical")).to_be_visible()
        await visit.open(f"{page.url.removeprefix(f'{server.url}/')}?view=changes")
        await expect(page.get_by_role("table")).to_be_visible()
        assert await visit.violations() == []
        await visit.open(page.url.removeprefix(f"{server.url}/").partition("?")[0])
        await expect(page.get_by_role("article")).to_have_count(1)
        for name in ("Acknowledge", "Post update", "Edit", "More…"):
            await expect(page.get_by_role("button", name=name)).to_have_count(0)
        await expect(page.get_by_role("textbox")).to_have_count(0)
        text = "\n".join(traffic)
        # Loaded and received: both were listened to.
        assert text.count("Mail is late") > 1
        assert '"type":"next"' in text
        assert INTERNAL not in text + await page.content()


async def test_updates_are_edited_and_deleted_and_their_earlier_versions_are_shown(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        incident = await opened(api, visit, "Search is slow", initialMessage="One shard is slow.")
        article = page.get_by_role("article")
        await article.get_by_role("button", name="Edit").click()
        await page.get_by_role("textbox", name="Text").fill("Two shards are slow.")
        await page.get_by_role("combobox", name="Who reads it").last.select_option("LOGGED_IN")
        await page.keyboard.press("Tab")
        await page.get_by_role("button", name="Save").click()
        await expect(article.get_by_text("Two shards are slow.")).to_be_visible()
        await expect(article.get_by_text("Signed-in people")).to_be_visible()
        await article.get_by_role("button", name="edited").click()
        await expect(article.locator("del")).to_have_text(["One shard is"])
        await expect(article.locator("ins")).to_have_text(["Two shards are"])
        assert await visit.violations() == []
        await article.get_by_role("button", name="Edit", exact=True).click()
        await article.get_by_role("button", name="Delete this update").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete the update").click()
        await expect(article).to_have_count(0)
        assert await messages(api, incident) == []


async def test_what_stands_beside_the_timeline_is_edited_in_place(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        other = await api.create_incident("The cause of all", severity="MINOR")
        reference = (await api.run("query ($id: ID!) { incident(id: $id) { reference } }", id=other))["incident"]
        incident = await opened(api, visit, "Logins fail")
        aside = page.get_by_role("complementary")
        await aside.get_by_role("button", name="Take the lead").click()
        await expect(aside.get_by_text("Nobody yet")).to_have_count(1)
        await aside.get_by_role("button", name="Add links").click()
        await page.get_by_role("textbox", name="Address").fill("https://example.com/graph")
        await page.get_by_role("textbox", name="Label").fill("Latency")
        await page.keyboard.press("Enter")
        await expect(aside.get_by_role("link", name="Latency")).to_be_visible()
        await aside.get_by_role("button", name="Edit labels").click()
        await page.get_by_role("textbox", name="Key 1").fill("team")
        await page.get_by_role("textbox", name="Value 1").fill("checkout")
        assert await visit.violations() == []
        await page.keyboard.press("Enter")
        await expect(aside.get_by_text("checkout")).to_be_visible()
        await aside.get_by_role("button", name="Correct facts").click()
        await page.get_by_label("Began").fill("2026-01-01T00:00:00")
        await expect(aside.get_by_text("It has lasted")).to_be_visible()
        await page.keyboard.press("Escape")
        await aside.get_by_role("button", name="Add related incidents").click()
        await page.get_by_role("combobox", name="This incident is").select_option("MERGE")
        await page.get_by_role("textbox", name="Reference").fill(reference["reference"])
        await expect(aside.get_by_role("link", name="The cause of all")).to_be_visible()
        await page.get_by_role("button", name="Merge…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Merge into").click()
        await expect(page.get_by_text("Duplicate of").first).to_be_visible()
        await expect(page.get_by_text("Lasted")).to_be_visible()
        query = "query ($id: ID!) { incident(id: $id) { status lead { name } labels { key value } } }"
        found = (await api.run(query, id=incident))["incident"]
        lead = {"name": "admin"}
        assert found == {"status": "RESOLVED", "lead": lead, "labels": [{"key": "team", "value": "checkout"}]}


async def test_a_long_timeline_comes_in_pages_of_the_chosen_kinds_in_the_chosen_order(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        incident = await api.create_incident("A long story")
        for nth in range(60):
            await api.write("addIncidentUpdate", incidentId=incident, message=f"Word {nth}.")
        data = await api.run("query ($id: ID!) { incident(id: $id) { number } }", id=incident)
        await visit.open(f"incidents/{data['incident']['number']}")
        article = page.get_by_role("article")
        await expect(article).to_have_count(50)
        await expect(article.first).to_contain_text("Word 59.")
        await page.get_by_role("button", name="Show earlier").click()
        await expect(article).to_have_count(60)
        await page.get_by_role("button", name="Newest first").click()
        await expect(article.first).to_contain_text("Word 0.")
        await page.reload()
        await expect(article.first).to_contain_text("Word 10.")
        await page.get_by_text("All kinds").click()
        await page.get_by_role("checkbox", name="Changes").check()
        await expect(article).to_have_count(0)
        await expect(page.get_by_text("Opened as major on Payments")).to_be_visible()
        await page.get_by_role("checkbox", name="Changes").uncheck()
        await expect(article).to_have_count(50)


async def test_whoever_may_only_read_finds_no_buttons_and_what_everybody_with_a_token_may_read(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server) as visit:
        page = visit.page
        secret = (await api.write("createToken", name="reader", role="VIEWER"))["secret"]
        incident = await opened(api, visit, "Mail is slow")
        for visibility in ("INTERNAL", "LOGGED_IN"):
            await api.write(
                "addIncidentUpdate", incidentId=incident, message=f"For {visibility}.", visibility=visibility
            )
        await expect(page.get_by_role("article")).to_have_count(0)
        await sign_in(page.context, server, secret)
        await page.reload()
        await expect(page.get_by_role("article").get_by_text("For LOGGED_IN.")).to_be_visible()
        await expect(page.get_by_role("article")).to_have_count(1)
        await expect(page.locator("main").get_by_role("button")).to_have_text(["Newest first"])
        await page.keyboard.press("a")
        await page.keyboard.press("u")
        await expect(page.get_by_role("textbox")).to_have_count(0)


async def test_two_tabs_of_one_reader_show_the_same_and_send_nothing_twice(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        incident = await opened(api, visit, "Two tabs")
        other = await visit.page.context.new_page()
        await other.goto(visit.page.url)
        await live(other)
        for nth, page in enumerate([visit.page, other]):
            await page.get_by_role("textbox", name="Update").fill(f"From tab {nth}.")
            await page.keyboard.press("Control+Enter")
        for page in (visit.page, other):
            await expect(page.get_by_role("article").locator(".prose")).to_have_text(["From tab 1.", "From tab 0."])
        assert await messages(api, incident) == ["From tab 1.", "From tab 0."]
        await expect(other.get_by_role("textbox", name="Update")).to_have_value("")
