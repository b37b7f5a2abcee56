"""Timelines: status and times follow from them, and edits keep former versions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import InvalidInputError, NotFoundError, VersionConflictError
from domain.ids import new_id
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate
from domain.model.incident import Incident, IncidentUpdate, Status
from domain.model.paging import PageRequest
from domain.model.viewer import Audience, Visibility
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, events_of, log_of, make_incident


async def _add(
    domain: Domain, incident: Incident, status: Status | None = None, message: str = "Hello", **fields: Any
) -> IncidentUpdate:
    command = AddIncidentUpdate(incident_id=incident.id, message=message, status_change=status, **fields)
    entry = (await domain.timeline.add(ADMIN, command)).value.update
    assert entry is not None
    return entry


async def _edit(domain: Domain, entry: IncidentUpdate, **fields: Any) -> IncidentUpdate:
    fields = {"incident_id": entry.incident_id} | fields
    edited = (await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=entry.id, **fields))).value.update
    assert edited is not None
    return edited


async def _delete(domain: Domain, entry: IncidentUpdate) -> None:
    await domain.timeline.delete(ADMIN, update_id=entry.id, incident_id=entry.incident_id)


async def _status(domain: Domain, incident: Incident) -> Status:
    return (await domain.reads.incidents([incident.id]))[incident.id].status


async def _timeline(domain: Domain, incident: Incident) -> Sequence[IncidentUpdate]:
    return (await domain.reads.update_pages([incident.id], PageRequest(), Audience.MANAGER))[incident.id].items


@on_one_database
async def test_an_entry_with_a_status_moves_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, Status.IDENTIFIED)
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    assert (after.status, after.identified_at, after.version) == (Status.IDENTIFIED, entry.created_at, 2)
    assert await events_of(domain) == ["incident.created", "incident.updated"]


@on_one_database
async def test_a_message_alone_is_a_change_without_an_event(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident)
    change = (await log_of(domain))[-1]
    assert (change.changed_fields, change.events) == ((), ())
    assert [(part.part, part.id, part.kind) for part in change.touched] == [("updates", entry.id, "added")]


@on_one_database
async def test_an_entry_that_names_the_present_status_is_a_comment(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, Status.INVESTIGATING)
    assert entry.status_change is None
    assert await events_of(domain) == ["incident.created"]


async def test_the_timeline_is_newest_first(domain: Domain) -> None:
    incident = await make_incident(domain)
    entries = [await _add(domain, incident, message=text) for text in ("One", "Two", "Three")]
    assert list(await _timeline(domain, incident)) == entries[::-1]


@on_one_database
@pytest.mark.parametrize("message", ["", " \n", "x" * 25_001], ids=["empty", "blank", "too long"])
async def test_a_message_has_1_to_25000_characters(domain: Domain, message: str) -> None:
    incident = await make_incident(domain)
    with pytest.raises(InvalidInputError) as caught:
        await _add(domain, incident, message=message)
    assert caught.value.field == ["message"]
    with pytest.raises(InvalidInputError):
        await _edit(domain, await _add(domain, incident), message=message)


@on_one_database
async def test_deleting_the_newest_entry_with_a_status_rederives_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, Status.IDENTIFIED)
    newest = await _add(domain, incident, Status.RESOLVED)
    await _delete(domain, newest)
    assert await _status(domain, incident) is Status.IDENTIFIED
    assert (await events_of(domain))[-1] == "incident.updated"


@on_one_database
async def test_deleting_an_older_entry_keeps_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    older = await _add(domain, incident, Status.IDENTIFIED)
    await _add(domain, incident, Status.FIXING)
    await _delete(domain, older)
    assert await _status(domain, incident) is Status.FIXING


@on_one_database
async def test_deleting_a_message_keeps_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, Status.FIXING)
    await _delete(domain, await _add(domain, incident))
    assert await _status(domain, incident) is Status.FIXING


@on_one_database
async def test_deleting_the_last_entry_with_a_status_leaves_the_opening_one(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _delete(domain, await _add(domain, incident, Status.FIXING))
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    assert (after.status, after.fixing_at) == (Status.INVESTIGATING, None)


@on_one_database
async def test_the_header_follows_an_edit_of_the_newest_status_behind_a_newer_message(domain: Domain) -> None:
    incident = await make_incident(domain)
    carrying = await _add(domain, incident, Status.FIXING)
    await _add(domain, incident)
    await _edit(domain, carrying, status_change=Status.RESOLVED)
    assert await _status(domain, incident) is Status.RESOLVED
    assert (await events_of(domain))[-1] == "incident.resolved"


@on_one_database
async def test_deleting_the_newest_status_behind_a_newer_message_rederives_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, Status.IDENTIFIED)
    carrying = await _add(domain, incident, Status.FIXING)
    await _add(domain, incident)
    await _delete(domain, carrying)
    assert await _status(domain, incident) is Status.IDENTIFIED


@on_one_database
async def test_editing_an_older_status_keeps_the_header(domain: Domain) -> None:
    incident = await make_incident(domain)
    older = await _add(domain, incident, Status.IDENTIFIED)
    await _add(domain, incident, Status.FIXING)
    await _edit(domain, older, status_change=Status.RESOLVED)
    assert await _status(domain, incident) is Status.FIXING


@on_one_database
async def test_an_edit_keeps_the_entrys_former_version(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, Status.FIXING, visibility=Visibility.INTERNAL)
    edited = await _edit(domain, entry, message=" Better ", visibility=Visibility.PUBLIC)
    assert (edited.message, edited.visibility, edited.created_at) == ("Better", Visibility.PUBLIC, entry.created_at)
    assert edited.edited_at is not None
    former = (await domain.reads.update_versions([entry.id]))[entry.id]
    assert [(version.message, version.status_change, version.visibility) for version in former] == [
        ("Hello", Status.FIXING, Visibility.INTERNAL)
    ]
    assert (former[0].replaced_by, former[0].replaced_at) == (ADMIN.actor, edited.edited_at)


async def test_former_versions_are_listed_oldest_first(domain: Domain) -> None:
    entry = await _add(domain, await make_incident(domain), message="One")
    for text in ("Two", "Three"):
        await _edit(domain, entry, message=text)
    former = (await domain.reads.update_versions([entry.id]))[entry.id]
    assert [version.message for version in former] == ["One", "Two"]


@on_one_database
async def test_an_edit_with_identical_values_is_not_recorded(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, Status.FIXING)
    same = await _edit(domain, entry, message=" Hello ", status_change=Status.FIXING, visibility=Visibility.PUBLIC)
    assert same == entry
    assert await domain.reads.update_versions([entry.id]) == {entry.id: []}
    assert len(await log_of(domain)) == 2


@on_one_database
async def test_moving_an_entry_in_time_rederives_the_header(domain: Domain, clock: SteppingClock) -> None:
    incident = await make_incident(domain, occurred_at=clock.moment - timedelta(hours=2))
    await _add(domain, incident, Status.IDENTIFIED)
    newest = await _add(domain, incident, Status.RESOLVED)
    await _edit(domain, newest, created_at=newest.created_at - timedelta(hours=1))
    after = (await domain.reads.incidents([incident.id]))[incident.id]
    assert (after.status, after.resolved_at) == (Status.IDENTIFIED, None)


@on_one_database
async def test_an_entry_cannot_be_moved_into_the_future(domain: Domain, clock: SteppingClock) -> None:
    entry = await _add(domain, await make_incident(domain))
    with pytest.raises(InvalidInputError) as caught:
        await _edit(domain, entry, created_at=clock.moment + timedelta(hours=1))
    assert caught.value.field == ["createdAt"]


@on_one_database
async def test_a_comment_can_be_given_a_status(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident)
    await _edit(domain, entry, status_change=Status.MONITORING)
    assert await _status(domain, incident) is Status.MONITORING


@on_one_database
async def test_an_entry_is_written_through_its_own_incident_only(domain: Domain) -> None:
    incident, other = await make_incident(domain), await make_incident(domain, "payments")
    entry = await _add(domain, incident)
    with pytest.raises(NotFoundError):
        await _edit(domain, entry, incident_id=other.id, message="Mine")
    with pytest.raises(NotFoundError):
        await domain.timeline.delete(ADMIN, update_id=entry.id, incident_id=other.id)
    assert list(await _timeline(domain, incident)) == [entry]


@on_one_database
async def test_unknown_entries_are_not_found(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(NotFoundError):
        await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=new_id("upd"), incident_id=incident.id, message="Mine"))
    with pytest.raises(NotFoundError):
        await domain.timeline.delete(ADMIN, update_id=new_id("upd"), incident_id=incident.id)


async def test_entries_are_not_written_on_a_version_that_is_gone(domain: Domain) -> None:
    entry = await _add(domain, await make_incident(domain))
    with pytest.raises(VersionConflictError):
        await _edit(domain, entry, message="Mine", expected_version=1)
    with pytest.raises(VersionConflictError):
        await domain.timeline.delete(ADMIN, update_id=entry.id, incident_id=entry.incident_id, expected_version=1)
    assert len(await log_of(domain)) == 2


async def test_a_deleted_entry_takes_its_former_versions_along(domain: Domain) -> None:
    entry = await _add(domain, await make_incident(domain))
    await _edit(domain, entry, message="Better")
    await _delete(domain, entry)
    assert await domain.reads.updates([entry.id]) == {}
    assert await domain.reads.update_versions([entry.id]) == {entry.id: []}


@on_one_database
@pytest.mark.parametrize(
    ("before", "after", "widest"),
    [
        (Visibility.INTERNAL, Visibility.LOGGED_IN, Visibility.LOGGED_IN),
        (Visibility.PUBLIC, Visibility.INTERNAL, Visibility.PUBLIC),
        (Visibility.INTERNAL, Visibility.INTERNAL, Visibility.INTERNAL),
    ],
)
async def test_audiences_of_both_visibilities_are_notified_of_an_edit(
    domain: Domain, before: Visibility, after: Visibility, widest: Visibility
) -> None:
    entry = await _add(domain, await make_incident(domain), visibility=before)
    await _edit(domain, entry, message="Better", visibility=after)
    assert [part.visibility for part in (await log_of(domain))[-1].touched] == [widest]
