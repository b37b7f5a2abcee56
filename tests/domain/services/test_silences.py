"""Silences of messages to people: by incidents that suppress health, and by snoozes."""

from datetime import timedelta

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.incident import Status
from domain.model.silence import Silence, Topic
from domain.services.silences import silenced
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.inside import inside


async def _is_silent(domain: Domain, system_id: str, topic: Topic = Topic.HEALTH) -> bool:
    why = await inside(domain).database.read(
        lambda session: silenced(session, topic, system_id=system_id, incident_id=None, now=domain.clock.now())
    )
    return why is Silence.SUPPRESSED


@on_one_database
async def test_an_open_incident_can_suppress_its_systems_notifications(domain: Domain) -> None:
    incident = await make_incident(domain, suppress_notifications=True)
    assert await _is_silent(domain, incident.system_ids[0])


async def test_a_system_without_incidents_is_not_suppressed(domain: Domain) -> None:
    assert not await _is_silent(domain, (await make_system(domain)).id)


@on_one_database
async def test_a_resolved_incident_suppresses_nothing(domain: Domain) -> None:
    incident = await make_incident(domain, suppress_notifications=True)
    await set_status(domain, incident, Status.RESOLVED)
    assert not await _is_silent(domain, incident.system_ids[0])


@on_one_database
async def test_an_incident_without_the_flag_suppresses_nothing(domain: Domain) -> None:
    incident = await make_incident(domain)
    assert not await _is_silent(domain, incident.system_ids[0])


@on_one_database
async def test_an_incident_suppresses_nothing_on_another_system(domain: Domain) -> None:
    other = await make_system(domain, "web")
    await make_incident(domain, suppress_notifications=True)
    assert not await _is_silent(domain, other.id)


@on_one_database
async def test_removing_the_flag_ends_the_suppression(domain: Domain) -> None:
    incident = await make_incident(domain, suppress_notifications=True)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, suppress_notifications=False))
    assert not await _is_silent(domain, incident.system_ids[0])


@on_one_database
async def test_an_incident_that_suppresses_health_has_its_own_messages(domain: Domain) -> None:
    incident = await make_incident(domain, suppress_notifications=True)
    assert not await _is_silent(domain, incident.system_ids[0], Topic.INCIDENT)


@on_one_database
async def test_what_is_no_id_silences_nothing(domain: Domain) -> None:
    await make_incident(domain, suppress_notifications=True)
    assert not await _is_silent(domain, "payments\0")


@on_one_database
async def test_reminders_are_silent_until_a_snooze_is_over(domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain)

    async def why(topic: Topic) -> Silence | None:
        return await inside(domain).database.read(
            lambda session: silenced(session, topic, system_id=None, incident_id=incident.id, now=clock.now())
        )

    assert await why(Topic.REMINDER) is None
    await domain.responders.snooze(ADMIN, incident.id, clock.moment + timedelta(minutes=15))
    assert (await why(Topic.REMINDER), await why(Topic.INCIDENT)) == (Silence.SNOOZED, None)
    clock.advance(minutes=15)
    assert await why(Topic.REMINDER) is None
