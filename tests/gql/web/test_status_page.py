"""The status page as readers get it: whole without scripts, and nothing in it but what the public may read."""

import gzip
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.errors import StartupError
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, EditIncidentUpdate
from domain.model.incident import Health, HealthOverride, Incident, Severity, Status
from domain.model.viewer import Visibility
from domain.services.maintenance.commands import AddMaintenanceUpdate
from domain.settings import Settings
from gql.app import create_app
from gql.web.status.kept import KeptPages
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_incident, make_maintenance, make_system, make_token, report_health, set_status
from tests.gql.dialects import on_both_databases

Read = Callable[..., Awaitable[httpx.Response]]
HIDDEN = {visibility: f"word{visibility.value.replace('_', '')}" for visibility in Visibility}
SECRET = [HIDDEN[Visibility.LOGGED_IN], HIDDEN[Visibility.INTERNAL]]


@pytest.fixture
def read(domain: Domain) -> Read:
    """Return a function that reads a path without a token, on a server that has kept no page yet."""

    async def get(path: str = "/status", *, method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, path, headers=named)

    return get


def sentence(answer: httpx.Response) -> str:
    """Return the first heading, without its elements."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", answer.text, re.DOTALL)
    assert found is not None, answer.text
    return re.sub("<[^>]*>", "", found[1]).strip()


async def say(domain: Domain, incident: Incident, message: str, **fields: Any) -> None:
    await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message=message, **fields))


# --------------------------------------------------------------------------------------------------------- the sentence


async def test_a_page_without_systems_says_so(read: Read) -> None:
    answer = await read()
    assert (answer.status_code, sentence(answer)) == (200, "Nothing is watched here yet.")


async def test_the_sentence_is_about_the_worst(read: Read, domain: Domain) -> None:
    for key in ("cards", "search"):
        await make_system(domain, key)
    assert sentence(await read()) == "All systems work."
    await make_maintenance(domain, "search", begins=-1, title="New disks")
    assert sentence(await read()) == "Planned maintenance is under way."
    await report_health(domain, "cards", Health.DEGRADED)
    assert sentence(await read()) == "Cards works, but not as well as usual."
    await report_health(domain, "cards", Health.UNHEALTHY)
    assert sentence(await read()) == "Cards is not available."
    await make_incident(domain, "cards", title="Some answers are slow", severity=Severity.MINOR)
    await make_incident(domain, "cards", title="Card payments are failing", severity=Severity.CRITICAL)
    answer = await read()
    assert sentence(answer) == "Card payments are failing."
    assert '<section class="state critical">' in answer.text
    assert "And one more incident is open." in answer.text


async def test_what_is_bad_under_maintenance_is_maintenance(read: Read, domain: Domain) -> None:
    await make_system(domain)
    await make_maintenance(domain, "payments", begins=-1)
    await report_health(domain, "payments", Health.UNHEALTHY)
    assert sentence(await read()) == "Planned maintenance is under way."


async def test_several_systems_are_named_by_the_first_and_counted(read: Read, domain: Domain) -> None:
    for key in ("a", "b", "c"):
        await make_system(domain, key)
        await report_health(domain, key, Health.UNHEALTHY)
    assert sentence(await read()) == "A and 2 more are not available."


async def test_systems_that_need_a_look_come_first(read: Read, domain: Domain) -> None:
    for key in ("a", "b", "c"):
        await make_system(domain, key)
    await report_health(domain, "c", Health.UNHEALTHY)
    await report_health(domain, "b", Health.DEGRADED)
    assert re.findall(r'<span class="name"><bdi>(\w)</bdi>', (await read()).text) == ["C", "B", "A"]


# ------------------------------------------------------------------------------------------------------------ the pages


@on_both_databases
async def test_an_incident_has_a_page_with_all_that_happened(read: Read, domain: Domain) -> None:
    incident = await make_incident(domain, title="Cards fail", description="About **one in three**.")
    for number in range(120):
        await say(domain, incident, f"Update {number}")
    await set_status(domain, incident, Status.MONITORING, "It is *better*")
    await say(domain, incident, "Hidden", visibility=Visibility.INTERNAL, status_change=Status.RESOLVED)
    answer = await read("/status/INC-1")
    assert answer.status_code == 200
    assert all(f">Update {number}<" in answer.text for number in range(120))
    assert "<strong>one in three</strong>" in answer.text
    assert "It is <em>better</em>" in answer.text
    # The status is public, the words for it are not.
    assert re.findall(r"<h3>(\w+)</h3>", answer.text)[:2] == ["Resolved", "Monitoring"]


async def test_a_past_incident_is_under_its_day_with_what_was_said_last(
    read: Read, domain: Domain, clock: SteppingClock
) -> None:
    incident = await make_incident(domain, title="Mails were late", occurred_at=clock.now() - timedelta(days=3))
    await set_status(domain, incident, Status.RESOLVED, "All [mails](https://example.com) are **sent**")
    answer = await read()
    assert sentence(answer) == "All systems work."
    assert "Thursday, 26 February" in answer.text
    assert '<a href="status/INC-1"><bdi>Mails were late</bdi></a>' in answer.text
    assert '<p class="summary" dir="auto">All mails are sent</p>' in answer.text
    assert "27 February to 1 March" in answer.text


@on_both_databases
async def test_older_incidents_are_on_a_page_of_their_month(read: Read, domain: Domain, clock: SteppingClock) -> None:
    for days in (1, 40):
        began = clock.now() - timedelta(days=days)
        incident = await make_incident(domain, title=f"{days} days ago", occurred_at=began)
        await set_status(domain, incident, Status.RESOLVED)
    assert 'href="status/history/2026-02"' in (await read()).text
    january = await read("/status/history/2026-01")
    assert "40 days ago" in january.text
    assert 'rel="next" href="../../status/history/2026-02"' in january.text
    assert 'rel="prev"' not in january.text
    assert "1 days ago" in (await read("/status/history/2026-02")).text


@pytest.mark.parametrize("month", ["2025-12", "2026-04", "2026-13", "0000-01", "9999-12", "now", "2026-1"])
async def test_months_without_any_past_have_no_page(read: Read, domain: Domain, month: str) -> None:
    await make_incident(domain)
    assert (await read(f"/status/history/{month}")).status_code == 404


@on_both_databases
async def test_a_system_has_a_page_with_its_days_in_words(read: Read, domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain, "cards", name="Card payments", description="All *cards*")
    await report_health(domain, "cards", Health.UNHEALTHY)
    clock.advance(minutes=30)
    await report_health(domain, "cards", Health.HEALTHY)
    clock.advance(days=1)
    await make_incident(domain, "cards", title="Ours")
    answer = await read("/status/systems/cards")
    assert (answer.status_code, sentence(answer)) == (200, "Card payments")
    assert "1 March: not available for 30 min" in answer.text
    assert "All <em>cards</em>" in answer.text
    assert "Ours" in answer.text
    assert 'href="../../systems/cards/feed.atom"' in answer.text


async def test_maintenance_does_not_count_as_lost(read: Read, domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain, "cards", name="Cards")
    await make_maintenance(domain, "cards", begins=0, hours=2)
    await domain.maintenance.timer.run_once()
    await report_health(domain, "cards", Health.UNHEALTHY)
    clock.advance(hours=1)
    await report_health(domain, "cards", Health.HEALTHY)
    clock.advance(hours=3)
    await domain.maintenance.timer.run_once()
    answer = await read("/status/systems/cards")
    assert "100 % today" in answer.text
    assert "1 March: maintenance for 2 h" in answer.text


# ---------------------------------------------------------------------------------------------------- what is not there


@pytest.mark.parametrize(
    "path",
    [
        *("/status/INC-2", "/status/inc-1", "/status/INC-01", "/status/INC-0", "/status/INC-99999999999", "/status/x"),
        *("/status/systems/nothing", "/status/systems/", "/status/files/x/status.css", "/badge/nothing.svg"),
        *("/status/a/b/c", "/status/INC-1/x", "/status/systems/%00"),
    ],
)
async def test_what_is_not_there_looks_the_same_everywhere(read: Read, domain: Domain, path: str) -> None:
    await make_incident(domain)
    answer = await read(path)
    assert answer.status_code == 404
    assert "INC-1" not in answer.text
    if "files" not in path:
        assert sentence(answer) == "There is no such page"


@on_both_databases
async def test_no_page_has_a_byte_of_what_the_public_may_not_read(read: Read, domain: Domain) -> None:
    await make_system(domain)
    incident = await make_incident(domain, title="Seen")
    other = await make_incident(domain, title="Seen as well", health_override=HealthOverride.DEGRADED)
    for visibility, word in HIDDEN.items():
        for each in (incident, other):
            await say(domain, each, word, visibility=visibility)
        await domain.links.add(
            ADMIN,
            AddIncidentLink(
                incident_id=incident.id, url=f"https://l.test/link{word}", label=word, visibility=visibility
            ),
        )
        window = await make_maintenance(domain, "payments", begins=-1, title=f"window {word}", visibility=visibility)
        await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message=f"message {word}"))
        planned = await make_maintenance(domain, "payments", begins=9, title=f"planned {word}", visibility=visibility)
        await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=planned.id, message=f"message {word}"))
    await say(domain, other, "formersecret")
    edited = await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=other.id, message="once"))
    assert edited.value.update is not None
    edit = EditIncidentUpdate(id=edited.value.update.id, incident_id=other.id, message="now")
    await domain.timeline.edit(ADMIN, edit)
    await set_status(domain, other, Status.RESOLVED, "Over")
    paths = ["/status", "/status/INC-1", "/status/INC-2", "/status/systems/payments", "/status/history/2026-03"]
    for path in [*paths, "/status/summary.json", "/badge.svg", "/badge/payments.svg"]:
        for token in (None, (await make_token(domain))[1]):
            answer = await read(path, **({"authorization": f"Bearer {token}"} if token else {}))
            assert answer.status_code == 200, path
            for word in (*SECRET, "once", "admin", "tok_", "linkword", incident.id, window.id):
                assert word not in answer.text.lower(), (path, word)
    assert HIDDEN[Visibility.PUBLIC] in (await read("/status/INC-1")).text


# -------------------------------------------------------------------------------------------------------- hostile texts


async def test_headings_of_texts_are_none_of_the_pages_own(read: Read, domain: Domain) -> None:
    incident = await make_incident(domain, title="Slow", description="# One\n### Two")
    await say(domain, incident, "### Three\n# Four")
    for path, words in {"/status/INC-1": ["One", "Two", "Three", "Four"], "/status": ["Three", "Four"]}.items():
        answer = await read(path)
        assert set(words) <= set(re.findall(r'<p class="heading">(\w+)</p>', answer.text)), path
        assert not re.search("<h[1-6][^>]*>(One|Two|Three|Four)<", answer.text)


async def test_texts_of_people_make_no_elements(read: Read, domain: Domain) -> None:
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    await make_system(domain, "payments", name=attack, description=attack)
    incident = await make_incident(domain, title=attack, description=attack)
    await set_status(domain, incident, Status.FIXING, f"{attack} [a](javascript:alert(1)) ![x](https://evil.test/x)")
    await make_maintenance(domain, "payments", begins=-1, title=attack, description=attack)
    for path in (
        "/status",
        "/status/INC-1",
        "/status/systems/payments",
        "/status/history/2026-03",
        "/badge/payments.svg",
    ):
        answer = await read(path)
        assert answer.status_code == 200
        assert not re.search(
            r"<script(?! type=\"module\" src=\"[./]*status/files/)|<img|=\"javascript:|\son\w+=\"", answer.text
        )
        assert 'style="' not in answer.text


async def test_a_long_message_is_cut_on_the_first_page_and_whole_on_its_own(read: Read, domain: Domain) -> None:
    incident = await make_incident(domain)
    await say(domain, incident, "long " * 4_000)
    assert len((await read()).text) < 20_000
    assert (await read("/status/INC-1")).text.count("long") > 4_000


# --------------------------------------------------------------------------------------------------- headers and caches


async def test_pages_let_nothing_in_but_their_own_files(read: Read) -> None:
    policy = (await read()).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


async def test_a_reader_who_has_the_page_gets_no_second_one(read: Read, domain: Domain) -> None:
    await make_incident(domain)
    first = await read()
    again = await read(if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"].startswith("public, max-age=10")
    await set_status(domain, (await _only(domain)), Status.FIXING)
    assert (await read(if_none_match=first.headers["etag"])).status_code == 200


async def test_each_encoding_has_a_tag_of_its_own(read: Read) -> None:
    packed, plain = await read(accept_encoding="gzip"), await read(accept_encoding="identity")
    assert packed.headers["etag"] != plain.headers["etag"]
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", plain.content)
    assert "accept-encoding" in packed.headers["vary"].lower()


async def test_a_head_has_the_headers_alone(read: Read) -> None:
    whole, head = await read(), await read(method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}


async def test_nothing_of_the_page_takes_other_methods(read: Read) -> None:
    [style, *_] = re.findall(r'href="(status/files/[^"]*css)"', (await read()).text)
    for path in ("/status", "/status/embed.js", f"/{style}", "/badge.svg", "/status/summary.json"):
        answer = await read(path, method="POST")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), path


async def test_files_are_kept_for_ever_under_the_address_of_their_version(read: Read) -> None:
    page = await read()
    for name in re.findall(r'"(status/files/[^"]+)"', page.text):
        answer = await read(f"/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


async def test_pages_are_made_once_for_all_readers(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    original = KeptPages._make

    async def counted(self: KeptPages, name: Any, make: Any) -> None:
        made.append(name[0])
        await original(self, name, make)

    monkeypatch.setattr(KeptPages, "_make", counted)
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        for _ in range(20):
            assert (await client.get("/status")).status_code == 200
    assert made == ["/status"]


async def test_all_that_a_reader_loads_has_at_most_60_kilobytes(read: Read, domain: Domain) -> None:
    for number in range(300):
        await make_system(domain, f"system-{number}", name=f"System number {number}")
    for number in range(40):
        incident = await make_incident(domain, f"system-{number}", title=f"Trouble {number}")
        await say(domain, incident, f"We know number {number}. " * 20)
    page = await read()
    names = re.findall(r'"(status/files/[^"]+)"', page.text)
    bodies = [page.content, *[(await read(f"/{name}")).content for name in names]]
    assert sum(len(gzip.compress(body)) for body in bodies) < 60_000


async def _only(domain: Domain) -> Incident:
    number = (await domain.reads.incident_ids_by_number([1]))[1]
    return (await domain.reads.incidents([number]))[number]


# ------------------------------------------------------------------------------------------------------------- settings


async def changed(settings: Settings, path: str = "/status", headers: Any = None, **others: Any) -> httpx.Response:
    """Return the answer of a server with other settings."""
    async with running_domain(replace(settings, **others), live=False) as other:
        transport = httpx.ASGITransport(app=create_app(other))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
            return await client.get(path, headers=headers)


async def test_the_language_is_that_of_the_setting(settings: Settings) -> None:
    answer = await changed(settings, public_language="de", headers={"accept-language": "en"})
    assert '<html lang="de">' in answer.text
    assert "accept-language" not in answer.headers["vary"].lower()


async def test_the_language_is_that_of_the_reader_where_the_setting_says_so(settings: Settings) -> None:
    answer = await changed(settings, public_language="auto", headers={"accept-language": "de-CH"})
    assert '<html lang="de">' in answer.text
    assert "accept-language" in answer.headers["vary"].lower()


async def test_a_language_that_is_not_known_stops_the_start(settings: Settings) -> None:
    with pytest.raises(StartupError, match="PUBLIC_LANGUAGE must be one of de, en, auto"):
        await changed(settings, public_language="fr")


async def test_a_page_that_is_not_public_says_so_in_its_own_style(settings: Settings) -> None:
    answer = await changed(settings, anonymous_access=False)
    assert (answer.status_code, sentence(answer)) == (401, "This page is not public")
    assert answer.headers["cache-control"] == "no-store"


async def test_a_caller_over_their_limit_is_asked_to_wait(settings: Settings) -> None:
    async with running_domain(replace(settings, rate_limit=2), live=False) as other:
        transport = httpx.ASGITransport(app=create_app(other))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
            assert (await client.get("/status")).status_code == 200
            answers = [await client.get(f"/status/INC-{number}") for number in range(1, 4)]
            assert answers[-1].status_code == 429
            assert int(answers[-1].headers["retry-after"]) > 0
            # What is kept is no work.
            assert (await client.get("/status")).status_code == 200


async def test_the_name_and_the_logo_are_those_of_the_settings(settings: Settings, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_bytes(b'<svg xmlns="http://www.w3.org/2000/svg"/>')
    answer = await changed(settings, public_name='Ex & "Shop"', public_logo=str(logo))
    assert "<title>Ex &amp; &#34;Shop&#34;: status</title>" in answer.text
    assert re.search(r'<img src="status/files/\w+/logo.svg" alt="Ex &amp; &#34;Shop&#34;">', answer.text)


async def test_the_form_for_mails_is_there_where_mails_are_sent(settings: Settings) -> None:
    assert "<form" not in (await changed(settings)).text
    mail = {"public_url": "http://incidents.test", "mail_url": "smtp://mail.test", "mail_from": "a@mail.test"}
    answer = await changed(settings, **mail)
    assert '<form class="subscribe" method="post" action="subscriptions">' in answer.text
    assert 'name="email" type="email" required' in answer.text


def test_the_settings_have_defaults_that_need_nothing() -> None:
    settings = Settings()
    assert (settings.public_language, settings.public_logo, settings.public_color) == ("en", None, None)


# ----------------------------------------------------------------------------------------------------- what is embedded


async def test_badges_say_the_state_in_words(read: Read, domain: Domain) -> None:
    await make_system(domain, "cards", name="Cards")
    whole, one = await read("/badge.svg"), await read("/badge/cards.svg")
    assert whole.headers["content-type"] == one.headers["content-type"] == "image/svg+xml"
    assert "<title>IncidentQL: All systems work.</title>" in whole.text
    assert 'aria-label="Cards: Works"' in one.text
    assert "sandbox" in one.headers["content-security-policy"]


async def test_the_summary_may_be_read_by_pages_of_any_origin(read: Read, domain: Domain) -> None:
    await make_incident(domain, title="Cards fail", severity=Severity.CRITICAL)
    answer = await read("/status/summary.json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {name: answer.json()[name] for name in ("name", "kind", "sentence", "openIncidents")} == {
        "name": "IncidentQL",
        "kind": "critical",
        "sentence": "Cards fail.",
        "openIncidents": 1,
    }
    assert (await read("/status/embed.js")).headers["access-control-allow-origin"] == "*"
