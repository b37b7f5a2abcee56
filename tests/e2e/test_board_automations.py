"""The board's pages of automations: installed, written, tried on the past, run, and followed from trigger to end."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.api import Api
from tests.e2e.boards import PHONE, visiting
from tests.e2e.local import LocalServer
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]

_CREATE = """mutation ($input: CreateAutomationInput!) {
  createAutomation(input: $input) { automation { id version } userErrors { code message } }
}"""
_UPDATE = """mutation ($input: UpdateAutomationInput!) {
  updateAutomation(input: $input) { automation { id } userErrors { code message } }
}"""
_LOGGED: dict[str, Any] = {
    "triggers": [{"event": "manual"}],
    "actions": [{"action": "log", "config": {"message": "1"}}],
}
#: A run that waits until somebody resolves the incident that it opened.
_WATCH: dict[str, Any] = {
    "triggers": [{"event": "system.degraded"}],
    "actions": [
        {"variables": {"name": "{{ trigger.payload.systemName }}"}},
        {"condition": "vars.name != 'nobody'"},
        {
            "id": "opened",
            "action": "incident.create",
            "config": {
                "title": "{{ vars.name }} is bad",
                "severity": "major",
                "systemIds": ["{{ trigger.payload.systemId }}"],
            },
        },
        {"wait_until": {"condition": "health.system.status == 'healthy'"}},
        {"action": "incident.resolve", "config": {"message": "It works again."}},
    ],
    "mode": "parallel",
}
HOSTILE = "<b>نظام</b> " + "W" * 150 + " Straße 👩‍💻"


@pytest.fixture
def server_settings() -> dict[str, Any]:
    return {"automations": True}


async def create(api: Api, name: str, definition: dict[str, Any], **fields: Any) -> str:
    """Create an automation and return its id."""
    data = await api.run(_CREATE, input={"name": name, "definition": definition} | fields)
    assert data["createAutomation"]["userErrors"] == []
    return str(data["createAutomation"]["automation"]["id"])


async def replace_in_editor(page: Page, before: str, after: str) -> None:
    """Change a piece of the text in the editor, as somebody who writes does."""
    editor = page.get_by_role("textbox", name="Definition")
    await editor.fill((await editor.input_value()).replace(before, after))


async def test_responders_see_automations_and_change_none(browser: Browser, server: LocalServer, api: Api) -> None:
    token = await api.write("createToken", name="Robin", role="RESPONDER")
    automation = await create(api, "Seen by responders", _LOGGED, enabled=False)
    async with visiting(browser, server) as visit:
        page = visit.page
        await visit.open(f"automations/{automation}#token={token['secret']}")
        await expect(page.get_by_role("heading", name="Seen by responders")).to_be_visible()
        await expect(page.get_by_role("switch")).to_be_disabled()
        await expect(page.get_by_role("button", name=re.compile("Run by hand|Delete|Edit"))).to_have_count(0)
        await expect(page.get_by_role("link", name="Try it")).to_have_count(0)
        await page.get_by_role("link", name="Definition").click()
        await expect(page.get_by_role("group", name="Definition")).to_contain_text("event: manual")
        await expect(page.get_by_role("button", name="Edit")).to_have_count(0)
        assert await visit.violations() == []

        for path in ("automations/runs/run_1", "automations/nothing"):
            await visit.open(path)
            await expect(page.get_by_role("heading", name="There is no such")).to_be_visible()
            await expect(page.get_by_role("banner").get_by_role("status")).to_have_text("Live")


async def test_a_ready_made_one_is_installed_with_its_parameters(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("automations")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.keyboard.press("i")
        await page.get_by_role("button", name="Sustained degradation").click()
        assert await visit.violations() == []
        await page.get_by_label("For how long a system is degraded").fill("soon")
        await page.get_by_label("Payments").check()
        await page.get_by_role("button", name="Install", exact=True).click()
        await expect(page.get_by_label("For how long a system is degraded")).to_have_attribute("aria-invalid", "true")
        await page.get_by_label("For how long a system is degraded").fill("45m")
        await page.get_by_role("button", name="Install", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sustained degradation")
        does = page.get_by_role("region", name="What it does")
        await expect(does).to_contain_text("When a system is no longer healthy and stays so for 45 min where")
        await expect(does).to_contain_text("Open an incident")

        await page.get_by_role("switch").click()
        await expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "false")
        await page.get_by_role("button", name="Delete").click()
        await expect(page.get_by_role("dialog")).to_contain_text("What it opened stays open")
        await page.get_by_role("button", name="Delete it").click()
        await expect(page.get_by_role("link", name="Sustained degradation")).to_have_count(0)


async def test_what_is_wrong_with_a_definition_is_shown_at_its_line(browser: Browser, server: LocalServer) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        page = visit.page
        await visit.open("automations/new")
        await page.get_by_label("Name").fill(HOSTILE)
        create_button = page.get_by_role("button", name="Create")
        await expect(create_button).to_be_enabled()
        await replace_in_editor(page, "severity: major", "severity: huge")
        place = page.get_by_role("button", name="line 9 actions[0].config.severity")
        await expect(place).to_be_visible()
        await expect(create_button).to_be_disabled()
        assert await visit.violations() == []
        await place.click()
        assert await page.evaluate("getSelection().toString().trim()") == "severity: huge"
        await replace_in_editor(page, "severity: huge", "severity: [")
        await expect(page.get_by_role("button", name="line")).to_be_visible()
        await replace_in_editor(page, "severity: [", "severity: minor")
        await expect(page.get_by_text("No problems.")).to_be_visible()

        # What was written survives a reload.
        await visit.open("automations/new")
        await expect(page.get_by_role("textbox", name="Definition")).to_have_value(re.compile("severity: minor"))
        await expect(create_button).to_be_enabled()
        await create_button.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        await page.set_viewport_size(PHONE)
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_somebody_elses_version_is_shown_beside_ones_own(browser: Browser, server: LocalServer, api: Api) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        automation = await create(api, "Written by two", _LOGGED)
        page = visit.page
        await visit.open("automations/Written%20by%20two?view=definition")
        await expect(page.get_by_role("heading", name="Written by two")).to_be_visible()
        await page.keyboard.press("e")
        await expect(page.get_by_text("No problems.")).to_be_visible()
        await replace_in_editor(page, 'message: "1"', "message: mine")
        theirs = {**_LOGGED, "actions": [{"action": "log", "config": {"message": "theirs"}}]}
        await api.run(_UPDATE, input={"id": automation, "definition": theirs})
        await page.get_by_role("button", name="Save", exact=True).click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("Somebody saved version 2")
        await expect(alert).to_contain_text("Removed: - " + " " * 6 + "message: theirs")
        assert await visit.violations() == []
        await page.get_by_role("button", name="Keep mine").click()
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("group", name="Definition")).to_contain_text("message: mine")
        await page.get_by_role("link", name="Versions").click()
        await page.get_by_text("Version 3").click()
        await expect(page.get_by_role("group", name="What changed")).to_contain_text("message: mine")


async def test_a_run_is_followed_live_from_its_trigger_to_its_end_and_played_again(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    async with visiting(browser, server, signed_in=True) as visit:
        automation = await create(api, "Watch", _WATCH)
        page = visit.page
        await visit.open(f"automations/{automation}")
        await expect(page.get_by_text("It has not run yet.")).to_be_visible()
        await api.write("reportSystemHealth", system="payments", status="DEGRADED")
        await page.get_by_role("link", name="A system was no longer healthy").click()
        steps = page.get_by_role("list", name="Steps")
        await expect(steps).to_contain_text("vars.name != 'nobody' holds")
        await expect(steps).to_contain_text("Wait until without a limit")
        effects = page.get_by_role("region", name="What came of it")
        await expect(effects.get_by_role("link", name="Payments is bad")).to_be_visible()
        await api.write("reportSystemHealth", system="payments", status="HEALTHY")
        await expect(page.get_by_role("region", name="How it is")).to_contain_text("Done")
        await expect(steps).to_contain_text("it came about")
        await expect(effects).to_contain_text("Resolved")
        await expect(page.get_by_role("banner").get_by_role("status")).to_have_text("Live")
        await steps.get_by_text("Open an incident").click()
        await expect(page.get_by_role("group", name="Input of actions[2]")).to_contain_text(
            '"title": "Payments is bad"'
        )
        assert await visit.violations() == []

        await visit.go(f"automations/{automation}")
        await expect(page.get_by_role("heading", name="Watch", exact=True)).to_be_visible()
        await page.keyboard.press("t")
        await page.get_by_label("When").select_option("The last 24 hours")
        await page.get_by_role("button", name="Play it").click()
        sentence = page.get_by_text("it would have run")
        await expect(sentence).to_contain_text("1 time and opened 1 incident, resolved it")
        await page.locator("summary", has_text="Payments is bad").click()
        await page.locator("summary", has_text="A system was no longer healthy").click()
        await expect(page.get_by_role("list", name="Steps")).to_contain_text("Resolve the incident")
        assert await visit.violations() == []


async def test_a_run_by_hand_is_cancelled_by_keyboard(browser: Browser, server: LocalServer, api: Api) -> None:
    definition = {"triggers": [{"event": "manual"}], "actions": [{"delay": "1h"}]}
    async with visiting(browser, server, signed_in=True) as visit:
        automation = await create(api, "By hand", definition)
        page = visit.page
        await visit.open(f"automations/{automation}")
        await expect(page.get_by_text("Wait 1 h")).to_be_visible()
        await page.keyboard.press("r")
        await page.get_by_label("Payload").fill("a: [1")
        await page.get_by_role("button", name="Run it now").click()
        await expect(page.get_by_text("(line 1, column")).to_be_visible()
        assert await visit.violations() == []
        await page.get_by_label("Payload").fill("a: [1]")
        await page.get_by_role("button", name="Run it now").click()
        await expect(page.get_by_role("list", name="Steps")).to_contain_text("Wait 1 h")
        await page.keyboard.press("c")
        await page.get_by_role("button", name="Cancel it").click()
        await expect(page.get_by_role("region", name="How it is")).to_contain_text("Cancelled")
        await expect(page.get_by_role("button", name="Cancel the run")).to_have_count(0)
