"""All that the board's browser receives has no word of what its reader may not see."""

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Error, Response, expect

from tests.conftest import SECRET_KEY
from tests.e2e.api import Api
from tests.e2e.boards import Visit, sign_in, visiting
from tests.e2e.local import LocalServer
from tests.e2e.server import api_of
from tests.pages import of_pages

pytestmark = [*of_pages, pytest.mark.usefixtures("payments")]

_VISIBILITIES = ("PUBLIC", "LOGGED_IN", "INTERNAL")
#: What the pages show of each visibility.
_SHOWN = ("updatebefore", "linkbefore", "labelbefore", "windowbefore", "planned", "plan", "said", "updateliveincidents")
_READABLE = {"nobody": ("PUBLIC",), "VIEWER": ("PUBLIC", "LOGGED_IN")}
_WORD = re.compile("zq(PUBLIC|LOGGED_IN|INTERNAL|STAFF|GONE)q([a-z0-9]+)", re.IGNORECASE)
_REFUSED = "Sign in to see this|You may not see this"
_PEOPLE = "{ people(first: 10) { nodes { id name } } }"


def word(readers: str, what: str) -> str:
    """Return the mark of one text, by who may read it: a visibility, STAFF, or GONE for those that nobody may."""
    return f"zq{readers}q{what}"


class Received:
    """All that a browser received: addresses, headers and bodies of answers, and messages of sockets."""

    def __init__(self, visit: Visit) -> None:
        self._answers: list[asyncio.Task[str]] = []
        self.frames: list[str] = []
        visit.page.on("response", lambda answer: self._answers.append(asyncio.create_task(_text_of(answer))))
        visit.page.on("websocket", lambda socket: socket.on("framereceived", self._note))

    def _note(self, frame: str | bytes) -> None:
        self.frames.append(frame if isinstance(frame, str) else frame.decode())

    async def texts(self) -> list[str]:
        """Return them, once all that has begun is there."""
        return [*await asyncio.gather(*self._answers), *self.frames]


async def _text_of(answer: Response) -> str:
    body = b""
    # The browser keeps no body that its page does not read, such as that of `/health`, or has left behind.
    with suppress(Error):
        body = await answer.body()
    return f"{answer.url} {await answer.all_headers()} {body.decode()}"


@pytest.fixture
def server_settings() -> dict[str, Any]:
    return {"automations": True, "secret_key": SECRET_KEY}


async def test_a_browser_receives_no_byte_of_what_its_reader_may_not_see(
    browser: Browser, server: LocalServer, api: Api
) -> None:
    secret = (await api.write("createToken", name="Vera", role="VIEWER"))["secret"]
    incident = await api.create_incident(
        word("PUBLIC", "title"), description=word("PUBLIC", "description"), idempotencyKey=word("STAFF", "key")
    )
    await _write_of_every_visibility(api, incident, "before")
    await _write_what_is_gone(api, incident)
    await _act_as_somebody_whose_name_is_an_address(api, server, incident)
    paths = await _schedule(api) | await _automate(api, incident)
    async with visiting(browser, server) as nobody, visiting(browser, server) as viewer:
        await sign_in(viewer.page.context, server, secret)
        visits = {"nobody": nobody, "VIEWER": viewer}
        received = {role: Received(visit) for role, visit in visits.items()}
        await _look(visits, paths)
        await _look_live(visits, api, incident)
        for role, heard in received.items():
            await _expect_what_is_readable(role, heard)


async def _look(visits: Mapping[str, Visit], paths: Mapping[str, str]) -> None:
    """Go to each path and wait for what it says in the end."""
    for visit in visits.values():
        await visit.open()
        for path, expected in paths.items():
            await visit.go(path)
            await expect(visit.page.get_by_text(re.compile(expected)).first).to_be_visible()


async def _look_live(visits: Mapping[str, Visit], api: Api, incident: str) -> None:
    """Write on while pages are open, first what is not for all, and wait for what everybody sees."""
    for path in ("wall", "", "incidents/INC-1", "systems/payments"):
        for visit in visits.values():
            await visit.go(path)
            await expect(visit.page.get_by_text(word("PUBLIC", "title")).first).to_be_visible()
        when = f"live{path.partition('/')[0]}"
        await _write_of_every_visibility(api, incident, when)
        await api.create_incident(word("PUBLIC", f"opened{when}"))
        shown = word("PUBLIC", f"{'update' if path.startswith('incidents') else 'opened'}{when}")
        for visit in visits.values():
            await expect(visit.page.get_by_text(shown).first).to_be_visible()


async def _expect_what_is_readable(role: str, heard: Received) -> None:
    texts = await heard.texts()
    found = {match.groups() for text in texts for match in _WORD.finditer(text)}
    readable = _READABLE[role]
    assert {(readers, what) for readers, what in found if readers.upper() not in readable} == set(), role
    wanted = {(readers, what) for readers in readable for what in _SHOWN}
    assert wanted <= found, role
    # Both the answers and what came by itself were listened to.
    assert any(word("PUBLIC", "openedlivewall") in frame for frame in heard.frames), role


async def _write_of_every_visibility(api: Api, incident: str, when: str) -> None:
    for readers in reversed(_VISIBILITIES):
        message = word(readers, f"update{when}")
        await api.write("addIncidentUpdate", incidentId=incident, message=message, visibility=readers)
        url, label = f"https://links.example/{word(readers, f'link{when}')}", word(readers, f"label{when}")
        await api.write("addIncidentLink", incidentId=incident, url=url, label=label, visibility=readers)
        window = await _window(api, title=word(readers, f"window{when}"), visibility=readers)
        await api.write("addMaintenanceUpdate", id=window, message=word(readers, f"news{when}"))


async def _window(api: Api, *, hours: float = -1, **fields: Any) -> str:
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    times = {"startsAt": begins.isoformat(), "endsAt": (begins + timedelta(hours=2)).isoformat()}
    written = await api.write("scheduleMaintenance", systemIds=["payments"], **times, **fields)
    return str(written["maintenance"]["id"])


async def _write_what_is_gone(api: Api, incident: str) -> None:
    """Write public texts that became others, narrower, or were deleted."""
    updates = [
        (await api.write("addIncidentUpdate", incidentId=incident, message=word("GONE", what)))["update"]["id"]
        for what in ("edited", "narrowed", "deleted")
    ]
    edited, narrowed, deleted = ({"incidentId": incident, "id": update} for update in updates)
    await api.write("editIncidentUpdate", **edited, message="Said better")
    await api.write("editIncidentUpdate", **narrowed, visibility="INTERNAL")
    await api.write("deleteIncidentUpdate", **deleted)
    other = await api.create_incident(word("GONE", "incident"), initialMessage=word("GONE", "message"))
    await api.write("deleteIncident", id=other)


async def _act_as_somebody_whose_name_is_an_address(api: Api, server: LocalServer, incident: str) -> None:
    name = f"{word('STAFF', 'person')}@people.example"
    secret = (await api.write("createToken", name=name, role="RESPONDER"))["secret"]
    async with api_of(server, secret) as theirs:
        await theirs.write("acknowledgeIncident", id=incident)
        await theirs.write("addIncidentUpdate", incidentId=incident, message="By somebody")
    [person] = [each["id"] for each in (await api.run(_PEOPLE))["people"]["nodes"] if each["name"] == name]
    await api.write("assignIncident", id=incident, lead=person, assignees=[person])


async def _schedule(api: Api) -> dict[str, str]:
    """Schedule maintenance of every visibility; return paths with what they say in the end, to some or to others."""
    pages = {}
    for readers in _VISIBILITIES:
        fields = {"title": word(readers, "planned"), "description": word(readers, "plan"), "visibility": readers}
        window = await _window(api, hours=5, recurrence="FREQ=WEEKLY", **fields)
        await api.write("addMaintenanceUpdate", id=window, message=word(readers, "said"))
        pages[f"maintenance/{window}"] = f"There is no such maintenance|{word(readers, 'said')}"
    return pages | {
        "systems": "Payments",
        "systems/payments": word("PUBLIC", "title"),
        "maintenance": word("PUBLIC", "planned"),
        "maintenance?show=past": "No maintenance|Nothing",
        "incidents/INC-1?view=causes": word("PUBLIC", "updatebefore"),
        "incidents/INC-1?view=changes": "^From$",
    }


async def _automate(api: Api, incident: str) -> dict[str, str]:
    """Let an automation act, create what only staff sees; return paths with what they say to others."""
    told = {"incidentId": incident, "message": word("INTERNAL", "byrun"), "visibility": "internal"}
    actions = [
        {"variables": {"told": word("STAFF", "variable")}},
        {"action": "log", "config": {"message": word("STAFF", "log")}},
        {"action": "incident.add_update", "config": told},
        {"action": "incident.add_update", "config": {"incidentId": incident, "message": word("PUBLIC", "byrun")}},
    ]
    definition = {"triggers": [{"event": "manual"}], "actions": actions}
    fields = {"description": word("STAFF", "purpose"), "group": word("STAFF", "group"), "definition": definition}
    automation = (await api.write("createAutomation", name="Teller", **fields))["automation"]["id"]
    await api.write("createAutomation", name=word("STAFF", "automation"), **fields)
    payload = {"said": word("STAFF", "payload")}
    run = (await api.write("runAutomation", id=automation, payload=payload))["run"]["id"]
    await api.write("createSecret", name=word("STAFF", "secret"), value=word("STAFF", "value"))
    await api.write("createChannel", name=word("STAFF", "channel"), url=f"json://{word('STAFF', 'host')}.example")
    await api.write("createWebhook", name=word("STAFF", "webhook"), url=f"https://example.com/{word('STAFF', 'path')}")
    await api.write("createIntegration", name=word("STAFF", "integration"), type="ALERTMANAGER")
    return {
        "incidents/INC-1": word("PUBLIC", "byrun"),
        "automations": _REFUSED,
        f"automations/{automation}": _REFUSED,
        f"automations/runs/{run}": _REFUSED,
    }
