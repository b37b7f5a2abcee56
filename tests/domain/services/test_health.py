"""Reports of systems' health: which are recorded, and which are not."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.bootstrap import Domain, running_domain
from domain.entities.kind import Snapshot
from domain.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError, UnknownSystemError
from domain.model.change import Change, ChangeAction
from domain.model.commands import ReportSystemHealth, UpdateSystem
from domain.model.health import ReportedHealth, SystemHealth
from domain.model.incident import Health
from domain.model.viewer import Role
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.health import Reported
from domain.services.writing import origin_of
from domain.settings import Settings
from tests.conftest import CountStatements, SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident, make_system, make_token, report_health
from tests.inside import inside

HEALTHY, DEGRADED, UNHEALTHY = Health


@on_one_database
async def test_a_system_without_reports_is_healthy_without_a_time(domain: Domain) -> None:
    system = await make_system(domain)
    assert await domain.reads.health_of([system.id]) == {system.id: ReportedHealth(system_id=system.id)}
    [health] = (await domain.reads.health_of([system.id])).values()
    assert (health.status, health.is_reported) == (HEALTHY, False)


@on_one_database
async def test_a_report_fires_events_by_the_status_before(domain: Domain) -> None:
    await make_system(domain)
    for status in (DEGRADED, UNHEALTHY, HEALTHY, HEALTHY, UNHEALTHY, DEGRADED, HEALTHY):
        await report_health(domain, "payments", status)
    assert [change.events for change in await log_of(domain)] == [
        ("system.degraded", "system.health_changed"),
        ("system.health_changed",),
        ("system.healthy", "system.health_changed"),
        ("system.degraded", "system.health_changed"),
        ("system.health_changed",),
        ("system.healthy", "system.health_changed"),
    ]


@on_one_database
async def test_a_first_report_of_health_is_recorded_and_fires_nothing(domain: Domain) -> None:
    system = await make_system(domain)
    await report_health(domain, "payments", HEALTHY)
    [change] = await log_of(domain)
    assert (change.kind, change.entity_id, change.action, change.events) == (
        "health",
        system.id,
        ChangeAction.CREATED,
        (),
    )
    assert (await domain.reads.health_of([system.id]))[system.id].since == change.occurred_at


@on_one_database
async def test_the_payload_of_a_first_report_says_that_the_system_was_healthy(domain: Domain) -> None:
    system = await make_system(domain, name="The payments")
    health = await report_health(domain, "payments", UNHEALTHY, message=" Down ")
    [change] = await log_of(domain)
    payload = dict(change.payload or {})
    assert payload.pop("observedAt") == payload.pop("timestamp")
    assert payload == {
        "systemId": system.id,
        "systemKey": "payments",
        "systemName": "The payments",
        "previousStatus": "healthy",
        "newStatus": "unhealthy",
        "message": "Down",
        "underMaintenance": False,
        "changeId": change.id,
    }
    assert (health.status, health.message, health.version) == (UNHEALTHY, "Down", 1)


@on_one_database
async def test_a_repeated_report_updates_its_moments_without_a_change(domain: Domain) -> None:
    system = await make_system(domain)
    first = await report_health(domain, "payments", DEGRADED, message="Slow")
    again = await report_health(domain, "payments", DEGRADED, message="Slow")
    assert again == replace(first, observed_at=again.observed_at, reported_at=again.reported_at)
    assert again.observed_at > first.observed_at
    assert len(await log_of(domain)) == 1
    shown = (await domain.reads.health_of([system.id]))[system.id]
    assert (shown.since, shown.observed_at) == ((await log_of(domain))[0].occurred_at, again.observed_at)


@on_one_database
async def test_another_message_is_a_change_that_is_not_reactive(domain: Domain) -> None:
    await make_system(domain)
    await report_health(domain, "payments", DEGRADED, message="Slow")
    health = await report_health(domain, "payments", DEGRADED)
    _, change = await log_of(domain)
    assert (change.is_comment_only, change.described_fields, change.events, change.payload) == (
        True,
        ("message",),
        (),
        None,
    )
    assert (change.version, health.version, health.message) == (2, 2, None)


async def test_a_system_that_was_renamed_meanwhile_makes_no_report_a_change(domain: Domain) -> None:
    await make_system(domain)
    await report_health(domain, "payments", DEGRADED)
    await domain.systems.update(ADMIN, UpdateSystem(system="payments", name="Billing"))
    await report_health(domain, "payments", DEGRADED)
    assert len(await log_of(domain)) == 1
    await report_health(domain, "payments", HEALTHY)
    payload = (await log_of(domain))[-1].payload
    assert payload is not None
    assert payload["systemName"] == "Billing"


@on_one_database
async def test_a_report_from_before_the_last_one_is_ignored(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    start = clock.now()
    clock.advance(hours=1)
    await report_health(domain, "payments", DEGRADED, observed_at=start)
    # A monitor that says it again knows of a later moment, which counts.
    last = await report_health(domain, "payments", DEGRADED, observed_at=start + timedelta(minutes=20))
    late = await report_health(domain, "payments", HEALTHY, observed_at=start + timedelta(minutes=10))
    assert late == last
    assert len(await log_of(domain)) == 1
    newer = await report_health(domain, "payments", HEALTHY, observed_at=start + timedelta(minutes=20))
    assert (newer.status, newer.version) == (HEALTHY, 2)


@on_one_database
async def test_a_report_from_the_future_is_refused_unless_slightly_ahead(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    with pytest.raises(InvalidInputError) as caught:
        await report_health(domain, "payments", DEGRADED, observed_at=clock.now() + timedelta(minutes=6))
    assert caught.value.field == ["observedAt"]
    health = await report_health(domain, "payments", DEGRADED, observed_at=clock.now() + timedelta(minutes=1))
    assert health.observed_at == health.reported_at


@on_one_database
@pytest.mark.parametrize("reference", ["payments", "sys_unknown", "", "\0"], ids=ascii)
async def test_an_unknown_system_has_no_health(domain: Domain, reference: str) -> None:
    with pytest.raises(UnknownSystemError) as caught:
        await report_health(domain, reference, DEGRADED)
    assert caught.value.field == ["system"]
    assert await log_of(domain) == []


@on_one_database
@pytest.mark.parametrize("message", ["x" * 25_001, "a\0b", "a\x1b[31mb"], ids=["too long", "NUL", "terminal escape"])
async def test_a_message_that_cannot_be_accepted_names_the_field(domain: Domain, message: str) -> None:
    await make_system(domain)
    with pytest.raises(InvalidInputError) as caught:
        await report_health(domain, "payments", DEGRADED, message=message)
    assert caught.value.field == ["message"]


@on_one_database
async def test_the_start_of_a_health_status_comes_from_the_transitions(domain: Domain) -> None:
    system = await make_system(domain)
    handle = inside(domain).health_handle
    assert (
        await inside(domain).database.read(lambda session: handle.in_state_since(session, system.id, "status")) is None
    )
    for status in (DEGRADED, HEALTHY, DEGRADED, DEGRADED):
        await report_health(domain, "payments", status)
    moments = [change.occurred_at for change in await log_of(domain)]
    assert (
        await inside(domain).database.read(lambda session: handle.in_state_since(session, system.id, "status"))
        == moments[2]
    )
    assert (await domain.reads.health_of([system.id]))[system.id].since == moments[2]
    count = await inside(domain).database.read(
        lambda session: handle.transition_count(session, system.id, "status", window=timedelta(days=1))
    )
    assert count == 3


async def test_the_secrets_of_a_run_stay_out_of_the_record(domain: Domain) -> None:
    await make_system(domain)
    inside(domain).masker.register("run_1", ["hunter2"])
    origin = replace(origin_of(ADMIN), run_id="run_1")
    command = ReportSystemHealth(system="payments", status=DEGRADED, message="with hunter2")

    async def work(unit: UnitOfWork) -> Reported:
        return await domain.health.report_in(unit, command, origin=origin)

    await inside(domain).database.write(work)
    [change] = await log_of(domain)
    assert change.payload is not None
    assert change.payload["message"] == "with ****"
    assert "hunter2" not in str(change)


@on_one_database
async def test_deleting_a_system_leaves_a_tombstone_of_its_health_and_fires_nothing(domain: Domain) -> None:
    system = await make_system(domain)
    incident = await make_incident(domain, "payments")
    await report_health(domain, "payments", UNHEALTHY, message="Down")
    await domain.systems.delete(ADMIN, "payments")
    *_, detached, gone = await log_of(domain)
    assert (detached.kind, detached.entity_id) == ("incident", incident.id)
    assert (gone.kind, gone.entity_id, gone.action, gone.version) == ("health", system.id, ChangeAction.DELETED, 2)
    assert (gone.prev, gone.next, gone.events, gone.payload) == ({"status": "unhealthy"}, None, (), None)
    assert gone.before is not None
    assert gone.before["message"] == "Down"
    assert (await domain.reads.health_of([system.id]))[system.id].is_reported is False


@on_one_database
async def test_deleting_a_system_without_a_report_records_nothing_of_its_health(domain: Domain) -> None:
    await make_system(domain)
    await domain.systems.delete(ADMIN, "payments")
    assert await log_of(domain) == []


@on_one_database
async def test_a_new_system_with_a_reused_key_has_no_report(domain: Domain) -> None:
    await make_system(domain)
    await report_health(domain, "payments", UNHEALTHY)
    await domain.systems.delete(ADMIN, "payments")
    again = await make_system(domain)
    assert (await domain.reads.health_of([again.id]))[again.id].status is HEALTHY


async def test_of_many_first_reports_at_once_in_two_processes_one_fires(domain: Domain, settings: Settings) -> None:
    await make_system(domain)
    async with running_domain(settings, clock=SteppingClock(), live=False) as other:
        await asyncio.gather(*(report_health(each, "payments", DEGRADED) for each in (domain, other) * 5))
    assert await events_of(domain) == ["system.degraded", "system.health_changed"]


async def test_reports_and_incidents_and_a_deletion_at_once_leave_a_sound_log(domain: Domain) -> None:
    system = await make_system(domain)
    await make_system(domain, "search")
    statuses = [DEGRADED, HEALTHY, UNHEALTHY] * 3
    outcomes = await asyncio.gather(
        *(report_health(domain, "payments", status) for status in statuses[:6]),
        *(make_incident(domain, "search", "payments") for _ in range(4)),
        domain.systems.delete(ADMIN, "payments"),
        *(report_health(domain, "payments", status) for status in statuses[6:]),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)} <= {UnknownSystemError}
    of_health = [change for change in await log_of(domain) if change.kind == "health"]
    assert {change.entity_id for change in of_health} <= {system.id}
    assert [change.version for change in of_health] == list(range(1, len(of_health) + 1))
    assert _chained(of_health)
    assert not of_health or of_health[-1].action is ChangeAction.DELETED


@on_one_database
async def test_a_limited_token_reports_on_its_own_systems_only(domain: Domain) -> None:
    for key in ("mine", "theirs"):
        await make_system(domain, key)
    _, secret = await make_token(domain, role=Role.RESPONDER, systems=["mine"])
    limited = await domain.tokens.viewer_of(f"Bearer {secret}")
    await domain.health.report(limited, ReportSystemHealth(system="mine", status=DEGRADED))
    for _ in range(2):
        with pytest.raises(ForbiddenError) as caught:
            await domain.health.report(limited, ReportSystemHealth(system="theirs", status=DEGRADED))
        assert caught.value.field == ["system"]
        await report_health(domain, "theirs", HEALTHY)
    assert [change.actor.name for change in await log_of(domain)] == ["monitor", "admin"]


@on_one_database
async def test_the_handle_itself_enforces_the_writers_system_limits(domain: Domain) -> None:
    system = await make_system(domain)
    await report_health(domain, "payments", DEGRADED)
    elsewhere = origin_of(replace(ADMIN, systems=frozenset({"sys_elsewhere"})))

    async def remove(unit: UnitOfWork) -> Change | None:
        async def forget(_: Snapshot[SystemHealth] | None) -> None:
            await unit.health.delete(system.id)

        return await inside(domain).health_handle.remove(unit, system.id, forget, origin=elsewhere)

    with pytest.raises(ForbiddenError):
        await inside(domain).database.write(remove)
    assert (await domain.reads.health_of([system.id]))[system.id].status is DEGRADED


@on_one_database
async def test_a_repeated_call_reports_once(domain: Domain) -> None:
    system = await make_system(domain)
    command = ReportSystemHealth(system="payments", status=DEGRADED)
    first = await domain.health.report(ADMIN, command, idempotency_key="once")
    last = await report_health(domain, "payments", HEALTHY)
    again = await domain.health.report(ADMIN, command, idempotency_key="once")
    assert (again.seq, again.value) == (first.seq, Reported(system=system, health=last))
    with pytest.raises(ConflictError):
        await domain.health.report(ADMIN, replace(command, status=HEALTHY), idempotency_key="once")
    await domain.systems.delete(ADMIN, "payments")
    with pytest.raises(NotFoundError) as caught:
        await domain.health.report(ADMIN, command, idempotency_key="once")
    assert caught.value.field == ["idempotencyKey"]


async def test_a_version_taken_by_another_writer_is_detected(domain: Domain) -> None:
    system = await make_system(domain)
    await report_health(domain, "payments", DEGRADED)
    with pytest.raises(RuntimeError, match="was not locked"):
        await inside(domain).database.write(lambda unit: unit.health.stamp(system.id, version=3))


async def test_the_health_of_systems_is_read_with_one_statement_however_many(
    domain: Domain, count_statements: CountStatements
) -> None:
    ids = [(await make_system(domain, f"system-{number}")).id for number in range(10)]
    for identifier in ids[:5]:
        await report_health(domain, identifier, DEGRADED, message="Slow")
    with count_statements() as statements:
        found = await domain.reads.health_of(ids)
    assert [found[identifier].status for identifier in ids] == [DEGRADED] * 5 + [HEALTHY] * 5
    assert len(statements) == 1


def _chained(changes: Sequence[Change]) -> bool:
    """Return whether each change begins where the one before it ended."""
    moments: list[datetime] = [change.occurred_at for change in changes]
    ends = [None, *(change.next for change in changes)]
    return moments == sorted(moments) and all(change.prev == end for change, end in zip(changes, ends, strict=False))
