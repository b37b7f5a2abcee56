"""The board in Firefox: the path of somebody who looks, signs in, reports and resolves."""

import asyncio

import pytest

from tests.e2e.api import Api
from tests.e2e.firefox import Firefox, running_firefox
from tests.e2e.local import LocalServer, local_server
from tests.e2e.server import TOKEN, api_of

pytestmark = pytest.mark.firefox

_STORY = """{
  incidents(filter: {includeResolved: true}) { nodes { title status severity updates { nodes { message } } } }
}"""
_ON_INCIDENT = "document.querySelector('h1')?.textContent === 'Nobody can pay'"
_VIOLATION = "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))"


async def test_somebody_signs_in_reports_updates_and_resolves_and_nothing_foreign_is_asked_for() -> None:
    async with local_server() as server, api_of(server) as api:
        await api.create_system()
        async with running_firefox() as firefox:
            await _sign_in(firefox, server)
            await api.create_incident("Seen at once")
            await firefox.wait_for(_shows("Seen at once"))
            await _report(firefox)
            await _update_and_resolve(firefox)
            await _expect_the_story(api)
            own = (server.url, server.url.replace("http", "ws", 1), "data:")
            assert [url for url in firefox.requests if not url.startswith(own)] == []
            assert firefox.complaints == []
            # A violation would have been heard of.
            await firefox.evaluate(f"({_VIOLATION}, null)")
            async with asyncio.timeout(60):
                while not firefox.complaints:
                    assert await firefox.evaluate("window.ran ?? null") is None
            assert "refused by the policy: script-src" in firefox.complaints[0]


async def _sign_in(firefox: Firefox, server: LocalServer) -> None:
    await firefox.open(f"{server.url}/#token={TOKEN}")
    await firefox.wait_for(_shows("admin"))
    assert await firefox.evaluate("location.hash + document.cookie") == ""
    await firefox.wait_for("document.querySelector('.connection')?.textContent === 'Live'")


async def _report(firefox: Firefox) -> None:
    await firefox.press("n")
    await firefox.wait_for("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    await firefox.press(*"Nobody can pay")
    await firefox.click("document.querySelector('dialog input[value=CRITICAL]')")
    await firefox.click("document.querySelector('dialog [role=combobox]')")
    await firefox.click("[...document.querySelectorAll('dialog [role=option]')].find(({ innerText }) => innerText)")
    await firefox.click("document.querySelector('dialog textarea')")
    await firefox.press(*"Cards are **refused**.")
    await firefox.click("document.querySelector('dialog .button.first')")
    await firefox.wait_for(_ON_INCIDENT)
    await firefox.wait_for("document.querySelector('article strong')?.textContent === 'refused'")


async def _update_and_resolve(firefox: Firefox) -> None:
    for key, message in (("u", "The bank answers late."), ("r", "The bank is back.")):
        await firefox.press(key)
        await firefox.wait_for("document.activeElement?.matches('.composer textarea')")
        await firefox.press(*message)
        await firefox.send_form()
        await firefox.wait_for(f"[...document.querySelectorAll('article .prose')].some({_says(message)})")
        await firefox.click("document.querySelector('h1')")
    await firefox.wait_for(_shows("Lasted"))


async def _expect_the_story(api: Api) -> None:
    [incident] = [each for each in (await api.run(_STORY))["incidents"]["nodes"] if each["title"] == "Nobody can pay"]
    assert (incident["status"], incident["severity"]) == ("RESOLVED", "CRITICAL")
    messages = [update["message"] for update in incident["updates"]["nodes"]]
    assert sorted(messages) == ["Cards are **refused**.", "The bank answers late.", "The bank is back."]


def _shows(text: str) -> str:
    return f"document.body.innerText.includes('{text}')"


def _says(text: str) -> str:
    return f"({{ innerText }}) => innerText.includes('{text}')"
