"""Changing the fields of incidents, resolving and deleting them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import DomainError, InvalidInputError, NotFoundError, UnknownSystemError, VersionConflictError
from domain.ids import new_id
from domain.model.change import ChangeAction
from domain.model.commands import AddIncidentUpdate, UpdateIncident
from domain.model.incident import RESOLVED_MESSAGE, HealthOverride, Incident, Severity, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident, make_system, set_status


async def _update(domain: Domain, incident: Incident, **fields: Any) -> Incident:
    return (await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, **fields))).value


@on_one_database
async def test_fields_that_are_not_mentioned_stay(domain: Domain) -> None:
    incident = await make_incident(domain, description="Since noon", health_override=HealthOverride.DEGRADED)
    after = await _update(domain, incident, title="Payments fail")
    assert (after.title, after.description, after.health_override) == (
        "Payments fail",
        "Since noon",
        HealthOverride.DEGRADED,
    )
    assert (after.version, after.updated_at > incident.updated_at) == (2, True)
    assert await domain.reads.incidents([incident.id]) == {incident.id: after}


async def test_null_clears_a_description_and_an_override(domain: Domain) -> None:
    incident = await make_incident(domain, description="Since noon", health_override=HealthOverride.DEGRADED)
    after = await _update(domain, incident, description=None, health_override=None)
    assert (after.description, after.health_override) == (None, None)


@on_one_database
@pytest.mark.parametrize(
    "fields",
    [{}, {"title": " Checkout fails "}, {"severity": Severity.MAJOR}, {"systems": ["payments"]}, {"description": ""}],
    ids=str,
)
async def test_an_update_that_changes_nothing_is_not_recorded(domain: Domain, fields: dict[str, Any]) -> None:
    incident = await make_incident(domain)
    assert await _update(domain, incident, **fields) == incident
    assert len(await log_of(domain)) == 1


@on_one_database
async def test_systems_are_replaced_as_a_whole(domain: Domain) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    incident = await make_incident(domain)
    after = await _update(domain, incident, systems=["web", "api", "web"])
    assert after.system_ids == tuple(sorted([api.id, web.id]))
    assert (await log_of(domain))[-1].changed_fields == ("system_ids",)


async def test_another_order_of_the_same_systems_is_no_change(domain: Domain) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    incident = await make_incident(domain, "api", "web")
    for systems in ([web.id, api.id], [api.id, web.id]):
        assert await _update(domain, incident, systems=systems) == incident


@on_one_database
async def test_a_title_alone_is_a_change_without_an_event(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _update(domain, incident, title="Payments fail")
    change = (await log_of(domain))[-1]
    assert (change.changed_fields, change.described_fields, change.events) == ((), ("title",), ())


@on_one_database
async def test_an_update_writes_nothing_on_the_timeline(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _update(domain, incident, severity=Severity.CRITICAL)
    assert await domain.reads.update_counts([incident.id], Audience.MANAGER) == {incident.id: 0}


@on_one_database
@pytest.mark.parametrize(
    ("fields", "field"),
    [({"title": " "}, "title"), ({"description": "x" * 20_001}, "description"), ({"systems": []}, "systemIds")],
    ids=["a blank title", "a long description", "no systems"],
)
async def test_an_invalid_update_names_the_field_and_writes_nothing(
    domain: Domain, fields: dict[str, Any], field: str
) -> None:
    incident = await make_incident(domain)
    with pytest.raises(InvalidInputError) as caught:
        await _update(domain, incident, severity=Severity.CRITICAL, **fields)
    assert caught.value.field == [field]
    assert await domain.reads.incidents([incident.id]) == {incident.id: incident}


async def test_an_update_onto_an_unknown_system_names_its_index(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(UnknownSystemError) as caught:
        await _update(domain, incident, systems=["payments", "nonsense"])
    assert caught.value.field == ["systemIds", "1"]


Call = Callable[[Domain, str, int | None], Awaitable[object]]
CALLS: dict[str, Call] = {
    "update": lambda domain, identifier, version: domain.incidents.update(
        ADMIN, UpdateIncident(id=identifier, title="Mine", expected_version=version)
    ),
    "resolve": lambda domain, identifier, version: domain.incidents.resolve(
        ADMIN, identifier, expected_version=version
    ),
    "delete": lambda domain, identifier, version: domain.incidents.delete(ADMIN, identifier, expected_version=version),
    "add an entry": lambda domain, identifier, version: domain.timeline.add(
        ADMIN, AddIncidentUpdate(incident_id=identifier, message="Mine", expected_version=version)
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_stale_version_is_a_conflict_that_carries_the_incident(domain: Domain, call: Call) -> None:
    incident = await make_incident(domain)
    current = await _update(domain, incident, title="Theirs")
    with pytest.raises(VersionConflictError) as caught:
        await call(domain, incident.id, 1)
    assert (caught.value.current, caught.value.log_head) == (current, 3)
    assert len(await log_of(domain)) == 2


@on_one_database
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_the_present_version_is_accepted(domain: Domain, call: Call) -> None:
    incident = await make_incident(domain)
    await call(domain, incident.id, 1)
    assert len(await log_of(domain)) == 2


@on_one_database
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_an_unknown_incident_is_not_found(domain: Domain, call: Call) -> None:
    with pytest.raises(NotFoundError) as caught:
        await call(domain, new_id("inc"), None)
    assert caught.value.log_head == 0


async def test_of_many_writers_of_one_version_one_succeeds(domain: Domain) -> None:
    incident = await make_incident(domain)
    writes = (_update(domain, incident, title=f"Title {number}", expected_version=1) for number in range(10))
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(VersionConflictError) == 9
    assert [change.version for change in await log_of(domain)] == [1, 2]


async def test_concurrent_updates_of_different_fields_are_all_kept(domain: Domain) -> None:
    incident = await make_incident(domain)
    await asyncio.gather(
        _update(domain, incident, title="New"),
        _update(domain, incident, severity=Severity.CRITICAL),
        _update(domain, incident, suppress_notifications=True),
    )
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    assert (after.title, after.severity, after.suppress_notifications) == ("New", Severity.CRITICAL, True)
    assert (after.version, [change.version for change in await log_of(domain)]) == (4, [1, 2, 3, 4])


@on_one_database
async def test_resolving_writes_a_default_message_with_the_status(domain: Domain) -> None:
    incident = await make_incident(domain)
    after = (await domain.incidents.resolve(ADMIN, incident.id, message="  ")).value
    entry = (await domain.reads.update_pages([incident.id], PageRequest(), Audience.PUBLIC))[incident.id].items[0]
    assert (entry.message, entry.status_change, entry.created_by) == (RESOLVED_MESSAGE, Status.RESOLVED, ADMIN.actor)
    assert (after.status, after.resolved_at) == (Status.RESOLVED, entry.created_at)
    assert await events_of(domain) == ["incident.created", "incident.resolved"]


@on_one_database
async def test_resolving_a_resolved_incident_changes_nothing(domain: Domain) -> None:
    incident = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    outcome = await domain.incidents.resolve(ADMIN, incident.id)
    assert (outcome.value, outcome.seq) == (incident, 3)
    assert len(await log_of(domain)) == 2


@on_one_database
async def test_a_message_on_resolving_a_resolved_incident_is_a_comment(domain: Domain) -> None:
    incident = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    after = (await domain.incidents.resolve(ADMIN, incident.id, message="Root cause found")).value
    entry = (await domain.reads.update_pages([incident.id], PageRequest(), Audience.PUBLIC))[incident.id].items[0]
    assert (entry.message, entry.status_change) == ("Root cause found", None)
    assert (after.version, after.resolved_at) == (3, incident.resolved_at)
    assert await events_of(domain) == ["incident.created", "incident.resolved"]


async def test_of_many_concurrent_resolutions_one_is_recorded(domain: Domain) -> None:
    incident = await make_incident(domain)
    await asyncio.gather(*(domain.incidents.resolve(ADMIN, incident.id) for _ in range(10)))
    assert await events_of(domain) == ["incident.created", "incident.resolved"]
    assert await domain.reads.update_counts([incident.id], Audience.PUBLIC) == {incident.id: 1}


@on_one_database
async def test_reopening_clears_the_resolution_and_keeps_other_times(domain: Domain) -> None:
    incident = await make_incident(domain)
    for status in (Status.IDENTIFIED, Status.FIXING, Status.MONITORING, Status.RESOLVED):
        incident = await set_status(domain, incident, status)
    assert incident.resolved_at is not None
    reopened = await set_status(domain, incident, Status.INVESTIGATING)
    assert (reopened.status, reopened.resolved_at, reopened.time_to_resolve_seconds) == (
        Status.INVESTIGATING,
        None,
        None,
    )
    assert (reopened.identified_at, reopened.fixing_at) == (incident.identified_at, incident.fixing_at)
    assert (await domain.reads.incidents([incident.id]))[incident.id] == reopened


@on_one_database
@pytest.mark.parametrize("start", Status)
async def test_any_status_may_follow_any_other(domain: Domain, start: Status) -> None:
    incident = await make_incident(domain)
    for status in Status:
        await set_status(domain, incident, start)
        assert (await set_status(domain, incident, status)).status is status


@on_one_database
async def test_deleting_takes_timeline_links_and_words_along_and_keeps_the_log(domain: Domain) -> None:
    incident = await make_incident(domain, initial_message="Looking")
    entry = (await domain.reads.update_pages([incident.id], PageRequest(), Audience.PUBLIC))[incident.id].items[0]
    assert (await domain.incidents.delete(ADMIN, incident.id)).value == incident.id
    assert await domain.reads.incidents([incident.id]) == {}
    assert await domain.reads.updates([entry.id]) == {}
    assert [change.action for change in await log_of(domain)] == [ChangeAction.CREATED, ChangeAction.DELETED]


async def test_bulk_resolving_has_a_result_per_id_in_the_order_given(domain: Domain) -> None:
    first, second = await make_incident(domain), await make_incident(domain, "payments")
    unknown = new_id("inc")
    results = await domain.bulk.resolve(ADMIN, [second.id, unknown, first.id, second.id], message="Done")
    assert [result.id for result in results] == [second.id, unknown, first.id]
    assert [type(result.error) for result in results] == [type(None), NotFoundError, type(None)]
    assert [result.incident and result.incident.status for result in results] == [
        Status.RESOLVED,
        None,
        Status.RESOLVED,
    ]
    assert [result.seq for result in results] == [4, 4, 5]


@on_one_database
async def test_bulk_deleting_goes_on_after_a_failure(domain: Domain) -> None:
    incident = await make_incident(domain)
    results = await domain.bulk.delete(ADMIN, ["nonsense", incident.id])
    assert [getattr(result.error, "code", None) for result in results] == ["NOT_FOUND", None]
    assert await domain.reads.existing_incident_ids([incident.id]) == []


@on_one_database
@pytest.mark.parametrize("count", [0, 101])
async def test_bulk_mutations_take_1_to_100_ids(domain: Domain, count: int) -> None:
    ids = [new_id("inc") for _ in range(count)]
    for call in (domain.bulk.resolve(ADMIN, ids, message=None), domain.bulk.delete(ADMIN, ids)):
        with pytest.raises(InvalidInputError):
            await call


@on_one_database
async def test_a_bad_message_stops_a_bulk_mutation_before_it_starts(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(InvalidInputError):
        await domain.bulk.resolve(ADMIN, [incident.id], message="x" * 25_001)
    assert len(await log_of(domain)) == 1


@on_one_database
async def test_a_refusal_carries_the_position_of_the_log(domain: Domain) -> None:
    await make_incident(domain)
    with pytest.raises(DomainError) as caught:
        await domain.incidents.delete(ADMIN, "nonsense")
    assert caught.value.log_head == 2


async def test_a_moment_finer_than_any_that_is_stored_changes_nothing(domain: Domain) -> None:
    incident = await make_incident(domain)
    finer = UpdateIncident(id=incident.id, occurred_at=incident.occurred_at + timedelta(microseconds=1))
    assert (await domain.incidents.update(ADMIN, finer)).value == incident
    earlier = UpdateIncident(id=incident.id, occurred_at=incident.occurred_at - timedelta(seconds=1))
    await domain.incidents.update(ADMIN, earlier)
    assert [change.version for change in await log_of(domain, incident)] == [1, 2]
