"""Keyset pagination: paging forward or backward meets every item once and in order."""

import asyncio
from datetime import timedelta
from typing import Any

from domain.bootstrap import Domain
from domain.entities.incident import CREATED
from domain.model.commands import AddIncidentLink, AddIncidentUpdate
from domain.model.filters import EVERYTHING, ONLY_OPEN
from domain.model.paging import Order, Page, PageRequest
from domain.model.positions import incident_position, link_position, system_position, update_position
from domain.model.viewer import Audience, Visibility
from domain.services.events import Watch
from tests.conftest import SteppingClock
from tests.domain.services.walking import both_ways, walk
from tests.factories import ADMIN, make_incident, make_system, set_status


async def test_paging_by_creation_meets_every_incident_once_during_writes(domain: Domain) -> None:
    await make_system(domain)
    before = [await make_incident(domain, "payments") for _ in range(30)]
    done = asyncio.Event()

    async def keep_writing() -> None:
        while not done.is_set():
            await make_incident(domain, "payments")
            await set_status(domain, before[0], list(type(before[0].status))[len(before) % 5])

    order = Order(field="created_at", descending=False)
    writing = asyncio.create_task(keep_writing())
    walked: list[str] = []
    edge: tuple[Any, ...] | None = None
    while len(walked) < 45:
        page = await domain.reads.incident_page(EVERYTHING, order, PageRequest(size=4, after=edge), Audience.PUBLIC)
        walked += [incident.id for incident in page.items]
        edge = incident_position(page.items[-1], order) if page.items else edge
    done.set()
    await writing
    whole = await domain.reads.incident_page(EVERYTHING, order, PageRequest(size=100), Audience.PUBLIC)
    assert walked == [incident.id for incident in whole.items][: len(walked)]


async def test_systems_are_walked_in_every_order(domain: Domain) -> None:
    systems = [await make_system(domain, f"key-{number}", name=f"Name {number % 3}") for number in range(7)]
    for field in ("name", "created_at"):
        for descending in (True, False):
            order = Order(field=field, descending=descending)
            expected = sorted(systems, key=lambda one: (getattr(one, field), one.id), reverse=descending)
            await both_ways(
                lambda page: domain.reads.system_page(order, page),  # noqa: B023
                lambda system: system_position(system, order),  # noqa: B023
                expected,
                size=3,
            )
    assert await domain.reads.system_count() == 7


async def test_timelines_are_paged_newest_first_by_audience(domain: Domain, clock: SteppingClock) -> None:
    incident, other = await make_incident(domain), await make_incident(domain, "payments", initial_message="Other")
    entries = []
    for number in range(9):
        clock.step = timedelta(milliseconds=5 * (number % 2))
        visibility = Visibility.INTERNAL if number % 3 == 1 else Visibility.PUBLIC
        command = AddIncidentUpdate(incident_id=incident.id, message=f"Entry {number}", visibility=visibility)
        entry = (await domain.timeline.add(ADMIN, command)).value.update
        assert entry is not None
        entries.append(entry)
    seen = [entry for entry in entries[::-1] if entry.visibility is Visibility.PUBLIC]
    for audience, expected in ((Audience.MANAGER, entries[::-1]), (Audience.PUBLIC, seen)):

        async def read(page: PageRequest, audience: Audience = audience) -> Page[Any]:
            pages = await domain.reads.update_pages([incident.id, other.id], page, audience)
            return pages[incident.id]

        await both_ways(read, update_position, expected, size=2)
    assert await domain.reads.update_counts([incident.id, other.id], Audience.PUBLIC) == {incident.id: 6, other.id: 1}


async def test_links_are_walked_oldest_first(domain: Domain) -> None:
    incident = await make_incident(domain)
    links = []
    for number in range(7):
        command = AddIncidentLink(incident_id=incident.id, url=f"https://example.com/{number}")
        link = (await domain.links.add(ADMIN, command)).value.link
        assert link is not None
        links.append(link)

    async def read(page: PageRequest) -> Page[Any]:
        return (await domain.reads.link_pages([incident.id], page, Audience.PUBLIC))[incident.id]

    await both_ways(read, link_position, links, size=3)
    assert await domain.reads.link_counts([incident.id, "inc_x"], Audience.PUBLIC) == {incident.id: 7, "inc_x": 0}


async def test_histories_are_walked_oldest_first(domain: Domain) -> None:
    incident = await make_incident(domain)
    for status in type(incident.status):
        await set_status(domain, incident, status)

    async def read(page: PageRequest) -> Page[Any]:
        return (await domain.reads.histories([incident.id], page))[incident.id]

    steps = (await read(PageRequest(size=100))).items
    assert [step.to_value for step in steps if step.field == "status"] == [
        "investigating",
        "identified",
        "fixing",
        "monitoring",
        "resolved",
    ]
    await both_ways(read, lambda step: (step.id,), steps, size=2)
    assert await domain.reads.history_counts([incident.id]) == {incident.id: len(steps)}


async def test_the_incidents_of_each_system_are_walked_newest_first(domain: Domain) -> None:
    api, web = await make_system(domain, "api"), await make_system(domain, "web")
    incidents = [await make_incident(domain, *(("api", "web") if number % 2 else ("api",))) for number in range(9)]
    for system, expected in ((api, incidents[::-1]), (web, incidents[1::2][::-1])):

        async def read(page: PageRequest, identifier: str = system.id) -> Page[Any]:
            pages = await domain.reads.incident_pages_of_systems([api.id, web.id], page, Audience.PUBLIC)
            return pages[identifier]

        await both_ways(read, lambda incident: (incident.id,), expected, size=2)
    assert await domain.reads.incident_counts_of_systems([api.id, web.id], ONLY_OPEN, Audience.PUBLIC) == {
        api.id: 9,
        web.id: 4,
    }


async def test_the_log_is_walked_oldest_first(domain: Domain) -> None:
    incident = await make_incident(domain)
    other = await make_incident(domain, "payments")
    for one in (incident, other, incident, other, incident):
        await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=one.id, message="Hello"))
    for watch, expected in (
        (Watch(audience=Audience.PUBLIC), list(range(2, 9))),
        (Watch(audience=Audience.PUBLIC, entity_id=incident.id), [2, 4, 6, 8]),
        (Watch(audience=Audience.PUBLIC, events=(CREATED,)), [2, 3]),
    ):
        walked = await walk(
            lambda page: domain.events.page(watch, page),  # noqa: B023
            lambda change: (change.seq,),
            size=2,
            backward=False,
        )
        assert [change.seq for change in walked] == expected
        assert await domain.events.count(watch) == len(expected)
