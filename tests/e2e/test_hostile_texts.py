"""Texts that mean no good, in every field that people write and on every page: none runs, hides or pushes anything."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, ViewportSize, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.conftest import SECRET_KEY
from tests.e2e.api import Api
from tests.e2e.boards import CONTRAST, DESK, Visit, visiting
from tests.e2e.local import LocalServer
from tests.e2e.server import api_of
from tests.pages import of_pages

pytestmark = of_pages

_NARROW = ViewportSize(width=320, height=640)
#: Without a place to break, in both directions, as markup, out of quotes, invisible, and with marks upon marks.
_LINE = (
    "W" * 60 + '<img src=x onerror="ran=1">\'"><script>ran=1</script>{{ran=1}}&lt;b&gt;%00'
    "\u200f(نظام) \u200b\u2060\ufeff" + "x\u0336\u0489\u20dd" * 8
)
_PROSE = "\n\n".join(
    (
        '<img src=x onerror="ran=1"> [a](javascript:ran=1) [b](data:text/html,<script>ran=1</script>) ![c](x:ran)',
        '<https://evil.example/"onmouseover=ran=1> &#60;script&#62;ran=1&#60;/script&#62; `<script>ran=1</script>`',
        "\u202egnp.exe \u2066\u202d" + "x\u0336\u0489" * 150,
        "> " * 20 + "deep",
        "\n".join("  " * depth + "- deep" for depth in range(9)),
        "|" + "column|" * 40 + "\n|" + "-|" * 40 + "\n|" + "W" * 90 + "|",
        "```\n" + "code " * 100 + "\n```",
        "https://example.com/" + "path" * 150,
        "# " + "Heading" * 60,
    )
)
_PROSE += "\n\n" + "W" * (19_900 - len(_PROSE))
#: Deeper than anything that is laid out.
_DEEP = "\n".join((*("  " * depth + "- deep" for depth in range(60)), "> " * 90 + "deep"))
_LOOKS: Sequence[dict[str, Any]] = (
    {"color_scheme": "dark", "contrast": "no-preference"},
    {"color_scheme": "light", "contrast": "more"},
    {"color_scheme": "dark", "contrast": "more"},
)
_PEOPLE = "{ people(first: 20) { nodes { id name } } }"
_HAS_ALL = "(marks) => marks.every((mark) => document.body.textContent.includes(mark))"
#: Elements that stick out of the window, unless one that does not cuts or scrolls them; marks that cannot be read; and
#: words of ours that have no room for themselves.
_FAULTS = """(marks) => {
  const isOut = ({ left, right, width, height }) => width > 1 && height > 1 && (left < -1 || right > innerWidth + 1);
  const cuts = (each) => each && (getComputedStyle(each).overflowX !== "visible" || cuts(each.parentElement));
  const found = new Set();
  for (const each of document.body.querySelectorAll(":not(.skip)"))
    if (isOut(each.getBoundingClientRect()) && each.checkVisibility() && !cuts(each.parentElement))
      found.add(`${each.tagName}.${each.getAttribute("class")} sticks out`);
  const left = new Set(marks);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    const range = new Range();
    range.selectNodeContents(texts.currentNode);
    const isWord = /^[A-Za-z]{2,15}$/.test(data) && !parentElement.closest(".prose");
    if (isWord && range.getClientRects().length > 1) found.add(`${data} is broken`);
    for (const mark of left) {
      const at = data.indexOf(mark);
      if (at < 0) continue;
      range.setStart(texts.currentNode, at);
      range.setEnd(texts.currentNode, at + mark.length);
      const place = range.getBoundingClientRect();
      if (place.width && !isOut(place)) left.delete(mark);
    }
  }
  for (const mark of left) found.add(`${mark} cannot be read`);
  if (document.documentElement.scrollWidth > innerWidth) found.add("the page scrolls sideways");
  if ("ran" in window) found.add("a text has run");
  return [...found];
}"""


def mark(what: str) -> str:
    """Return the word by which a field is found."""
    return f"zq{what}"


def line(what: str, longest: int = 200) -> str:
    """Return a hostile text of one line."""
    return (mark(what) + _LINE)[:longest].strip()


def literal(what: str) -> str:
    """Return a hostile text of one line that holds no expression."""
    return line(what).replace("{{", "{")


def prose(what: str, text: str = _PROSE) -> str:
    """Return a hostile text of many lines."""
    return f"{mark(what)}\n\n{text}"


@pytest.fixture
def server_settings() -> dict[str, Any]:
    return {
        "automations": True,
        "secret_key": SECRET_KEY,
        "public_name": line("page", 80),
        "http_allow": ("127.0.0.1",),
    }


async def test_no_hostile_text_runs_hides_or_pushes_anything_on_any_page(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    pages = await _fill(api, server)
    async with visiting(browser, server, signed_in=True, size=_NARROW) as visit:
        faults = [fault for path, marks in pages.items() for fault in await _look(visit, path, marks)]
    assert faults == [], "\n".join(faults)


async def test_every_word_on_every_page_is_read_in_the_dark_and_in_high_contrast(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    pages = await _fill(api, server, systems=5)
    faults = []
    async with visiting(browser, server, signed_in=True) as visit:
        for path, marks in pages.items():
            await _go(visit, path, marks)
            for look in _LOOKS:
                await visit.page.emulate_media(**look)
                faults += [f"{path or '/'} {look}: {fault}" for fault in await visit.violations(CONTRAST)]
    assert faults == []


async def _look(visit: Visit, path: str, marks: Sequence[str]) -> list[str]:
    """Return the faults of a page on a phone and on a desk."""
    await _go(visit, path, marks)
    found = []
    for size in (_NARROW, DESK):
        await visit.page.set_viewport_size(size)
        found += [f"{path} at {size['width']}: {fault}" for fault in await visit.page.evaluate(_FAULTS, _marked(marks))]
    await visit.page.set_viewport_size(_NARROW)
    return found


async def _go(visit: Visit, path: str, marks: Sequence[str]) -> None:
    """Go to a page and wait until it has all that it is to show."""
    if path.startswith("status") or visit.page.url == "about:blank":
        await visit.open(path)
    else:
        # So that nothing is left of the page before.
        await visit.go("nowhere")
        await expect(visit.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        await visit.go(path)
    with suppress(PlaywrightTimeout):
        await visit.page.wait_for_function(_HAS_ALL, arg=_marked(marks))


def _marked(marks: Sequence[str]) -> list[str]:
    return list(map(mark, marks))


async def _fill(api: Api, server: LocalServer, systems: int = 120) -> dict[str, list[str]]:
    """Write hostile texts wherever they are taken; return the paths of pages, with what has to be read on each.

    By default there are more systems than any list shows at once.
    """
    await asyncio.gather(*(api.create_system(f"system-{nth}") for nth in range(systems)))
    await api.write("createSystem", key="hostile", name=line("system"), description=prose("about"))
    await api.write("reportSystemHealth", system="hostile", status="DEGRADED", message=line("health"))
    secret = (await api.write("createToken", name=line("person"), role="RESPONDER"))["secret"]
    incident = await _incident(api, systems)
    async with api_of(server, secret) as theirs:
        await theirs.write("acknowledgeIncident", id=incident)
        await theirs.write("addIncidentUpdate", incidentId=incident, message=prose("said", _DEEP), visibility="PUBLIC")
    [person] = [each["id"] for each in (await api.run(_PEOPLE))["people"]["nodes"] if mark("person") in each["name"]]
    await api.write("assignIncident", id=incident, lead=person, assignees=[person])
    pages = {
        "": ["title", "system", "person"],
        "?report": ["title"],
        "incidents/INC-1": ["title", "description", "first", "said", "key", "label", "link", "person", "system"],
        "incidents/INC-1?view=changes": ["title", "person"],
        "incidents/INC-1?view=causes": ["title"],
        "systems": ["system"],
        "systems/hostile": ["system", "about", "health", "title"],
        "wall": ["title", "system"],
    }
    pages |= await _automate(api, incident)
    pages |= await _set_up(api)
    pages |= await _schedule(api)
    return pages | {
        "status": ["page", "title", "system", "window"],
        "status/INC-1": ["title", "first", "said", "system"],
        "status/systems/hostile": ["system", "title"],
        f"status/history/{datetime.now(UTC):%Y-%m}": ["title"],
    }


async def _incident(api: Api, systems: int) -> str:
    keys = ["hostile", *(f"system-{nth}" for nth in range(min(systems, 99)))]
    texts = {"description": prose("description"), "initialMessage": prose("first"), "dedupeKey": line("dedupe")}
    labels = [{"key": "zqkey" + "w" * 55, "value": line("label")}]
    incident = await api.create_incident(line("title"), systemIds=keys, labels=labels, severity="CRITICAL", **texts)
    url = "https://example.com/" + "w" * 1_900
    await api.write("addIncidentLink", incidentId=incident, url=url, label=line("link", 120))
    await api.write("addIncidentLink", incidentId=incident, url=url + "x")
    return incident


async def _automate(api: Api, incident: str) -> Mapping[str, list[str]]:
    definition = {
        "triggers": [{"event": "manual"}],
        "actions": [
            {"action": "log", "config": {"message": literal("log")}},
            {"action": "incident.add_update", "config": {"incidentId": incident, "message": literal("byrun")}},
            {"action": "incident.resolve", "config": {"incidentId": literal("nowhere")}},
        ],
    }
    fields = {"name": line("automation"), "description": line("purpose"), "group": line("group", 60)}
    created = await api.write("createAutomation", definition=definition, **fields)
    automation = created["automation"]["id"]
    run = (await api.write("runAutomation", id=automation, payload={"word": line("payload")}))["run"]["id"]
    return {
        "automations": ["automation", "group"],
        f"automations/{automation}": ["automation", "purpose"],
        f"automations/{automation}?view=definition": ["automation", "log"],
        f"automations/{automation}?view=try": ["automation"],
        f"automations/{automation}?view=versions": ["automation"],
        f"automations/runs/{run}": ["automation", "log"],
    }


async def _set_up(api: Api) -> Mapping[str, list[str]]:
    await api.write("createChannel", name=line("channel"), url="json://127.0.0.1:9/" + "w" * 900)
    integration = (await api.write("createIntegration", name=line("integration"), type="ALERTMANAGER"))["integration"]
    url = "http://127.0.0.1:9/zqaddress" + "w" * 1_900
    webhook = (await api.write("createWebhook", name=line("webhook"), url=url))["webhook"]
    await api.write("createSecret", name="zqsecret" + "w" * 50, value=line("value"))
    return {
        "settings/channels": ["channel"],
        "settings/integrations": ["integration"],
        f"settings/integrations/{integration['id']}": ["integration"],
        "settings/webhooks": ["webhook"],
        f"settings/webhooks/{webhook['id']}": ["webhook", "address"],
        "settings/people": ["person"],
        "settings/tokens": ["person"],
        "settings/secrets": ["secret"],
    }


async def _schedule(api: Api) -> Mapping[str, list[str]]:
    begins = datetime.now(UTC) - timedelta(hours=1)
    times = {"startsAt": begins.isoformat(), "endsAt": (begins + timedelta(hours=9)).isoformat()}
    texts = {"title": line("window"), "description": prose("plan")}
    window = (await api.write("scheduleMaintenance", systemIds=["hostile"], **texts, **times))["maintenance"]["id"]
    await api.write("addMaintenanceUpdate", id=window, message=prose("news"))
    return {"maintenance": ["window", "system"], f"maintenance/{window}": ["window", "plan", "news", "system"]}
