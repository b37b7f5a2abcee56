"""Plans of the statements that dashboards send most: over the intended index, on a database that has been analysed."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.filters import EVERYTHING, AllOf, Field, Filter, Operator, Term
from domain.model.incident import Severity, Status
from domain.model.paging import Order, PageRequest
from domain.model.selection import AllOf as AllRows
from domain.model.selection import Listed, OneOf, Paged, Root, Selection, Wanted
from domain.model.viewer import Audience
from domain.persistence.people_tables import incident_assignees
from domain.persistence.tables import incidents
from tests.inside import inside
from tests.shared import in_module_loop

pytestmark = in_module_loop
#: Enough that each database prefers an index to reading the whole table.
_COUNT = 4000
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SYSTEMS = Listed(name="systems", selection=Selection(view="system", columns=("name",)))
_INCIDENT = Selection(view="incident", columns=("id", "title", "created_at"), lists=(_SYSTEMS,))
_FIRST = PageRequest(size=50)
_MIDDLE = PageRequest(size=50, after=("2026-01-02T09:20:00.000Z", "inc_002000"))
_FIXING = Term(Field.STATUS, Operator.IN, (Status.FIXING,))
_CRITICAL = Term(Field.SEVERITY, Operator.IN, (Severity.CRITICAL,))
_CRITICAL_OF_A_DAY = AllOf(
    (
        _CRITICAL,
        Term(Field.CREATED_AT, Operator.GTE, _START + timedelta(days=1)),
        Term(Field.CREATED_AT, Operator.LT, _START + timedelta(days=2)),
    )
)
_CRITICAL_SINCE = AllOf(
    (
        _CRITICAL,
        Term(Field.CREATED_AT, Operator.GTE, _START + timedelta(hours=12)),
    )
)
_BY_CREATION = ("ix_incidents_created_at_id",)
#: PostgreSQL may walk all in their order, where a third of them is of the severity.
_BY_SEVERITY = ("ix_incidents_severity_created_at_id", "ix_incidents_created_at_id")
#: PostgreSQL may walk the open ones instead, where these are few more: both have the order of the page.
_BY_STATUS = ("ix_incidents_status_created_at_id", "ix_incidents_open")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(shared: Domain) -> AsyncIterator[Domain]:
    """Yield a domain with thousands of incidents, few of which are being fixed."""
    async with inside(shared).database._engines.writer.begin() as connection:
        await connection.execute(sa.insert(incidents), [row_of(number) for number in range(_COUNT)])
        people = [{"incident_id": f"inc_{each:06}", "id": f"usr_{each // 8}", "type": "user"} for each in range(_COUNT)]
        await connection.execute(sa.insert(incident_assignees), people)
        await connection.execute(sa.text("ANALYZE"))
    yield shared


@pytest.mark.parametrize(
    ("tree", "page", "indexes"),
    [
        pytest.param(EVERYTHING, _FIRST, _BY_CREATION, id="first"),
        pytest.param(EVERYTHING, _MIDDLE, _BY_CREATION, id="middle"),
        pytest.param(_FIXING, _FIRST, _BY_STATUS, id="status"),
        pytest.param(_CRITICAL_OF_A_DAY, _FIRST, _BY_SEVERITY, id="severity-and-time"),
        pytest.param(_CRITICAL_SINCE, _FIRST, _BY_SEVERITY, id="severity-since"),
        pytest.param(_CRITICAL, _FIRST, _BY_SEVERITY, id="severity"),
    ],
)
async def test_a_page_of_many_incidents_walks_its_index(
    filled: Domain, tree: Filter, page: PageRequest, indexes: tuple[str, ...]
) -> None:
    root = Root(selection=_INCIDENT, page=Paged(place=0))
    wanted = Wanted(rows=[AllRows(order=Order(field="created_at"), tree=tree)], pages=[page])

    steps = await _plan(filled, root, wanted)

    assert any(index in step for step in steps for index in indexes), steps
    assert not _reads_or_sorts_all(steps), steps


@pytest.mark.parametrize("at_most", [1, 25])
async def test_incidents_of_a_person_are_found_by_the_index_of_assignees(filled: Domain, at_most: int) -> None:
    tree = Term(Field.ASSIGNEE, Operator.IN, ("usr_7",))
    rows = AllRows(order=Order(field="created_at"), tree=tree)

    steps = await _plan(
        filled, Root(selection=_INCIDENT, page=Paged(place=0)), Wanted(rows=[rows], pages=[PageRequest(size=at_most)])
    )

    assert any("ix_incident_assignees_id_incident_id" in step for step in steps), steps
    assert not any(step == "SCAN incidents" or "Seq Scan on incidents " in step for step in steps), steps


async def test_an_incident_is_found_by_the_index_of_its_id(filled: Domain) -> None:
    wanted = Wanted(rows=[OneOf(by="id", value="inc_002000")], pages=[])

    steps = await _plan(filled, Root(selection=_INCIDENT), wanted)

    assert any("pk_incidents" in step or "sqlite_autoindex_incidents_1" in step for step in steps), steps
    assert not _reads_or_sorts_all(steps), steps


def row_of(number: int) -> dict[str, Any]:
    """Return the row of one of many incidents, each a minute after the one before it."""
    moment = _START + timedelta(minutes=number)
    status = Status.FIXING if number % 20 == 0 else (Status.RESOLVED, Status.MONITORING)[number % 2]
    return {
        "id": f"inc_{number:06}",
        "number": number + 1,
        "title": f"Incident {number}",
        "status": status,
        "severity": list(Severity)[number // 2 % len(Severity)],
        "suppress_notifications": False,
        "dedupe_key": "",
        "version": 1,
        "opened_by_type": "system",
        "opened_by_id": "monitor",
        "occurred_at": moment,
        "created_at": moment,
        "updated_at": moment,
        "resolved_at": moment if status is Status.RESOLVED else None,
    }


async def _plan(domain: Domain, root: Root, wanted: Wanted) -> list[str]:
    """Return the steps of the plan for the very text and values that the driver gets."""
    database = inside(domain).database
    statement, parameters = database.projection([root], Audience.PUBLIC).statement(wanted)
    async with database._engines.reader.connect() as connection:
        # Only a connection that reads rows learns of the indexes and figures that others have made since.
        await connection.execute(sa.select(incidents.c.id).limit(1))
        if connection.dialect.name == "sqlite":
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", tuple(parameters))
            return [row.detail for row in plan]
        driver: Any = (await connection.get_raw_connection()).driver_connection
        return [row[0].strip() for row in await driver.fetch(f"EXPLAIN {statement.text}", *parameters)]


def _reads_or_sorts_all(steps: list[str]) -> bool:
    # What follows a subplan's name is about the lists of one incident, and these are short.
    of_incidents = takewhile(lambda step: not step.startswith("SubPlan"), steps)
    return any(
        step == "SCAN incidents" or "TEMP B-TREE" in step or "Seq Scan" in step or "Sort" in step
        for step in of_incidents
    )
