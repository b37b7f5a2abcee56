"""Maintenance windows: what is stored of them, what begins and ends by time, and what is refused."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    UnknownSystemError,
    VersionConflictError,
)
from domain.model.change import Change
from domain.model.health_history import uptime_of
from domain.model.incident import Health
from domain.model.maintenance import Maintenance, MaintenanceInstance, MaintenanceStatus
from domain.model.moment import iso
from domain.model.paging import Order
from domain.model.series import Span
from domain.model.system import ALL_SYSTEMS
from domain.model.viewer import Audience, Visibility
from domain.services.health_history import Asked
from domain.services.maintenance.commands import (
    AddMaintenanceUpdate,
    ChangeMaintenanceInstance,
    ScheduleMaintenance,
    UpdateMaintenance,
)
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_maintenance, make_system, report_health
from tests.inside import inside

SCHEDULED, ACTIVE, ENDED, CANCELLED = MaintenanceStatus
WEEK = timedelta(weeks=1)
#: A Sunday.
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def _instances(domain: Domain, maintenance: Maintenance) -> Sequence[MaintenanceInstance]:
    [listed] = [
        each
        for each in await domain.maintenance.reads.listed(Audience.MANAGER)
        if each.maintenance.id == maintenance.id
    ]
    return listed.instances


async def _events(domain: Domain) -> list[tuple[str, ...]]:
    return [change.events for change in await _changes(domain)]


async def _changes(domain: Domain) -> list[Change]:
    return [change for change in await log_of(domain) if change.kind == "maintenance"]


async def _present(domain: Domain, maintenance: Maintenance) -> Maintenance:
    return (await domain.maintenance.reads.get_many([maintenance.id], Audience.MANAGER))[maintenance.id]


@on_one_database
async def test_a_window_begins_and_ends_by_its_times(domain: Domain, clock: SteppingClock) -> None:
    system = await make_system(domain)
    window = await make_maintenance(domain, begins=1, hours=2)
    run, reads = domain.maintenance.timer.run_once, domain.maintenance.reads
    assert (await run(), await reads.active_on([system.id])) == (window.starts_at, {})
    clock.advance(hours=1)
    assert (await run(), await reads.active_on([system.id])) == (window.ends_at, {system.id: [window.id]})
    assert (await _present(domain, window)).status is ACTIVE
    clock.advance(hours=2)
    assert (await run(), await reads.active_on([system.id])) == (None, {})
    assert (await _present(domain, window)).status is ENDED
    assert await _events(domain) == [("maintenance.scheduled",), ("maintenance.started",), ("maintenance.ended",)]
    started = (await _changes(domain))[1]
    assert started.payload is not None
    assert started.payload["startsAt"] == started.payload["originalStart"] == iso(window.starts_at)


async def test_what_came_while_nothing_ran_begins_and_ends_once_each_in_order(
    domain: Domain, clock: SteppingClock
) -> None:
    await make_system(domain)
    await make_maintenance(domain, starts_at=START, recurrence="FREQ=DAILY;COUNT=3")
    clock.advance(days=10)
    timer = domain.maintenance.timer
    await asyncio.gather(timer.run_once(), timer.run_once())
    began_and_ended = [("maintenance.started",), ("maintenance.ended",)]
    assert await _events(domain) == [("maintenance.scheduled",), *began_and_ended * 3]


async def test_a_window_that_has_begun_is_active_at_once(domain: Domain) -> None:
    await make_system(domain)
    window = await make_maintenance(domain, begins=-1)
    assert window.status is ACTIVE
    assert await _events(domain) == [("maintenance.scheduled", "maintenance.started")]


async def test_a_rule_keeps_its_local_time_over_a_change_of_the_clocks(domain: Domain) -> None:
    await make_system(domain)
    starts_at = datetime(2026, 3, 22, 1, tzinfo=UTC)
    window = await make_maintenance(
        domain, starts_at=starts_at, time_zone="Europe/Berlin", recurrence="RRULE:FREQ=WEEKLY;BYDAY=SU"
    )
    starts = [each.starts_at for each in (await _instances(domain, window))[:3]]
    # 02:00, then 03:00 because the clocks skip that hour, then 02:00 of summer time.
    assert starts == [starts_at, starts_at + WEEK, starts_at + 2 * WEEK - timedelta(hours=1)]
    assert window.recurrence == "FREQ=WEEKLY;BYDAY=SU"


@on_one_database
async def test_instances_are_stored_further_ahead_as_time_goes_by(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    window = await make_maintenance(domain, starts_at=START, recurrence="FREQ=WEEKLY")
    before = await domain.events.head()
    clock.advance(days=35)
    await domain.maintenance.timer.run_once()
    after = await _present(domain, window)
    assert after.planned_until is not None
    assert window.planned_until is not None
    assert after.planned_until - window.planned_until > timedelta(days=30)
    events = [event for change in await domain.events.raw(before, limit=100) for event in change.events]
    assert events == ["maintenance.started", "maintenance.ended"] * 5
    assert (after.status, len(await _instances(domain, window))) == (SCHEDULED, 5 + 58)


@on_one_database
async def test_a_changed_and_a_cancelled_instance_keep_to_themselves(domain: Domain, clock: SteppingClock) -> None:
    system = await make_system(domain)
    window = await make_maintenance(domain, starts_at=START, recurrence="FREQ=WEEKLY;COUNT=3")
    later = START + timedelta(hours=5)
    change = ChangeMaintenanceInstance(
        id=window.id, original_start=START, starts_at=later, ends_at=later + timedelta(hours=1), title="Later"
    )
    await domain.maintenance.change_instance(ADMIN, change)
    await domain.maintenance.cancel_instance(ADMIN, window.id, START + WEEK)
    shown = [(each.starts_at, each.status, each.is_changed) for each in await _instances(domain, window)]
    assert shown == [
        (later, SCHEDULED, True),
        (START + WEEK, CANCELLED, False),
        (START + 2 * WEEK, SCHEDULED, False),
    ]
    clock.advance(days=9)
    await domain.maintenance.timer.run_once()
    events = [event for change in await _changes(domain) for event in change.events]
    assert events[1:] == ["maintenance.updated", "maintenance.updated", "maintenance.started", "maintenance.ended"]
    soon = (await domain.maintenance.reads.of_systems([system.id], Audience.PUBLIC))[system.id]
    assert [each.starts_at for each in soon] == [START + 2 * WEEK]


@on_one_database
async def test_other_times_replace_what_is_to_come_but_changes_that_still_apply(domain: Domain) -> None:
    await make_system(domain)
    window = await make_maintenance(domain, starts_at=START, recurrence="FREQ=DAILY;COUNT=8")
    for day in (1, 7):
        change = ChangeMaintenanceInstance(
            id=window.id, original_start=START + timedelta(days=day), ends_at=START + timedelta(days=day, hours=4)
        )
        await domain.maintenance.change_instance(ADMIN, change)
    await domain.maintenance.cancel_instance(ADMIN, window.id, START + timedelta(days=2))
    await domain.maintenance.cancel_instance(ADMIN, window.id, START + 2 * WEEK - timedelta(days=7))
    update = UpdateMaintenance(id=window.id, recurrence="FREQ=WEEKLY;COUNT=3")
    await domain.maintenance.update(ADMIN, update)
    shown = [(each.starts_at, each.ends_at - each.starts_at, each.status) for each in await _instances(domain, window)]
    two, four = timedelta(hours=2), timedelta(hours=4)
    assert shown == [
        (START, two, SCHEDULED),
        (START + WEEK, four, CANCELLED),
        (START + 2 * WEEK, two, SCHEDULED),
    ]


@on_one_database
async def test_an_earlier_end_a_later_end_and_a_cancellation_end_what_takes_place(
    domain: Domain, clock: SteppingClock
) -> None:
    system = await make_system(domain)
    service = domain.maintenance
    extended, ended, cancelled = [
        await make_maintenance(domain, begins=-1, recurrence="FREQ=WEEKLY;COUNT=2") for _ in range(3)
    ]
    ends_at = extended.ends_at + timedelta(hours=3)
    change = ChangeMaintenanceInstance(id=extended.id, original_start=extended.starts_at, ends_at=ends_at)
    await service.change_instance(ADMIN, change)
    assert (await service.end(ADMIN, ended.id)).value.status is SCHEDULED
    assert (await service.cancel(ADMIN, cancelled.id)).value.status is CANCELLED
    assert (await service.cancel(ADMIN, cancelled.id)).value.status is CANCELLED
    assert [each.status for each in await _instances(domain, cancelled)] == [ENDED, CANCELLED]
    clock.advance(hours=2)
    await service.timer.run_once()
    assert await service.reads.active_on([system.id]) == {system.id: [extended.id]}
    events = [events for change in await _changes(domain) for events in [change.events]][3:]
    assert events == [
        ("maintenance.updated",),
        ("maintenance.ended",),
        ("maintenance.ended", "maintenance.cancelled"),
    ]


async def test_a_message_is_seen_by_those_who_see_the_window(domain: Domain) -> None:
    await make_system(domain)
    window = await make_maintenance(domain, visibility=Visibility.INTERNAL)
    await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message="Soon"))
    reads = domain.maintenance.reads
    assert await reads.listed(Audience.PUBLIC) == []
    assert (await reads.updates_of([window.id], Audience.PUBLIC))[window.id] == []
    await domain.maintenance.update(ADMIN, UpdateMaintenance(id=window.id, visibility=Visibility.PUBLIC))
    [listed] = await reads.listed(Audience.PUBLIC)
    assert [update.message for update in listed.updates] == ["Soon"]
    assert [change.events for change in (await _changes(domain))[1:]] == [("maintenance.updated",)] * 2


async def test_a_deleted_system_leaves_its_windows(domain: Domain) -> None:
    one, other = [await make_system(domain, key) for key in ("one", "two")]
    window = await make_maintenance(domain, one.id, other.id)
    await domain.systems.delete(ADMIN, one.id)
    assert (await _present(domain, window)).system_ids == (other.id,)
    assert (await _events(domain))[-1] == ("maintenance.updated",)


BAD: list[tuple[dict[str, Any], type[DomainError], list[str]]] = [
    ({"ends_at": START}, InvalidInputError, ["endsAt"]),
    ({"ends_at": START + timedelta(days=91)}, InvalidInputError, ["endsAt"]),
    ({"starts_at": START - timedelta(days=2), "ends_at": START - timedelta(days=1)}, InvalidInputError, ["endsAt"]),
    (
        {"starts_at": datetime(2036, 1, 1, tzinfo=UTC), "ends_at": datetime(2036, 1, 2, tzinfo=UTC)},
        InvalidInputError,
        ["startsAt"],
    ),
    ({"systems": ["nowhere"]}, UnknownSystemError, ["systemIds", "0"]),
    ({"systems": []}, InvalidInputError, ["systemIds"]),
    ({"time_zone": "Mars/Olympus"}, InvalidInputError, ["timeZone"]),
    ({"time_zone": "../UTC"}, InvalidInputError, ["timeZone"]),
    # Those of the machine and those with leap seconds are no zones.
    ({"time_zone": "localtime"}, InvalidInputError, ["timeZone"]),
    ({"time_zone": "right/UTC"}, InvalidInputError, ["timeZone"]),
    ({"recurrence": "FREQ=SECONDLY"}, InvalidInputError, ["recurrence"]),
    ({"recurrence": "FREQ=DAILY;UNTIL=20260228"}, InvalidInputError, ["recurrence"]),
    # By local clocks this lies before the first year.
    (
        {"recurrence": "FREQ=DAILY;UNTIL=00010101T000000Z", "time_zone": "America/New_York"},
        InvalidInputError,
        ["recurrence"],
    ),
    ({"recurrence": "FREQ=WEEKLY;BYDAY=MO"}, InvalidInputError, ["startsAt"]),
    ({"title": " "}, InvalidInputError, ["title"]),
]


@on_one_database
async def test_a_window_of_an_unknown_zone_holds_up_no_other(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    broken, sound = [await make_maintenance(domain, recurrence="FREQ=WEEKLY") for _ in range(2)]
    unknown = replace(broken, time_zone="Mars/Olympus")
    await inside(domain).database.write(lambda unit: unit.maintenance.put(unknown))
    clock.advance(days=35)
    with pytest.raises(InvalidInputError) as failure:
        await domain.maintenance.timer.run_once()
    assert failure.value.__notes__ == [f"The window is {broken.id}."]
    begun = [change.entity_id for change in await _changes(domain) if "maintenance.started" in change.events]
    assert begun == [sound.id] * 5


@on_one_database
async def test_bad_input_is_refused_with_its_field_and_writes_nothing(domain: Domain) -> None:
    await make_system(domain)
    given: dict[str, Any] = {
        "title": "T",
        "systems": ["payments"],
        "starts_at": START,
        "ends_at": START + timedelta(hours=1),
    }
    head = await domain.events.head()
    for fault, error, field in BAD:
        with pytest.raises(error) as refused:
            await domain.maintenance.schedule(ADMIN, ScheduleMaintenance(**given | fault))
        assert (fault, refused.value.field) == (fault, field)
    assert await domain.events.head() == head
    assert await domain.maintenance.reads.listed(Audience.MANAGER) == []


@on_one_database
async def test_what_is_over_or_has_begun_cannot_be_changed(domain: Domain) -> None:
    await make_system(domain)
    service = domain.maintenance
    active = await make_maintenance(domain, begins=-1)
    over = (await service.cancel(ADMIN, (await make_maintenance(domain)).id)).value
    other = START + timedelta(hours=5)
    change = ChangeMaintenanceInstance(id=active.id, original_start=active.starts_at)
    calls: list[tuple[Any, type[DomainError], list[str]]] = [
        (service.update(ADMIN, UpdateMaintenance(id=over.id, title="X")), ConflictError, ["id"]),
        (service.update(ADMIN, UpdateMaintenance(id=active.id, starts_at=other)), ConflictError, ["startsAt"]),
        (service.cancel_instance(ADMIN, active.id, active.starts_at), ConflictError, ["originalStart"]),
        (service.end(ADMIN, over.id), ConflictError, ["id"]),
        (service.update(ADMIN, UpdateMaintenance(id="mnt_x", title="X")), NotFoundError, ["id"]),
        (
            service.update(ADMIN, UpdateMaintenance(id=active.id, expected_version=9)),
            VersionConflictError,
            ["expectedVersion"],
        ),
        (
            service.change_instance(
                ADMIN,
                ChangeMaintenanceInstance(id=active.id, original_start=change.original_start, ends_at=active.starts_at),
            ),
            InvalidInputError,
            ["endsAt"],
        ),
    ]
    for call, error, field in calls:
        with pytest.raises(error) as refused:
            await call
        assert refused.value.field == field


async def test_two_processes_begin_an_instance_once(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    await make_maintenance(domain)
    clock.advance(hours=1, minutes=1)
    assembly = inside(domain)
    due = await assembly.database.read(lambda session: session.maintenance.due(clock.now(), limit=10))
    timer = domain.maintenance.timer
    for maintenance_id in due * 3:
        await assembly.database.write(lambda unit, of=maintenance_id: timer._advance(unit, of))  # type: ignore[misc]
    assert await _events(domain) == [("maintenance.scheduled",), ("maintenance.started",)]


@on_one_database
async def test_a_token_of_some_systems_schedules_for_these_alone(domain: Domain) -> None:
    one, other = [await make_system(domain, key) for key in ("one", "two")]
    limited = replace(ADMIN, systems=frozenset({one.id}))
    command = ScheduleMaintenance(title="T", systems=[one.id], starts_at=START, ends_at=START + timedelta(hours=1))
    window = (await domain.maintenance.schedule(limited, command)).value
    with pytest.raises(ForbiddenError):
        await domain.maintenance.update(limited, UpdateMaintenance(id=window.id, systems=[other.id]))


async def test_a_live_list_of_systems_follows_what_begins_and_ends(domain: Domain, clock: SteppingClock) -> None:
    one, other = [await make_system(domain, key) for key in ("one", "two")]
    for _ in range(2):
        await make_maintenance(domain, one.id)
    listing = await domain.lists.of_systems(ALL_SYSTEMS, Order(field="name", descending=False), size=10)
    async with aclosing(domain.lists.follow(listing, Audience.PUBLIC, None)) as steps:
        beginning = await anext(steps)
        assert [edit.id for edit in beginning.edits] == [one.id, other.id]
        for hours in (1, 2):
            clock.advance(hours=hours)
            await domain.maintenance.timer.run_once()
            step = await anext(steps)
            # Two windows begin and end: the list says it once.
            assert [edit.id for edit in step.edits] == [one.id]
        resumed = domain.lists.follow(listing, Audience.PUBLIC, inside(domain).cursors.position(beginning.position))
        async with aclosing(resumed) as missed:
            assert [edit.id for edit in (await anext(missed)).edits] == [one.id]


@on_one_database
async def test_a_report_says_whether_its_system_is_under_maintenance(domain: Domain, clock: SteppingClock) -> None:
    await make_system(domain)
    window = await make_maintenance(domain, begins=-1)
    await report_health(domain, "payments", Health.DEGRADED)
    await domain.maintenance.cancel(ADMIN, window.id)
    await report_health(domain, "payments", Health.UNHEALTHY)
    payloads = [change.payload for change in await log_of(domain) if change.kind == "health"]
    assert [payload and payload["underMaintenance"] for payload in payloads] == [True, False]


@on_one_database
async def test_the_past_of_health_says_when_a_system_was_under_maintenance(
    domain: Domain, clock: SteppingClock
) -> None:
    system = await make_system(domain)
    began = clock.moment
    window = await make_maintenance(domain, begins=1, hours=2, recurrence="FREQ=WEEKLY;COUNT=2")
    clock.advance(hours=4)
    await domain.maintenance.timer.run_once()
    periods = (await domain.health_history.of([system.id], Asked(since=began, until=None)))[system.id]
    assert [each.under_maintenance for each in periods] == [False, True, False]
    assert (periods[1].since, periods[1].until) == (window.starts_at, window.ends_at)
    [point] = uptime_of(periods, [Span(start=began, end=clock.moment)])
    assert point.maintenance_seconds == timedelta(hours=2).total_seconds()
