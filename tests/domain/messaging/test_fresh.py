"""The changes that a process has just committed: its tail takes them as the log has them, without reading it."""

from dataclasses import replace

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, UpdateIncident
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.viewer import Visibility
from domain.persistence.fresh import FreshChanges
from tests.conftest import CountStatements
from tests.domain.messaging.changes import a_change
from tests.factories import ADMIN, make_automation, make_incident, make_system, report_health
from tests.inside import inside


async def test_changes_taken_from_commits_are_those_of_the_log(domain: Domain) -> None:
    tail = inside(domain).tail
    for key in ("payments", "search"):
        await make_system(domain, key)
    incident = await make_incident(domain, "payments", "search", health_override=HealthOverride.DEGRADED)
    entry = AddIncidentUpdate(incident_id=incident.id, message="Hidden", visibility=Visibility.INTERNAL)
    await domain.timeline.add(ADMIN, entry)
    await domain.timeline.add(ADMIN, replace(entry, message="Found", status_change=Status.FIXING))
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL, title="Worse"))
    await report_health(domain, incident.system_ids[0], Health.UNHEALTHY)
    await domain.incidents.resolve(ADMIN, incident.id, message="Over")
    await make_automation(domain)
    await domain.incidents.delete(ADMIN, incident.id)

    stored = await domain.events.raw(0, limit=100)
    assert len(stored) >= 7
    assert tail.last == stored[-1].seq
    assert [repr(change) for change in tail._recent] == [repr(change) for change in stored]


async def test_a_commit_that_follows_on_what_was_read_costs_no_reading(
    domain: Domain, count_statements: CountStatements
) -> None:
    await make_system(domain)
    tail = inside(domain).tail
    with count_statements() as sent:
        await make_incident(domain, "payments")
    assert tail.last == 2
    assert [statement for statement in sent if statement.startswith("SELECT changes")] == []


async def test_changes_behind_a_gap_are_left_to_the_log(domain: Domain) -> None:
    fresh = FreshChanges(is_sqlite=True)
    fresh.add([a_change(domain), a_change(domain)], 8)
    assert fresh.take(5) == []
    assert [change.seq for change in fresh.take(6)] == [7, 8]
    assert fresh.take(6) == []


async def test_numbers_that_postgresql_may_spell_otherwise_are_left_to_the_log(domain: Domain) -> None:
    fresh = FreshChanges(is_sqlite=False)
    fresh.add([a_change(domain), replace(a_change(domain), payload={"share": 1e22}), a_change(domain)], 3)
    assert [change.seq for change in fresh.take(0)] == [1]


async def test_changes_that_were_read_meanwhile_are_forgotten(domain: Domain) -> None:
    fresh = FreshChanges(is_sqlite=True)
    fresh.add([a_change(domain), a_change(domain)], 8)
    assert [change.seq for change in fresh.take(7)] == [8]


async def test_changes_that_nobody_takes_do_not_pile_up(domain: Domain) -> None:
    fresh = FreshChanges(is_sqlite=True)
    for seq in range(1, 2001):
        fresh.add([a_change(domain)], seq)
    assert len(fresh._changes) <= 500
