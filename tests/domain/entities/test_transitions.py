"""The transitions that writes record, and the times and counts read from them, on both databases."""

from datetime import timedelta

import pytest

from domain.bootstrap import Domain
from domain.entities.diff import diff
from domain.model.commands import UpdateIncident
from domain.model.incident import Severity, Status
from tests.conftest import SteppingClock
from tests.domain.entities.widgets import Widgets
from tests.factories import ADMIN, log_of, make_incident, set_status
from tests.inside import inside

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def domain(shared: Domain) -> Domain:
    """Return the domain that the tests of this module share."""
    return shared


@pytest.fixture
def clock(domain: Domain) -> SteppingClock:
    """Return the domain's clock."""
    assert isinstance(domain.clock, SteppingClock)
    return domain.clock


async def test_the_transitions_equal_the_difference_of_the_states(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red", size=1, parts=["a", "b"])
    before = len(await widgets.steps())
    await widgets.put("w1", colour=None, size=2, parts=["b", "a"])

    change = (await widgets.log())[-1]
    assert change.changed_fields == diff(change.prev, change.next).changed_fields
    assert (await widgets.steps())[before:] == [
        ("colour", "red", "null"),
        ("parts", '["a","b"]', '["b","a"]'),
        ("size", "1", "2"),
    ]


async def test_the_time_of_a_transition_is_that_of_its_change(domain: Domain) -> None:
    incident = await make_incident(domain)
    since = await inside(domain).database.read(
        lambda session: session.transitions.since("incident", incident.id, "status", "investigating")
    )

    assert since == (await log_of(domain, incident))[0].occurred_at


async def test_the_time_of_a_state_is_that_of_its_latest_transition(domain: Domain) -> None:
    incident = await make_incident(domain)
    await set_status(domain, incident, Status.FIXING)
    await set_status(domain, incident, Status.INVESTIGATING)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.MINOR))

    since = await inside(domain).database.read(
        lambda session: inside(domain).handle.in_state_since(session, incident.id, "status")
    )
    assert since == (await log_of(domain, incident))[2].occurred_at


async def test_the_time_of_a_state_is_unknown_without_the_entity_or_a_record(domain: Domain, widgets: Widgets) -> None:
    await widgets.put("w1", colour="red")

    async def since(identifier: str, field: str) -> object:
        return await inside(domain).database.read(
            lambda session: widgets.handle.in_state_since(session, identifier, field)
        )

    async def lasts(identifier: str) -> timedelta:
        return await inside(domain).database.read(
            lambda session: widgets.handle.in_state_for(session, identifier, "size")
        )

    assert (await since("w0", "colour"), await since("w1", "size")) == (None, None)
    assert await lasts("w1") == timedelta()


async def test_the_duration_in_a_state_grows_with_time(domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain)
    clock.step = timedelta()  # otherwise any other reading of the clock advances the time

    async def lasts() -> timedelta:
        return await inside(domain).database.read(
            lambda session: inside(domain).handle.in_state_for(session, incident.id, "status")
        )

    first = await lasts()
    clock.advance(minutes=5)
    assert await lasts() == first + timedelta(minutes=5)


async def test_transitions_of_a_field_are_counted_in_a_window_that_includes_its_first_moment(
    domain: Domain, clock: SteppingClock
) -> None:
    incident = await make_incident(domain)
    clock.advance(minutes=30)
    await set_status(domain, incident, Status.FIXING)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.MINOR))
    clock.advance(minutes=10)
    await set_status(domain, incident, Status.MONITORING)
    first = (await log_of(domain, incident))[1]

    async def count(field: str, *, longer: timedelta = timedelta()) -> int:
        window = clock.moment + clock.step - first.occurred_at + longer
        return await inside(domain).database.read(
            lambda session: inside(domain).handle.transition_count(session, incident.id, field, window=window)
        )

    assert (await count("status"), await count("severity")) == (2, 1)
    assert await count("status", longer=timedelta(milliseconds=-1)) == 1
    assert await count("status", longer=timedelta(hours=1)) == 3
