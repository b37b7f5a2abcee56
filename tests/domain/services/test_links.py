"""Links on incidents: an address is unique on each, and links are written by both ids only."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import DomainError, DuplicateError, InvalidInputError, NotFoundError, VersionConflictError
from domain.ids import new_id
from domain.model.change import ChangeAction
from domain.model.commands import AddIncidentLink, UpdateIncidentLink
from domain.model.incident import Incident, IncidentLink
from domain.model.paging import PageRequest
from domain.model.viewer import Audience, Visibility
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident


async def _link(domain: Domain, incident: Incident, url: str = "https://example.com/1", **fields: Any) -> IncidentLink:
    command = AddIncidentLink(incident_id=incident.id, url=url, **fields)
    link = (await domain.links.add(ADMIN, command)).value.link
    assert link is not None
    return link


async def _links(domain: Domain, incident: Incident) -> Sequence[IncidentLink]:
    return (await domain.reads.link_pages([incident.id], PageRequest(), Audience.MANAGER))[incident.id].items


@on_one_database
async def test_a_link_is_added_to_an_incident(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident, " https://example.com/runbook ", label=" Runbook ")
    assert (link.url, link.label, link.visibility) == ("https://example.com/runbook", "Runbook", Visibility.PUBLIC)
    assert list(await _links(domain, incident)) == [link]


@on_one_database
async def test_a_link_is_one_change_without_an_event(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident)
    change = (await log_of(domain, incident))[-1]
    assert (change.version, change.action, change.events) == (2, ChangeAction.UPDATED, ())
    assert [(part.part, part.id, part.kind) for part in change.touched] == [("links", link.id, "added")]


async def test_the_same_address_twice_is_a_duplicate_and_writes_nothing(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident)
    with pytest.raises(DuplicateError) as caught:
        await _link(domain, incident)
    assert (caught.value.field, caught.value.log_head) == (["url"], 3)
    assert list(await _links(domain, incident)) == [link]
    assert len(await log_of(domain)) == 2


async def test_the_same_address_stands_on_two_incidents(domain: Domain) -> None:
    first, second = await make_incident(domain), await make_incident(domain, "payments")
    await _link(domain, first)
    await _link(domain, second)
    assert await domain.reads.link_counts([first.id, second.id], Audience.PUBLIC) == {first.id: 1, second.id: 1}


async def test_of_many_callers_with_one_address_one_adds_the_link(domain: Domain) -> None:
    incident = await make_incident(domain)
    outcomes = await asyncio.gather(*(_link(domain, incident) for _ in range(10)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(DuplicateError) == 9
    assert len(await _links(domain, incident)) == 1


@on_one_database
async def test_a_link_on_an_unknown_incident_is_not_found(domain: Domain) -> None:
    with pytest.raises(NotFoundError) as caught:
        await domain.links.add(ADMIN, AddIncidentLink(incident_id=new_id("inc"), url="https://example.com/"))
    assert caught.value.field == ["incidentId"]


@on_one_database
async def test_a_link_with_a_bad_address_is_refused(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(InvalidInputError):
        await _link(domain, incident, "javascript:alert(1)")
    assert len(await log_of(domain)) == 1


@on_one_database
async def test_a_link_is_removed_by_both_ids(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident)
    removed = (await domain.links.remove(ADMIN, link_id=link.id, incident_id=incident.id)).value
    assert removed.incident is not None
    assert (removed.incident.id, removed.link) == (incident.id, None)
    assert list(await _links(domain, incident)) == []


@on_one_database
async def test_a_link_is_not_removed_through_another_incident(domain: Domain) -> None:
    incident, other = await make_incident(domain), await make_incident(domain, "payments")
    link = await _link(domain, incident)
    with pytest.raises(NotFoundError):
        await domain.links.remove(ADMIN, link_id=link.id, incident_id=other.id)
    assert list(await _links(domain, incident)) == [link]


@on_one_database
async def test_removing_an_unknown_link_is_not_found(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(NotFoundError) as caught:
        await domain.links.remove(ADMIN, link_id=new_id("lnk"), incident_id=incident.id)
    assert caught.value.field == ["id"]


async def test_of_two_links_only_the_one_named_is_removed(domain: Domain) -> None:
    incident = await make_incident(domain)
    first, second = [await _link(domain, incident, f"https://example.com/{number}") for number in (1, 2)]
    await domain.links.remove(ADMIN, link_id=first.id, incident_id=incident.id)
    assert list(await _links(domain, incident)) == [second]


@on_one_database
async def test_a_link_is_updated_by_both_ids(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident, label="Old")
    command = UpdateIncidentLink(id=link.id, incident_id=incident.id, url="https://example.com/2", label=None)
    edited = (await domain.links.update(ADMIN, command)).value.link
    assert edited is not None
    assert (edited.url, edited.label, edited.created_at) == ("https://example.com/2", None, link.created_at)
    assert list(await _links(domain, incident)) == [edited]


@on_one_database
async def test_a_link_is_not_updated_through_another_incident(domain: Domain) -> None:
    incident, other = await make_incident(domain), await make_incident(domain, "payments")
    link = await _link(domain, incident)
    with pytest.raises(NotFoundError):
        await domain.links.update(ADMIN, UpdateIncidentLink(id=link.id, incident_id=other.id, label="Mine"))
    assert list(await _links(domain, incident)) == [link]


@on_one_database
async def test_updating_an_unknown_link_is_not_found(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(NotFoundError):
        await domain.links.update(ADMIN, UpdateIncidentLink(id=new_id("lnk"), incident_id=incident.id, label="X"))


@on_one_database
async def test_fields_that_an_update_does_not_mention_stay(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident, label="Old")
    command = UpdateIncidentLink(id=link.id, incident_id=incident.id, visibility=Visibility.INTERNAL)
    edited = (await domain.links.update(ADMIN, command)).value.link
    assert edited is not None
    assert (edited.url, edited.label, edited.visibility) == (link.url, "Old", Visibility.INTERNAL)
    assert (await log_of(domain, incident))[-1].touched[0].visibility is Visibility.PUBLIC


@on_one_database
async def test_an_update_that_changes_nothing_is_not_recorded(domain: Domain) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident)
    await domain.links.update(ADMIN, UpdateIncidentLink(id=link.id, incident_id=incident.id, url=link.url))
    assert len(await log_of(domain, incident)) == 2


async def test_an_update_onto_the_address_of_another_link_is_a_duplicate(domain: Domain) -> None:
    incident = await make_incident(domain)
    first, second = [await _link(domain, incident, f"https://example.com/{number}") for number in (1, 2)]
    with pytest.raises(DuplicateError):
        await domain.links.update(ADMIN, UpdateIncidentLink(id=first.id, incident_id=incident.id, url=second.url))


CALLS: dict[str, Callable[[Domain, IncidentLink], Awaitable[object]]] = {
    "add": lambda domain, link: domain.links.add(
        ADMIN, AddIncidentLink(incident_id=link.incident_id, url="https://example.com/2", expected_version=1)
    ),
    "update": lambda domain, link: domain.links.update(
        ADMIN, UpdateIncidentLink(id=link.id, incident_id=link.incident_id, label="X", expected_version=1)
    ),
    "remove": lambda domain, link: domain.links.remove(
        ADMIN, link_id=link.id, incident_id=link.incident_id, expected_version=1
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_a_link_is_not_written_on_a_version_that_is_gone(
    domain: Domain, call: Callable[[Domain, IncidentLink], Awaitable[object]]
) -> None:
    incident = await make_incident(domain)
    link = await _link(domain, incident)
    with pytest.raises(VersionConflictError) as caught:
        await call(domain, link)
    assert caught.value.current.version == 2
    assert list(await _links(domain, incident)) == [link]


@on_one_database
async def test_a_refused_link_carries_the_position_of_the_log(domain: Domain) -> None:
    incident = await make_incident(domain)
    with pytest.raises(DomainError) as caught:
        await domain.links.remove(ADMIN, link_id="lnk_unknown", incident_id=incident.id)
    assert caught.value.log_head == 2
