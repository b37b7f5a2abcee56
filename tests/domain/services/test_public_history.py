"""The past as the public may read it, in as many statements as it takes."""

from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.errors import NotFoundError
from domain.model.commands import AddIncidentUpdate
from domain.model.incident import Health
from domain.model.viewer import Visibility
from domain.services import health_history
from domain.services.public_history import DAYS, PublicHistory
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system, report_health


@pytest.fixture
def history(domain: Domain) -> PublicHistory:
    return PublicHistory(reads=domain.reads, health=domain.health_history, clock=domain.clock)


async def test_all_incidents_of_a_time_are_found_with_their_newest_public_update(
    domain: Domain, history: PublicHistory, clock: SteppingClock
) -> None:
    await make_system(domain)
    start = clock.now()
    for number in range(130):
        incident = await make_incident(domain, "payments", title=f"No. {number}", dedupe_key=str(number))
        for visibility in (Visibility.PUBLIC, Visibility.INTERNAL):
            update = AddIncidentUpdate(incident_id=incident.id, message=f"{visibility} {number}", visibility=visibility)
            await domain.timeline.add(ADMIN, update)
    end = clock.now()
    await make_incident(domain, "payments", title="Later", dedupe_key="later")
    found = await history.began_between(start, end)
    assert [shown.incident.title for shown in found] == [f"No. {number}" for number in reversed(range(130))]
    assert {len(shown.updates) for shown in found} == {1}
    assert {shown.updates[0].visibility for shown in found} == {Visibility.PUBLIC}


async def test_the_first_beginning_is_that_of_the_oldest_incident(
    domain: Domain, history: PublicHistory, clock: SteppingClock
) -> None:
    assert await history.first_beginning() is None
    began = clock.now() - timedelta(days=400)
    await make_incident(domain)
    await make_incident(domain, occurred_at=began, dedupe_key="old")
    assert await history.first_beginning() == began


@on_one_database
async def test_an_incident_that_is_not_there_is_an_error(history: PublicHistory) -> None:
    with pytest.raises(NotFoundError):
        await history.incident(1)


@on_one_database
async def test_a_system_has_a_day_for_each_of_the_last_90(
    domain: Domain, history: PublicHistory, clock: SteppingClock
) -> None:
    system = await make_system(domain)
    await report_health(domain, "payments", Health.UNHEALTHY)
    clock.advance(days=1)
    days = (await history.days([system.id]))[system.id]
    assert len(days) == DAYS
    assert [day.unhealthy > 0 for day in days[-3:]] == [False, True, True]


@on_one_database
async def test_a_system_with_too_many_changes_takes_no_days_from_others(
    domain: Domain, history: PublicHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, loud = await make_system(domain, "quiet"), await make_system(domain, "loud")
    for key, reports in (("quiet", 1), ("loud", 6)):
        for number in range(reports):
            await report_health(domain, key, (Health.UNHEALTHY, Health.DEGRADED)[number % 2])
    monkeypatch.setattr(health_history, "_MOST_SPANS", 3)
    assert set(await history.days([quiet.id, loud.id])) == {quiet.id}
