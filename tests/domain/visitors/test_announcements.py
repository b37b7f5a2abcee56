"""Announcements to visitors: they say what the public page shows, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.incident import Severity, Status
from domain.model.viewer import Visibility
from domain.services.maintenance.commands import UpdateMaintenance
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import exported, imported
from tests.domain.visitors.mailbox import Mailbox
from tests.domain.visitors.making import deliver, join, queue, queued
from tests.factories import ADMIN, make_incident, make_maintenance, make_system, set_status

HIDDEN = [Visibility.INTERNAL, Visibility.LOGGED_IN]


@pytest.fixture
async def told(domain: Domain, box: Mailbox) -> Mailbox:
    """Return the mailbox of a visitor who is told of all systems."""
    await make_system(domain)
    await join(domain, box)
    return box


async def test_a_visitor_is_told_of_an_incident_from_its_beginning_to_its_end(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain, title="Zahlungen schlagen fehl", description="Seit <heute>")
    await set_status(domain, incident, Status.IDENTIFIED, message="A disk is full")
    await set_status(domain, incident, Status.RESOLVED, message="Emptied")
    await deliver(domain)
    assert told.subjects == [
        "New incident: Zahlungen schlagen fehl",
        "Identified: Zahlungen schlagen fehl",
        "Resolved: Zahlungen schlagen fehl",
    ]
    opened, identified, resolved = (mail.text for mail in told.received)
    assert "INC-1, investigating, major\nAffects Payments\n" in opened
    assert "Seit <heute>" in opened
    assert ("A disk is full" in identified, "Emptied" in resolved) == (True, True)
    assert "\nhttps://status.example.com/base/status/INC-1\n" in opened


@on_one_database
async def test_mails_of_one_incident_are_one_conversation_and_can_be_left_by_one_click(
    domain: Domain, told: Mailbox
) -> None:
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.RESOLVED)
    await deliver(domain)
    assert {mail.message["References"] for mail in told.received} == {f"<{incident.id}@status.example.com>"}
    assert len({mail.message["Message-ID"] for mail in told.received}) == 2
    # As it is in the bytes, in one piece (RFC 8058): programs decode no such header.
    link = f"https://status.example.com/base/subscriptions/leave?token={told.received[0].link('leave')}"
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in told.received[0].raw
    assert told.received[0].message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert told.received[0].message["Auto-Submitted"] == "auto-generated"
    assert await domain.visitors.service.leave(told.received[0].link("leave"))


@pytest.mark.parametrize("visibility", HIDDEN)
async def test_what_the_public_may_not_read_is_not_told(domain: Domain, told: Mailbox, visibility: Visibility) -> None:
    incident = await make_incident(domain)
    await deliver(domain)
    told.received.clear()
    await domain.timeline.add(
        ADMIN, AddIncidentUpdate(incident_id=incident.id, message="The password is hunter2", visibility=visibility)
    )
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await make_maintenance(domain, visibility=visibility)
    await deliver(domain)
    assert (told.received, await queued(domain)) == ([], 0)


async def test_a_status_is_told_without_the_hidden_text_of_its_entry(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain)
    entry = AddIncidentUpdate(
        incident_id=incident.id, message="hunter2", status_change=Status.FIXING, visibility=Visibility.INTERNAL
    )
    await domain.timeline.add(ADMIN, entry)
    await deliver(domain)
    assert told.subjects[1:] == ["Fixing: Checkout fails"]
    assert all("hunter2" not in mail.text for mail in told.received)


@on_one_database
async def test_an_update_that_is_shown_later_is_told_then(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain)
    entry = AddIncidentUpdate(incident_id=incident.id, message="Now for all", visibility=Visibility.INTERNAL)
    written = (await domain.timeline.add(ADMIN, entry)).value.update
    await deliver(domain)
    assert len(told.received) == 1
    assert written is not None
    shown = EditIncidentUpdate(id=written.id, incident_id=incident.id, visibility=Visibility.PUBLIC)
    await domain.timeline.edit(ADMIN, shown)
    await deliver(domain)
    assert "Now for all" in told.received[1].text


async def test_an_update_that_is_hidden_before_it_is_sent_is_not_told(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain)
    await deliver(domain)
    told.received.clear()
    entry = AddIncidentUpdate(incident_id=incident.id, message="Too much was said")
    written = (await domain.timeline.add(ADMIN, entry)).value.update
    assert written is not None
    await queue(domain)
    assert await queued(domain) == 1
    hidden = EditIncidentUpdate(id=written.id, incident_id=incident.id, visibility=Visibility.INTERNAL)
    await domain.timeline.edit(ADMIN, hidden)
    await deliver(domain)
    assert (told.received, await queued(domain)) == ([], 0)


async def test_an_incident_that_is_deleted_before_it_is_sent_is_not_told(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain)
    await queue(domain)
    await domain.incidents.delete(ADMIN, incident.id)
    await deliver(domain)
    assert (told.received, await queued(domain)) == ([], 0)


async def test_a_text_is_told_as_it_is_when_it_is_sent(domain: Domain, told: Mailbox) -> None:
    incident = await make_incident(domain, title="hunter2")
    await queue(domain)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="A password"))
    await deliver(domain)
    assert told.subjects == ["New incident: A password"]


async def test_a_visitor_of_some_systems_is_told_of_those(domain: Domain, box: Mailbox) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    await join(domain, box, "ann@example.org", "payments")
    await join(domain, box, "ben@example.org")
    await make_incident(domain, "search", title="Search")
    await make_maintenance(domain, "search")
    await deliver(domain)
    assert {mail.to for mail in box.received} == {"ben@example.org"}
    box.received.clear()
    await make_incident(domain, "payments", "search", title="Both")
    await deliver(domain)
    assert sorted(mail.to for mail in box.received) == ["ann@example.org", "ben@example.org"]


async def test_an_incident_that_spreads_is_told_to_those_of_the_new_system(domain: Domain, box: Mailbox) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    await join(domain, box, "ann@example.org", "search")
    await join(domain, box, "ben@example.org", "payments")
    incident = await make_incident(domain, "payments")
    await deliver(domain)
    box.received.clear()
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, systems=["payments", "search"]))
    await deliver(domain)
    assert [(mail.to, mail.subject) for mail in box.received] == [
        ("ann@example.org", "[Acme] More systems affected: Checkout fails")
    ]


async def test_maintenance_is_told_when_it_is_planned_moved_begins_and_ends(
    domain: Domain, told: Mailbox, clock: SteppingClock
) -> None:
    window = await make_maintenance(domain, begins=2, hours=1, description="The disks are replaced")
    later = UpdateMaintenance(id=window.id, starts_at=window.starts_at.replace(minute=30))
    await domain.maintenance.update(ADMIN, later)
    for _ in range(2):
        clock.advance(hours=3)
        await domain.maintenance.timer.run_once()
    await deliver(domain)
    assert told.subjects == [
        "Planned maintenance: Database upgrade",
        "Maintenance changed: Database upgrade",
        "Maintenance has begun: Database upgrade",
        "Maintenance has ended: Database upgrade",
    ]
    assert "The disks are replaced" in told.received[0].text
    assert f"From {window.starts_at:%Y-%m-%d %H}:30 UTC" in told.received[0].text


async def test_maintenance_is_told_when_it_is_cancelled_and_once_it_is_shown(domain: Domain, told: Mailbox) -> None:
    window = await make_maintenance(domain, visibility=Visibility.INTERNAL)
    hidden = await make_maintenance(domain, visibility=Visibility.INTERNAL, title="Hidden to its end")
    await domain.maintenance.cancel(ADMIN, hidden.id)
    await deliver(domain)
    assert told.received == []
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=window.id, visibility=Visibility.PUBLIC))
    await deliver(domain)
    await domain.maintenance.cancel(ADMIN, window.id)
    await deliver(domain)
    assert told.subjects == ["Planned maintenance: Database upgrade", "Maintenance cancelled: Database upgrade"]


@on_one_database
async def test_maintenance_that_is_hidden_before_it_is_sent_is_not_told(domain: Domain, told: Mailbox) -> None:
    window = await make_maintenance(domain)
    await queue(domain)
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=window.id, visibility=Visibility.INTERNAL))
    await deliver(domain)
    assert (told.received, await queued(domain)) == ([], 0)


@on_one_database
async def test_an_import_is_told_to_nobody(domain: Domain, box: Mailbox, settings: Settings, tmp_path: Path) -> None:
    await make_system(domain)
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.RESOLVED)
    await make_maintenance(domain)
    data = await exported(domain)
    elsewhere = replace(settings, database_url=f"sqlite:///{tmp_path}/other.db")
    async with running_domain(elsewhere, clock=domain.clock) as other:
        await join(other, box)
        tally, _ = await imported(other, tmp_path / "import.jsonl", data)
        await deliver(other)
        assert tally.taken
        assert (box.received, await queued(other)) == ([], 0)
        # What happens to an imported incident from then on is told.
        await set_status(other, incident, Status.FIXING)
        await deliver(other)
    assert box.subjects == ["Fixing: Checkout fails"]


@on_one_database
async def test_an_incident_that_silences_its_systems_health_is_told(domain: Domain, told: Mailbox) -> None:
    await make_incident(domain, suppress_notifications=True)
    await deliver(domain)
    assert told.subjects == ["New incident: Checkout fails"]
