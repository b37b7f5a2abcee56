"""The use cases of incidents, on both databases."""

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, CreateIncident, UpdateIncident
from domain.model.incident import Severity, Status
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident, make_system, set_status


@on_one_database
async def test_opening_changing_and_resolving_fires_one_event_each(domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message="Just a comment"))
    await domain.incidents.resolve(ADMIN, incident.id, message="Done")

    assert await events_of(domain) == ["incident.created", "incident.updated", "incident.resolved"]
    assert [change.version for change in await log_of(domain)] == [1, 2, 3, 4]


@on_one_database
async def test_a_deduplicated_create_reuses_the_open_incident_until_its_resolution(domain: Domain) -> None:
    await make_system(domain)
    command = CreateIncident(title="Down", severity=Severity.MAJOR, systems=["payments"], dedupe_open_for_system=True)
    first = (await domain.incidents.create(ADMIN, command)).value
    second = (await domain.incidents.create(ADMIN, command)).value
    assert first.incident is not None
    assert second.incident is not None
    assert (first.reused, second.reused, second.incident.id) == (False, True, first.incident.id)

    await set_status(domain, first.incident, Status.RESOLVED)
    third = (await domain.incidents.create(ADMIN, command)).value
    assert not third.reused
