"""The health of systems in the past, and the steps that led to it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.health_history import HealthPeriod, uptime_of
from domain.model.incident import Health, HealthOverride
from domain.model.series import TimeBucket, spans_between
from domain.services.events import HealthWatch
from domain.services.health_history import Asked
from tests.conftest import CountStatements, SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.services.health_walk import walk
from tests.factories import ADMIN, make_incident, make_system, report_health

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("dialect", "seed"), [("sqlite", 1), pytest.param("postgresql", 2, marks=pytest.mark.postgres)]
)
async def test_histories_and_steps_equal_a_recount_of_the_whole_past(
    domain: Domain, clock: SteppingClock, seed: int
) -> None:
    await walk(domain, clock, seed=seed, steps=40)


async def test_of_incidents_resolved_at_once_the_last_one_makes_the_system_healthy(domain: Domain) -> None:
    incidents = [await make_incident(domain, health_override=HealthOverride.UNHEALTHY) for _ in range(4)]
    head = await domain.events.head()
    await asyncio.gather(*(domain.incidents.resolve(ADMIN, each.id) for each in incidents))
    steps = [change.health for change in await domain.events.raw(head, limit=10)]
    assert [len(each) for each in steps] == [0, 0, 0, 1]
    assert (steps[-1][0].previous, steps[-1][0].status) == (Health.UNHEALTHY, Health.HEALTHY)


async def test_incidents_without_an_override_cost_no_statement_more(
    domain: Domain, count_statements: CountStatements
) -> None:
    plain = await make_incident(domain)
    with count_statements() as statements:
        await domain.incidents.resolve(ADMIN, plain.id)
    assert [each for each in statements if "health_spans" in each or "derived_health" in each] == []


async def test_the_history_of_many_systems_costs_as_many_statements_as_that_of_one(
    domain: Domain, clock: SteppingClock, count_statements: CountStatements
) -> None:
    ids = []
    for number in range(8):
        ids.append((await make_system(domain, f"system-{number}")).id)
        await report_health(domain, f"system-{number}", Health.DEGRADED)
        await make_incident(domain, f"system-{number}", health_override=HealthOverride.UNHEALTHY)
    asked = Asked(since=clock.moment - timedelta(hours=1), until=None)
    counts = []
    for wanted in (ids[:1], ids):
        with count_statements() as statements:
            found = await domain.health_history.of(wanted, asked)
        counts.append(len(statements))
        assert {len(periods) for periods in found.values()} == {3}
    assert counts == [4, 4]


@on_one_database
async def test_nothing_is_left_of_a_deleted_system_and_of_a_deleted_incident(
    domain: Domain, clock: SteppingClock
) -> None:
    system = await make_system(domain)
    gone = await make_incident(domain, health_override=HealthOverride.UNHEALTHY)
    asked = Asked(since=system.created_at, until=None)
    await domain.incidents.delete(ADMIN, gone.id)
    [period] = (await domain.health_history.of([system.id], asked))[system.id]
    assert period.status is Health.HEALTHY
    await report_health(domain, "payments", Health.DEGRADED)
    await make_incident(domain, health_override=HealthOverride.UNHEALTHY)
    await domain.systems.delete(ADMIN, "payments")
    assert (await domain.health_history.of([system.id], asked))[system.id] == []
    assert (await domain.events.raw(0, limit=100))[-1].health == ()


@on_one_database
async def test_a_watch_of_some_systems_wants_their_changes_alone(domain: Domain) -> None:
    ids = [(await make_system(domain, key)).id for key in ("api", "web")]
    incident = await make_incident(domain, "api", "web", health_override=HealthOverride.DEGRADED)
    await report_health(domain, "web", Health.DEGRADED)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Another"))
    log = await domain.events.raw(0, limit=100)
    of_first, of_all = HealthWatch(systems=frozenset(ids[:1])), HealthWatch(systems=None)
    assert [change.kind for change in log if of_first.wants(change)] == ["incident"]
    assert [[step.system_id for step in of_all.steps_of(change)] for change in log if of_all.wants(change)] == [
        sorted(ids),
        ids[1:],
    ]


def test_a_point_shares_its_time_among_the_periods_and_leaves_out_what_is_unknown() -> None:
    def at(hour: float) -> datetime:
        return BEGAN + timedelta(hours=hour)

    periods = [
        HealthPeriod(since=at(1), until=at(2.5), reported=Health.HEALTHY, override=None),
        HealthPeriod(since=at(2.5), until=at(2.75), reported=Health.DEGRADED, override=HealthOverride.UNHEALTHY),
        HealthPeriod(since=at(2.75), until=at(3.5), reported=Health.DEGRADED, override=None),
    ]
    points = uptime_of(periods, spans_between(at(0), at(5), TimeBucket.HOUR))
    assert [tuple(point.seconds[status] for status in Health) for point in points] == [
        (0, 0, 0),
        (3600, 0, 0),
        (1800, 900, 900),
        (0, 1800, 0),
        (0, 0, 0),
    ]
    assert [point.uptime for point in points] == [None, 1.0, 0.75, 1.0, None]
