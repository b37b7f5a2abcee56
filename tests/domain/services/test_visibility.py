"""The parts of timelines and links that each audience may read."""

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentLink, AddIncidentUpdate, EditIncidentUpdate
from domain.model.incident import Incident
from domain.model.paging import PageRequest
from domain.model.viewer import Audience, Visibility
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident

SEEN = {
    Audience.PUBLIC: ["public"],
    Audience.AUTHENTICATED: ["public", "logged_in"],
    Audience.MANAGER: ["public", "logged_in", "internal"],
}


async def _with_one_of_each(domain: Domain) -> Incident:
    incident = await make_incident(domain)
    for visibility in Visibility:
        await domain.timeline.add(
            ADMIN, AddIncidentUpdate(incident_id=incident.id, message=visibility, visibility=visibility)
        )
        await domain.links.add(
            ADMIN,
            AddIncidentLink(incident_id=incident.id, url=f"https://example.com/{visibility}", visibility=visibility),
        )
    return incident


@on_one_database
@pytest.mark.parametrize("audience", Audience)
async def test_each_audience_keeps_the_touched_parts_that_it_sees(domain: Domain, audience: Audience) -> None:
    incident = await _with_one_of_each(domain)
    updates = (await domain.reads.update_pages([incident.id], PageRequest(), audience))[incident.id].items
    links = (await domain.reads.link_pages([incident.id], PageRequest(), audience))[incident.id].items
    assert [entry.message for entry in updates] == SEEN[audience][::-1]
    assert [link.visibility for link in links] == SEEN[audience]
    assert await domain.reads.update_counts([incident.id], audience) == {incident.id: len(SEEN[audience])}
    assert await domain.reads.link_counts([incident.id], audience) == {incident.id: len(SEEN[audience])}


async def test_hidden_entries_leave_no_hole_in_a_page(domain: Domain) -> None:
    incident = await _with_one_of_each(domain)
    page = (await domain.reads.update_pages([incident.id], PageRequest(size=1), Audience.PUBLIC))[incident.id]
    assert ([entry.message for entry in page.items], page.has_next) == (["public"], False)


@on_one_database
@pytest.mark.parametrize(
    ("audience", "shown"), [(Audience.MANAGER, True), (Audience.AUTHENTICATED, False), (Audience.PUBLIC, False)]
)
async def test_the_history_of_edits_is_kept_for_managers_alone(domain: Domain, audience: Audience, shown: bool) -> None:
    incident = await _with_one_of_each(domain)
    pages = await domain.reads.update_pages([incident.id], PageRequest(), Audience.PUBLIC)
    entry = pages[incident.id].items[0]
    await domain.timeline.edit(ADMIN, EditIncidentUpdate(id=entry.id, incident_id=incident.id, message="Better"))
    assert len((await domain.reads.update_versions([entry.id]))[entry.id]) == 1
    assert audience.sees_edit_history is shown


async def test_the_latest_change_for_an_audience_is_found_behind_any_number_of_hidden_ones(domain: Domain) -> None:
    incident = await make_incident(domain)
    command = AddIncidentUpdate(incident_id=incident.id, message="Internal", visibility=Visibility.INTERNAL)
    for _ in range(105):
        await domain.timeline.add(ADMIN, command)
    assert await domain.events.latest(incident.id, Audience.PUBLIC) == 2
    assert await domain.events.latest(incident.id, Audience.MANAGER) == 107
    assert await domain.events.latest("inc_unknown", Audience.MANAGER) == 0
