"""Tokens that are limited to some systems, on both databases."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.errors import ForbiddenError
from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    CreateIncident,
    EditIncidentUpdate,
    UpdateIncident,
    UpdateIncidentLink,
)
from domain.model.incident import Incident, Severity
from domain.model.viewer import Role, Viewer
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, log_of, make_incident, make_system, make_token

Write = Callable[[Domain, Viewer, Incident, str], Awaitable[Any]]
#: Every write of an existing incident: domain, caller, incident, id of its link or entry.
WRITES: dict[str, Write] = {
    "update": lambda domain, viewer, incident, _: domain.incidents.update(
        viewer, UpdateIncident(id=incident.id, title="Other")
    ),
    "update nothing": lambda domain, viewer, incident, _: domain.incidents.update(
        viewer, UpdateIncident(id=incident.id)
    ),
    "take over": lambda domain, viewer, incident, _: domain.incidents.update(
        viewer, UpdateIncident(id=incident.id, systems=["mine"])
    ),
    "resolve": lambda domain, viewer, incident, _: domain.incidents.resolve(viewer, incident.id),
    "delete": lambda domain, viewer, incident, _: domain.incidents.delete(viewer, incident.id),
    "add entry": lambda domain, viewer, incident, _: domain.timeline.add(
        viewer, AddIncidentUpdate(incident_id=incident.id, message="Hello")
    ),
    "edit entry": lambda domain, viewer, incident, part: domain.timeline.edit(
        viewer, EditIncidentUpdate(id=part, incident_id=incident.id, message="Bye")
    ),
    "delete entry": lambda domain, viewer, incident, part: domain.timeline.delete(
        viewer, update_id=part, incident_id=incident.id
    ),
    "add link": lambda domain, viewer, incident, _: domain.links.add(
        viewer, AddIncidentLink(incident_id=incident.id, url="https://example.com/other")
    ),
    "edit link": lambda domain, viewer, incident, part: domain.links.update(
        viewer, UpdateIncidentLink(id=part, incident_id=incident.id, label="Page")
    ),
    "remove link": lambda domain, viewer, incident, part: domain.links.remove(
        viewer, link_id=part, incident_id=incident.id
    ),
}
#: Of these, those that leave everything as it is.
WITHOUT_EFFECT = {"update nothing", "take over"}


@on_one_database
@pytest.mark.parametrize("name", WRITES)
async def test_a_limited_token_writes_an_incident_whose_systems_are_all_its_own(domain: Domain, name: str) -> None:
    limited = await _limited(domain)
    incident = await make_incident(domain, "mine")
    part = await _part(domain, incident, name)
    before = await log_of(domain)
    await WRITES[name](domain, limited, incident, part)
    written = (await log_of(domain))[len(before) :]
    assert [change.actor.id for change in written] == [limited.actor.id] * (name not in WITHOUT_EFFECT)


@on_one_database
@pytest.mark.parametrize(
    "systems", [["theirs"], ["mine", "theirs"], ["gone"]], ids=["another", "another as well", "none any more"]
)
async def test_a_limited_token_does_not_write_any_other_incident(domain: Domain, systems: list[str]) -> None:
    limited = await _limited(domain)
    await make_system(domain, "gone")
    incident = await make_incident(domain, *systems)
    parts = {name: await _part(domain, incident, name) for name in WRITES}
    await domain.systems.delete(ADMIN, "gone")
    before = await log_of(domain)
    refused = {}
    for name, write in WRITES.items():
        try:
            await write(domain, limited, incident, parts[name])
        except ForbiddenError as error:
            refused[name] = error.field
    assert refused == {name: ["incidentId" if "entry" in name or "link" in name else "id"] for name in WRITES}
    assert await log_of(domain) == before


@on_one_database
@pytest.mark.parametrize("dedupe", [False, True], ids=["plainly", "or reuses one"])
async def test_a_limited_token_opens_incidents_on_its_own_systems_only(domain: Domain, dedupe: bool) -> None:
    limited = await _limited(domain)
    await make_incident(domain, "theirs")

    async def open_on(*systems: str) -> None:
        command = CreateIncident(title="Down", severity=Severity.MINOR, systems=systems, dedupe_open_for_system=dedupe)
        await domain.incidents.create(limited, command)

    await open_on("mine")
    for systems in (["theirs"], ["mine", "theirs"], ["theirs", "mine"]):
        with pytest.raises(ForbiddenError) as caught:
            await open_on(*systems)
        assert caught.value.field == ["systemIds"]
    assert len(await log_of(domain)) == 2


@on_one_database
async def test_a_limited_token_moves_no_incident_out_of_its_reach(domain: Domain) -> None:
    limited = await _limited(domain)
    incident = await make_incident(domain, "mine")
    with pytest.raises(ForbiddenError) as caught:
        await domain.incidents.update(limited, UpdateIncident(id=incident.id, systems=["mine", "theirs"]))
    assert caught.value.field == ["systemIds"]
    assert (await domain.reads.incidents([incident.id]))[incident.id] == incident


async def test_a_limited_token_writes_its_own_incidents_in_bulk(domain: Domain) -> None:
    limited = await _limited(domain)
    await make_system(domain, "gone")
    ids = [(await make_incident(domain, system)).id for system in ("mine", "theirs", "mine", "gone")]
    await domain.systems.delete(ADMIN, "gone")
    resolved = await domain.bulk.resolve(limited, ids, message=None)
    deleted = await domain.bulk.delete(limited, ids)
    for results in (resolved, deleted):
        assert [getattr(result.error, "code", None) for result in results] == [None, "FORBIDDEN", None, "FORBIDDEN"]


@on_one_database
async def test_a_limited_admin_differs_from_one_without_limits(domain: Domain) -> None:
    limited = await _limited(domain)
    ADMIN.require_unlimited()
    with pytest.raises(ForbiddenError, match="not limited"):
        limited.require_unlimited()


async def _limited(domain: Domain) -> Viewer:
    """Return an admin by name, limited to the first of two systems."""
    for key in ("mine", "theirs"):
        await make_system(domain, key)
    _, secret = await make_token(domain, role=Role.ADMIN, systems=["mine"])
    return await domain.tokens.viewer_of(f"Bearer {secret}")


async def _part(domain: Domain, incident: Incident, name: str) -> str:
    """Return the id of an entry or a link to write, where the write is one of those."""
    if "entry" in name:
        entry = AddIncidentUpdate(incident_id=incident.id, message="Hi")
        update = (await domain.timeline.add(ADMIN, entry)).value.update
        assert update is not None
        return update.id
    url = f"https://example.com/{name.replace(' ', '-')}"
    link = (await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url=url))).value.link
    assert link is not None
    return link.id
