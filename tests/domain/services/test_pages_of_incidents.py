"""Keyset pagination of sixty incidents, which no test changes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest_asyncio

from domain.bootstrap import Domain
from domain.model.filters import EVERYTHING
from domain.model.incident import Incident, Severity
from domain.model.paging import Order, PageRequest
from domain.model.positions import incident_position
from domain.model.viewer import Audience
from tests.domain.services.walking import both_ways
from tests.factories import make_incident, make_system
from tests.shared import clock_of, in_module_loop

pytestmark = in_module_loop

NEWEST = Order(field="created_at")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sixty(shared: Domain) -> list[Incident]:
    """Open sixty incidents of three severities; every second shares its moment with the one before."""
    await make_system(shared)
    incidents = []
    for number in range(60):
        clock_of(shared).step = timedelta(milliseconds=7 * (number % 2))
        incidents.append(await make_incident(shared, "payments", severity=list(Severity)[number % 3]))
    return incidents


async def test_incidents_are_walked_in_every_order_and_direction(shared: Domain, sixty: list[Incident]) -> None:
    keys: dict[str, Callable[[Incident], Any]] = {
        "created_at": lambda incident: incident.created_at,
        "updated_at": lambda incident: incident.updated_at,
        "severity": lambda incident: incident.severity.rank,
        "number": lambda incident: incident.number,
    }
    for field, key in keys.items():
        for descending in (True, False):
            order = Order(field=field, descending=descending)
            expected = sorted(sixty, key=lambda one: (key(one), one.id), reverse=descending)
            await both_ways(
                lambda page: shared.reads.incident_page(EVERYTHING, order, page, Audience.PUBLIC),  # noqa: B023
                lambda incident: incident_position(incident, order),  # noqa: B023
                expected,
                size=25,
            )


async def test_a_page_knows_whether_there_are_more_whatever_its_size(shared: Domain, sixty: list[Incident]) -> None:
    for size in (1, 20, 59, 60, 61):
        page = await shared.reads.incident_page(EVERYTHING, NEWEST, PageRequest(size=size), Audience.PUBLIC)
        assert (len(page.items), page.has_next, page.has_previous) == (min(size, 60), size < 60, False)
    assert await shared.reads.incident_count(EVERYTHING, Audience.PUBLIC) == len(sixty)


async def test_a_page_can_lie_between_two_positions(shared: Domain, sixty: list[Incident]) -> None:
    order = Order(field="number", descending=False)
    after, before = incident_position(sixty[10], order), incident_position(sixty[14], order)
    for backward in (False, True):
        request = PageRequest(size=2, after=after, before=before, backward=backward)
        page = await shared.reads.incident_page(EVERYTHING, order, request, Audience.PUBLIC)
        expected = sixty[12:14] if backward else sixty[11:13]
        assert list(page.items) == expected
