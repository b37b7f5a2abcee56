"""Maintenance in calendars and in Statuspage's JSON."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from icalendar import Calendar

from domain.bootstrap import Domain
from domain.model.incident import Health
from domain.model.viewer import Visibility
from domain.services.maintenance import reads as maintenance_reads
from domain.services.maintenance.commands import AddMaintenanceUpdate, ChangeMaintenanceInstance, UpdateMaintenance
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_maintenance, make_system, report_health
from tests.gql.dialects import on_both_databases

#: Two weeks before the clocks of Berlin go forward.
SUNDAY = datetime(2026, 3, 15, 3, 0, tzinfo=UTC)


@pytest.fixture
async def reader(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token, of a server with two systems."""
    for key in ("payments", "search"):
        await make_system(domain, key)
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


async def events(reader: httpx.AsyncClient, path: str = "/maintenance.ics") -> list[Any]:
    """Return the events of a calendar, in their order."""
    answer = await reader.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    assert calendar.errors == []
    assert (calendar["version"], calendar["prodid"]) == ("2.0", "-//IncidentQL//Maintenance//EN")
    found = list(calendar.walk("VEVENT"))
    assert len({event["uid"] for event in found}) == len(found)
    return found


async def listed(reader: httpx.AsyncClient, name: str = "") -> list[Any]:
    """Return a list of maintenance as Statuspage has it."""
    found: list[Any] = (await reader.get(f"/api/v2/scheduled-maintenances{name}.json")).json()["scheduled_maintenances"]
    return found


@on_both_databases
async def test_a_window_is_an_event_that_keeps_its_name_when_it_is_moved(
    reader: httpx.AsyncClient, domain: Domain
) -> None:
    window = await make_maintenance(domain, title="Upgrade; of, all\\", description="First line\nsecond " + "ä" * 200)
    (before,) = await events(reader)
    moved = UpdateMaintenance(id=window.id, starts_at=SUNDAY, ends_at=SUNDAY + timedelta(hours=3))
    await domain.maintenance.update(ADMIN, moved)
    (after,) = await events(reader)
    assert before["uid"] == after["uid"] == f"{window.id}@incidentql"
    assert before["sequence"] < after["sequence"]
    assert (after["dtstart"].dt, after["dtend"].dt) == (SUNDAY, SUNDAY + timedelta(hours=3))
    assert after["summary"] == "Upgrade; of, all\\"
    assert after["description"] == f"First line\nsecond {'ä' * 200}\n\nSystems: Payments"
    assert after["status"] == "CONFIRMED"


async def test_lines_are_folded_and_end_as_the_standard_has_it(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, description="ü" * 500)
    content = (await reader.get("/maintenance.ics")).content
    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 75


@on_both_databases
async def test_each_time_of_a_window_is_an_event_by_the_clocks_of_its_zone(
    reader: httpx.AsyncClient, domain: Domain
) -> None:
    window = await make_maintenance(
        domain, starts_at=SUNDAY, time_zone="Europe/Berlin", recurrence="FREQ=WEEKLY;COUNT=4", title="Patches"
    )
    await domain.maintenance.cancel_instance(ADMIN, window.id, SUNDAY + timedelta(days=7))
    due = SUNDAY + timedelta(days=14, hours=-1)
    changed = ChangeMaintenanceInstance(
        id=window.id,
        original_start=due,
        starts_at=due + timedelta(hours=4),
        ends_at=due + timedelta(hours=5),
        title="Late",
    )
    await domain.maintenance.change_instance(ADMIN, changed)
    found = await events(reader)
    assert [(event["dtstart"].dt, event["summary"], event["status"]) for event in found] == [
        (SUNDAY, "Patches", "CONFIRMED"),
        (SUNDAY + timedelta(days=7), "Patches", "CANCELLED"),
        # The clocks went forward in between.
        (due + timedelta(hours=4), "Late", "CONFIRMED"),
        (due + timedelta(days=7), "Patches", "CONFIRMED"),
    ]
    assert [shown["scheduled_for"][:10] for shown in await listed(reader, "/upcoming")] == ["2026-03-15"]


async def test_the_calendar_of_a_system_has_its_windows_alone(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, "payments", title="Ours")
    await make_maintenance(domain, "search", title="Theirs")
    assert [event["summary"] for event in await events(reader, "/systems/payments/maintenance.ics")] == ["Ours"]
    assert (await reader.get("/systems/nothing/maintenance.ics")).status_code == 404


async def test_hidden_windows_and_their_texts_are_in_no_format(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, title="hiddenword", visibility=Visibility.INTERNAL)
    shown = await make_maintenance(domain, title="seenword")
    await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=shown.id, message="Ready"))
    for path in ("/maintenance.ics", "/systems/payments/maintenance.ics", "/api/v2/scheduled-maintenances.json"):
        text = (await reader.get(path)).text
        assert "seenword" in text
        assert "Ready" in text
        assert "hiddenword" not in text
        assert ADMIN.actor.id not in text


@on_both_databases
async def test_maintenance_begins_and_ends_in_the_json(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, hours=2, description="All of it")
    await report_health(domain, "payments", Health.UNHEALTHY)
    assert [(shown["id"], shown["status"]) for shown in await listed(reader, "/upcoming")] == [(window.id, "scheduled")]
    clock.advance(hours=1.5)
    await domain.maintenance.timer.run_once()
    (active,) = await listed(reader, "/active")
    assert (active["status"], active["impact"]) == ("in_progress", "maintenance")
    assert active["incident_updates"][0]["body"] == "All of it"
    assert [part["status"] for part in active["components"]] == ["under_maintenance"]
    summary = (await reader.get("/api/v2/summary.json")).json()
    assert summary["status"] == {"indicator": "maintenance", "description": "Service Under Maintenance"}
    assert summary["scheduled_maintenances"] == [active]
    clock.advance(hours=2)
    await domain.maintenance.timer.run_once()
    assert [shown["status"] for shown in await listed(reader)] == ["completed"]
    assert await listed(reader, "/active") == await listed(reader, "/upcoming") == []


async def test_what_is_over_takes_no_place_from_what_is_to_come(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_reads, "MOST_AHEAD", 3)
    monkeypatch.setattr(maintenance_reads, "MOST_PAST", 2)
    await make_maintenance(domain, begins=1, recurrence="FREQ=DAILY")
    clock.advance(days=4, hours=2)
    await domain.maintenance.timer.run_once()
    assert [event["dtstart"].dt.day for event in await events(reader)] == [3, 4, 5, 6, 7]
    assert [shown["status"] for shown in await listed(reader)] == ["in_progress", "scheduled", "completed", "completed"]


async def test_the_windows_of_others_take_no_place_in_the_calendar_of_a_system(
    reader: httpx.AsyncClient, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance_reads, "MOST_AHEAD", 3)
    await make_maintenance(domain, "search", begins=1, recurrence="FREQ=DAILY")
    await make_maintenance(domain, "payments", begins=999, title="Ours")
    assert [event["summary"] for event in await events(reader, "/systems/payments/maintenance.ics")] == ["Ours"]


async def test_messages_are_told_once_for_each_window_and_the_newest_alone(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, recurrence="FREQ=DAILY;COUNT=3")
    for number in range(26):
        await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message=f"Message {number:02}."))
    for hours, told in ((0, 0), (1, 0), (2, 1), (24, 2), (24, 2)):
        clock.advance(hours=hours)
        await domain.maintenance.timer.run_once()
        found = [event["description"].count("Message ") for event in await events(reader)]
        assert found == [25 if place == told else 0 for place in range(3)]
    assert "Message 00." not in (await reader.get("/api/v2/scheduled-maintenances.json")).text


async def test_events_of_a_rule_tell_a_long_description_in_full_once(reader: httpx.AsyncClient, domain: Domain) -> None:
    await make_maintenance(domain, description="x" * 20_000, recurrence="FREQ=DAILY;COUNT=3")
    assert [event["description"].count("x") for event in await events(reader)] == [20_000, 999, 999]


async def test_what_took_place_by_a_former_rule_keeps_its_name(
    reader: httpx.AsyncClient, domain: Domain, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=1, recurrence="FREQ=DAILY")
    clock.advance(days=2)
    await domain.maintenance.timer.run_once()
    before = [event["uid"] for event in await events(reader)][:2]
    due = SUNDAY + timedelta(days=30)
    once = UpdateMaintenance(id=window.id, starts_at=due, ends_at=due + timedelta(hours=1), recurrence=None)
    await domain.maintenance.update(ADMIN, once)
    assert [event["uid"] for event in await events(reader)] == [*before, f"{window.id}@incidentql"]
