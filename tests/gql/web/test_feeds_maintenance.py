"""Maintenance in the Atom feeds, as feed readers get it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import httpx
import pytest

from domain.bootstrap import Domain
from domain.model.incident import Health
from domain.model.maintenance import Maintenance
from domain.model.viewer import Visibility
from domain.services.maintenance.commands import AddMaintenanceUpdate, ChangeMaintenanceInstance, UpdateMaintenance
from gql.app import create_app
from tests.conftest import CountStatements, SteppingClock
from tests.factories import ADMIN, make_incident, make_maintenance, make_system, report_health
from tests.gql.dialects import on_both_databases

#: Two weeks before the clocks of Berlin go forward.
SUNDAY = datetime(2026, 3, 15, 3, 0, tzinfo=UTC)
WORDS = ("Planned maintenance", "Maintenance is under way", "Maintenance has ended", "Maintenance is cancelled")


@pytest.fixture
async def reader(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token, of a server with two systems."""
    for key in ("payments", "search"):
        await make_system(domain, key, name=key.title())
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


async def entries(reader: httpx.AsyncClient, path: str = "/feed.atom") -> list[Any]:
    """Return the entries of a feed as a feed reader has it, which found nothing wrong with it."""
    answer = await reader.get(path)
    assert answer.status_code == 200, answer.text
    found = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not found.bozo, found.get("bozo_exception")
    assert len({entry.id for entry in found.entries}) == len(found.entries)
    assert all(entry.published <= entry.updated <= found.feed.updated for entry in found.entries)
    return list(found.entries)


async def advance(domain: Domain, clock: SteppingClock, **duration: float) -> None:
    """Let time pass, and begin and end what is due."""
    clock.advance(**duration)
    await domain.maintenance.timer.run_once()


async def tell(domain: Domain, window: Maintenance, message: str) -> None:
    """Add a message about a window."""
    await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message=message))


def text(entry: Any) -> str:
    """Return the HTML of an entry."""
    return str(entry.content[0].value)


def states(found: list[Any]) -> list[str]:
    """Return the statuses of entries about maintenance, in their order."""
    return [next(tag.term for tag in entry.tags if tag.label.startswith("status: ")) for entry in found]


async def test_an_entry_keeps_its_id_and_moves_its_date_with_all_that_happens_to_a_window(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, hours=2, title="Disks & <b>more</b>")
    found = await entries(reader)
    await tell(domain, window, "All is **ready** <script>")
    found += await entries(reader)
    later = window.starts_at + timedelta(hours=1)
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=window.id, starts_at=later))
    found += await entries(reader)
    for hours in (2.5, 2):
        await advance(domain, clock, hours=hours)
        found += await entries(reader)
    assert len({entry.id for entry in found}) == 1
    assert found[0].id.startswith("urn:uuid:")
    assert sorted({entry.updated for entry in found}) == [entry.updated for entry in found]
    assert {entry.published for entry in found} == {found[0].published}
    assert states(found) == ["scheduled", "scheduled", "scheduled", "active", "ended"]
    told = [next(word for word in WORDS if word in text(entry)) for entry in found]
    assert told == [WORDS[0], WORDS[0], WORDS[0], WORDS[1], WORDS[2]]
    assert [f"{window.starts_at:%Y-%m-%d %H:%M} to" in text(entry) for entry in found] == [True] * 2 + [False] * 3
    assert "All is <strong>ready</strong> &lt;script&gt;" in text(found[-1])
    assert found[-1].title == "Maintenance: Disks & <b>more</b>"
    assert found[-1].link == f"http://incidents.test/status#{window.id}"
    assert {tag.term for tag in found[-1].tags} == {"maintenance", "ended", "payments"}
    assert "Affects Payments" in text(found[-1])


@on_both_databases
async def test_a_cancelled_window_stays_as_cancelled(reader: httpx.AsyncClient, domain: Domain) -> None:
    window = await make_maintenance(domain, begins=1)
    (before,) = await entries(reader)
    await domain.maintenance.cancel(ADMIN, window.id)
    (after,) = await entries(reader)
    assert (before.id, states([after])) == (after.id, ["cancelled"])
    assert before.updated < after.updated
    assert "<strong>Maintenance is cancelled</strong>" in text(after)


@on_both_databases
async def test_times_are_told_in_utc_and_by_the_clocks_of_the_zone(reader: httpx.AsyncClient, domain: Domain) -> None:
    late = SUNDAY.replace(hour=22)
    window = await make_maintenance(domain, starts_at=late, hours=1.5, time_zone="Europe/Berlin")
    (entry,) = await entries(reader)
    expected = "2026-03-15 22:00 to 23:30 UTC<br />2026-03-15 23:00 to 2026-03-16 00:30 Europe/Berlin"
    assert expected in text(entry)
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=window.id, time_zone="UTC"))
    (entry,) = await entries(reader)
    assert text(entry).count("2026-03-15 22:00") == 1


async def test_of_a_rule_the_next_time_is_announced_once_the_one_before_is_over(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, hours=2, recurrence="FREQ=DAILY")
    first = await entries(reader)
    await tell(domain, window, "About the first")
    await advance(domain, clock, hours=1.5)
    running = await entries(reader)
    await advance(domain, clock, hours=2)
    await tell(domain, window, "About the second")
    after = await entries(reader)
    await advance(domain, clock, hours=22)
    later = await entries(reader)
    assert [states(found) for found in (first, running, after, later)] == [
        ["scheduled"],
        ["active"],
        ["scheduled", "ended"],
        ["active", "ended"],
    ]
    assert first[0].id == running[0].id == after[1].id
    assert [entry.id for entry in after] == [entry.id for entry in later]
    # What happens to the second one is no news of the first one.
    assert later[1] == after[1]
    assert ["About the first" in text(entry) for entry in later] == [False, True]
    assert ["About the second" in text(entry) for entry in later] == [True, False]


@on_both_databases
async def test_a_time_of_a_rule_that_is_cancelled_or_put_off_stays_in_the_feed(
    reader: httpx.AsyncClient, domain: Domain
) -> None:
    window = await make_maintenance(domain, starts_at=SUNDAY, recurrence="FREQ=DAILY")
    (first,) = await entries(reader)
    await domain.maintenance.cancel_instance(ADMIN, window.id, SUNDAY)
    cancelled = {entry.id: entry for entry in await entries(reader)}
    assert sorted(states(list(cancelled.values()))) == ["cancelled", "scheduled"]
    assert states([cancelled[first.id]]) == ["cancelled"]
    assert cancelled[first.id].updated > first.updated
    (second,) = cancelled.keys() - {first.id}
    due, begins = SUNDAY + timedelta(days=1), SUNDAY + timedelta(days=2, hours=5)
    put_off = ChangeMaintenanceInstance(
        id=window.id, original_start=due, starts_at=begins, ends_at=begins + timedelta(hours=1)
    )
    await domain.maintenance.change_instance(ADMIN, put_off)
    moved = {entry.id: entry for entry in await entries(reader)}
    assert len(moved) == 3
    assert "2026-03-17 08:00 to 09:00 UTC" in text(moved[second])
    assert moved[second].updated > cancelled[second].updated


async def test_a_rule_that_is_cancelled_has_one_entry_for_all_times_to_come(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, recurrence="FREQ=DAILY")
    await advance(domain, clock, hours=4)
    planned, ended = await entries(reader)
    await domain.maintenance.cancel(ADMIN, window.id)
    found = await entries(reader)
    assert [entry.id for entry in found] == [planned.id, ended.id]
    assert states(found) == ["cancelled", "ended"]
    assert "Maintenance is cancelled, with all times to come" in text(found[0])
    # Where the first of the cancelled times is listed no more, none of those behind it takes its place.
    for days, left in ((80, 2), (12, 0), (30, 0)):
        await advance(domain, clock, days=days)
        # Its page is read anew.
        await make_system(domain, f"after-{days}")
        assert [entry.id for entry in await entries(reader)] == [planned.id, ended.id][:left]


@on_both_databases
async def test_hidden_maintenance_is_in_no_feed_and_dates_none(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, title="seenword")
    before = (await reader.get("/feed.atom")).content
    hidden = await make_maintenance(domain, title="hiddenword", visibility=Visibility.INTERNAL)
    await make_maintenance(domain, title="hiddenword", visibility=Visibility.LOGGED_IN)
    await tell(domain, hidden, "hiddenword")
    assert (await reader.get("/feed.atom")).content == before
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=hidden.id, visibility=Visibility.PUBLIC))
    assert [entry.title for entry in await entries(reader)] == ["Maintenance: hiddenword", "Maintenance: seenword"]
    assert ADMIN.actor.id not in (await reader.get("/feed.atom")).text


async def test_a_beginning_and_an_end_by_time_alone_are_seen_by_who_has_the_feed(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    await make_maintenance(domain, begins=1, hours=2)
    found = []
    for hours in (0, 1.5, 2):
        await advance(domain, clock, hours=hours)
        answer = await reader.get("/feed.atom")
        having = {"if-none-match": answer.headers["etag"]}
        assert (await reader.get("/feed.atom", headers=having)).status_code == 304
        # Time that changes no status changes nothing.
        await advance(domain, clock, minutes=1)
        assert (await reader.get("/feed.atom", headers=having)).status_code == 304
        found.append(answer.headers["etag"])
    assert len(set(found)) == 3


async def test_entries_of_incidents_and_maintenance_are_in_one_order_by_their_dates(
    reader: httpx.AsyncClient, domain: Domain
) -> None:
    window = await make_maintenance(domain, title="First")
    await make_incident(domain, title="Second")
    await make_maintenance(domain, title="Third")
    assert [entry.title.partition(": ")[2] for entry in await entries(reader)] == ["Third", "Second", "First"]
    await tell(domain, window, "News")
    assert [entry.title.partition(": ")[2] for entry in await entries(reader)] == ["First", "Third", "Second"]


async def test_the_feed_of_a_system_has_its_maintenance_alone(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, "payments", title="Ours")
    await make_maintenance(domain, "search", title="Theirs")
    found = await entries(reader, "/systems/payments/feed.atom")
    assert [entry.title for entry in found] == ["Maintenance: Ours"]


async def test_the_newest_entries_about_maintenance_are_kept_up_to_a_bound(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gql.web.feeds.entries.MOST_AHEAD", 2)
    monkeypatch.setattr("gql.web.feeds.entries.MOST_OVER", 3)
    for number in range(4):
        await make_maintenance(domain, begins=500 + number, title=f"Ahead {number}")
    await make_maintenance(domain, begins=1, hours=2, title="Daily", recurrence="FREQ=DAILY;COUNT=5")
    await advance(domain, clock, days=6)
    found = [entry.title.partition(": ")[2] for entry in await entries(reader)]
    assert found == ["Daily", "Daily", "Daily", "Ahead 3", "Ahead 2"]


async def test_health_alone_does_not_date_a_feed(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain)
    before = (await reader.get("/feed.atom")).headers["etag"]
    await report_health(domain, "search", Health.UNHEALTHY)
    assert (await reader.get("/feed.atom")).headers["etag"] == before


async def test_a_long_description_is_told_in_full_once(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    await make_maintenance(domain, description="x" * 20_000, begins=1, recurrence="FREQ=DAILY;COUNT=3")
    await advance(domain, clock, days=1, hours=4)
    assert sorted(text(entry).count("x") for entry in await entries(reader)) == [999, 999, 20_000]


@on_both_databases
async def test_more_maintenance_costs_no_more_statements(
    reader: httpx.AsyncClient, domain: Domain, count_statements: CountStatements
) -> None:
    counts = []
    for size in (1, 5):
        for _ in range(size):
            await make_maintenance(domain, recurrence="FREQ=DAILY;COUNT=3")
        with count_statements() as first:
            await reader.get("/feed.atom")
        with count_statements() as second:
            await reader.get("/feed.atom")
        counts.append((len(first), len(second)))
    assert counts[0] == counts[1]
    assert counts[0][1] == 1
