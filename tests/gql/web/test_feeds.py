"""The Atom feeds, as feed readers and caches get them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as Xml

import feedparser
import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.incident import Health, Incident, Status
from domain.model.viewer import Visibility
from domain.settings import Settings
from gql.app import create_app
from gql.web.feeds.answers import Answers
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, make_incident, make_system, make_token, report_health, set_status
from tests.gql.dialects import on_both_databases

ATOM = "{http://www.w3.org/2005/Atom}"
#: What only those with a token, or only responders, may read.
HIDDEN = ("hiddenword", "loggedinword")
PATHS = (
    "/feed.atom",
    "/systems/payments/feed.atom",
    "/maintenance.ics",
    "/systems/payments/maintenance.ics",
    "/api/v2/summary.json",
    "/api/v2/status.json",
    "/api/v2/components.json",
    "/api/v2/incidents.json",
    "/api/v2/incidents/unresolved.json",
    "/api/v2/scheduled-maintenances.json",
    "/api/v2/scheduled-maintenances/upcoming.json",
    "/api/v2/scheduled-maintenances/active.json",
)


@pytest.fixture
async def reader(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


async def say(domain: Domain, incident: Incident, message: str, **fields: Any) -> str:
    """Add an update, and return its id."""
    added = await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message=message, **fields))
    assert added.value.update is not None
    return added.value.update.id


async def parsed(reader: httpx.AsyncClient, path: str = "/feed.atom") -> Any:
    """Return a feed as a feed reader has it, which found nothing wrong with it."""
    answer = await reader.get(path)
    assert answer.status_code == 200, answer.text
    found = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


async def test_a_feed_reader_finds_nothing_wrong_with_a_feed_without_incidents(reader: httpx.AsyncClient) -> None:
    found = await parsed(reader)
    assert (found.feed.title, found.feed.updated, found.entries) == ("IncidentQL", "1970-01-01T00:00:00.000Z", [])
    assert [(link.rel, link.href) for link in found.feed.links] == [
        ("self", "http://incidents.test/feed.atom"),
        ("alternate", "http://incidents.test/status"),
    ]


async def test_names_of_hosts_that_are_made_up_are_soon_too_dear(settings: Settings, clock: SteppingClock) -> None:
    clock.step = timedelta()
    async with running_domain(replace(settings, rate_limit=100_000), live=False, clock=clock) as other:
        transport = httpx.ASGITransport(app=create_app(other))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
            assert [(await client.get("/feed.atom")).status_code for _ in range(8)] == [200] * 8
            # Each has a body of its own, which is work: one client could keep all readers waiting.
            hosts = [{"host": f"{number}.test"} for number in range(8)]
            statuses = [(await client.get("/feed.atom", headers=host)).status_code for host in hosts]
            assert statuses == [200] * 4 + [429] * 4
            assert (await client.get("/feed.atom")).status_code == 200


@on_both_databases
async def test_an_entry_keeps_its_id_and_moves_its_date_with_each_update(
    reader: httpx.AsyncClient, domain: Domain
) -> None:
    incident = await make_incident(domain, title="Cards & <b>transfers</b> fail")
    before = (await parsed(reader)).entries[0]
    await set_status(domain, incident, Status.FIXING, "Rolling <back>\nnow")
    after = (await parsed(reader)).entries[0]
    assert before.id == after.id
    assert before.id.startswith("urn:uuid:")
    assert before.updated < after.updated
    assert before.published == after.published
    assert after.title == f"{incident.reference}: Cards & <b>transfers</b> fail"
    assert "Rolling &lt;back&gt;<br />\nnow" in after.content[0].value
    assert after.link == f"http://incidents.test/status/{incident.reference}"
    assert {tag.term for tag in after.tags} == {"fixing", "major", "payments"}


async def test_every_entry_has_what_the_standard_demands(reader: httpx.AsyncClient, domain: Domain) -> None:
    for number in range(3):
        await make_incident(domain, title=f"No. {number} \ufffe\uffff")
    feed = Xml.fromstring((await reader.get("/feed.atom")).content)
    assert feed.tag == f"{ATOM}feed"
    assert [len(feed.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated", "author")] == [1, 1, 1, 1]
    entries = feed.findall(f"{ATOM}entry")
    for entry in entries:
        counts = [len(entry.findall(f"{ATOM}{name}")) for name in ("id", "title", "updated", "published", "content")]
        assert counts == [1, 1, 1, 1, 1]
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 3


async def test_the_feed_of_a_system_has_its_incidents_alone(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_system(domain, "payments", name="Payments")
    await make_system(domain, "search")
    await make_incident(domain, "payments", title="Ours")
    await make_incident(domain, "search", title="Theirs")
    found = await parsed(reader, "/systems/payments/feed.atom")
    assert found.feed.title == "IncidentQL: Payments"
    assert [entry.title.partition(": ")[2] for entry in found.entries] == ["Ours"]
    refused = await reader.get("/systems/nothing/feed.atom")
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize("path", PATHS)
async def test_a_reader_who_has_the_answer_gets_no_second_one(
    reader: httpx.AsyncClient, domain: Domain, path: str
) -> None:
    incident = await make_incident(domain)
    await report_health(domain, "payments", Health.DEGRADED)
    first = await reader.get(path)
    having = {"if-none-match": first.headers["etag"]}
    again = await reader.get(path, headers=having)
    head = await reader.head(path)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(first.content)))
    assert first.headers["cache-control"] == "public, max-age=10"
    await say(domain, incident, "Nobody may read it", visibility=Visibility.INTERNAL)
    assert (await reader.get(path, headers=having)).status_code == 304
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Another title"))
    is_shown = "Another title" in (await reader.get(path)).text
    assert (await reader.get(path, headers=having)).status_code == (200 if is_shown else 304)


@on_both_databases
async def test_an_unchanged_log_costs_the_statement_of_its_position(
    reader: httpx.AsyncClient, domain: Domain, count_statements: CountStatements
) -> None:
    counts = []
    for size in (1, 5):
        for number in range(size):
            await make_system(domain, f"system-{size}-{number}")
            await say(domain, await make_incident(domain, f"system-{size}-{number}"), "Looking")
        with count_statements() as first:
            await reader.get("/feed.atom")
        with count_statements() as second:
            await reader.get("/feed.atom")
            await reader.get("/api/v2/summary.json")
        counts.append((len(first), len(second)))
    assert counts[0] == counts[1]
    assert counts[0][1] == 2


async def test_readers_who_come_at_once_share_one_read(
    reader: httpx.AsyncClient, domain: Domain, count_statements: CountStatements
) -> None:
    await make_incident(domain)
    with count_statements() as alone:
        await reader.get("/feed.atom")
    await make_incident(domain)
    with count_statements() as together:
        answers = await asyncio.gather(*[reader.get(path) for path in PATHS if "/systems/" not in path for _ in "ab"])
    assert {answer.status_code for answer in answers} == {200}
    assert len(together) == len(alone) + len(answers) - 1


async def test_pages_of_systems_are_kept_up_to_a_bound(
    reader: httpx.AsyncClient, domain: Domain, monkeypatch: pytest.MonkeyPatch, count_statements: CountStatements
) -> None:
    monkeypatch.setattr("domain.services.public_pages._MOST_PAGES", 2)
    counts = []
    for key in ("a", "b", "c"):
        await make_system(domain, key)
    for key in ("a", "b", "a", "c", "a", "b"):
        with count_statements() as sent:
            await reader.get(f"/systems/{key}/feed.atom")
        counts.append(len(sent))
    read, kept = counts[0], 2
    assert counts == [read, read, kept, read, kept, read]


async def test_bodies_are_kept_up_to_a_size_and_none_of_former_pages(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    keep = Answers._keep

    def noting(self: Answers, *given: Any) -> None:
        keep(self, *given)
        sizes.append(len(self._bodies))

    monkeypatch.setattr(Answers, "_keep", noting)
    monkeypatch.setattr("gql.web.feeds.answers._MOST_BYTES", 4_000)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(domain))) as client:
        for number in range(20):
            assert (await client.get(f"http://host-{number}.test/feed.atom")).status_code == 200
        most = max(sizes)
        await make_incident(domain)
        await client.get("http://host-1.test/feed.atom")
    assert 1 < most < 20
    assert sizes[-1] == 1


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_that_the_public_may_not_read_is_in_any_format(
    reader: httpx.AsyncClient, domain: Domain, path: str
) -> None:
    incident = await make_incident(domain, dedupe_key="hiddenword-key")
    await say(domain, incident, "seenword")
    for visibility, word in ((Visibility.INTERNAL, HIDDEN[0]), (Visibility.LOGGED_IN, HIDDEN[1])):
        await say(domain, incident, word, visibility=visibility)
        link = AddIncidentLink(
            incident_id=incident.id, url=f"https://{word}.example", visibility=visibility, label=word
        )
        await domain.links.add(ADMIN, link)
    edited = await say(domain, incident, f"{HIDDEN[0]} before")
    await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=edited, incident_id=incident.id, message="seenword after"))
    _, token = await make_token(domain)
    for headers in ({}, {"authorization": f"Bearer {token}"}):
        text = (await reader.get(path, headers=headers)).text
        assert not [word for word in (*HIDDEN, ADMIN.actor.id, str(ADMIN.actor.name)) if word in text]
        assert ("seenword" in text) == ("Checkout fails" in text)


async def test_hidden_updates_do_not_date_what_the_public_reads(reader: httpx.AsyncClient, domain: Domain) -> None:
    incident = await make_incident(domain)
    before = (await reader.get("/feed.atom")).content
    await say(domain, incident, "Nobody may read it", visibility=Visibility.INTERNAL)
    assert (await reader.get("/feed.atom")).content == before


async def test_a_deleted_incident_leaves_the_feed(reader: httpx.AsyncClient, domain: Domain) -> None:
    incident = await make_incident(domain)
    assert len((await parsed(reader)).entries) == 1
    await domain.incidents.delete(ADMIN, incident.id)
    assert (await parsed(reader)).entries == []


async def test_an_old_incident_stays_in_the_feed_while_it_is_open(
    reader: httpx.AsyncClient, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.services.public_pages.NEWEST", 2)
    titles = ["Open", "Resolved", "Newer", "Newest"]
    incidents = [await make_incident(domain, title=title) for title in titles]
    for incident in incidents[1:]:
        await set_status(domain, incident, Status.RESOLVED)
    found = [entry.title.partition(": ")[2] for entry in (await parsed(reader)).entries]
    assert found == ["Newest", "Newer", "Open"]


async def test_links_have_the_address_of_the_settings_or_of_the_request(settings: Settings) -> None:
    settings = replace(settings, public_url="https://status.example.com/ops/", public_name="Example & Co.")
    async with running_domain(settings, live=False) as domain:
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7:8000") as client:
            found = await parsed(client)
            page = (await client.get("/api/v2/status.json")).json()["page"]
    assert (found.feed.title, found.feed.id) == ("Example & Co.", "https://status.example.com/ops/feed.atom")
    assert (page["name"], page["url"]) == ("Example & Co.", "https://status.example.com/ops")


async def test_a_host_that_is_none_is_refused(reader: httpx.AsyncClient) -> None:
    for host in ('evil"><script', "a b", ""):
        answer = await reader.get("/feed.atom", headers={"host": host})
        assert answer.status_code == 400, host


async def test_feeds_need_a_token_where_the_whole_api_does(settings: Settings) -> None:
    async with running_domain(replace(settings, anonymous_access=False), live=False) as domain:
        transport = httpx.ASGITransport(app=create_app(domain))
        _, token = await make_token(domain)
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
            refused = [await client.get(path) for path in PATHS]
            admitted = await client.get("/feed.atom", headers={"authorization": f"Bearer {token}"})
    assert {answer.status_code for answer in refused} == {401}
    assert (admitted.status_code, admitted.headers["cache-control"]) == (200, "no-store")
