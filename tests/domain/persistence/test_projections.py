"""Statements of selections: one for each reading, over the intended indexes."""

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.filters import EVERYTHING, AnyOf, Field, Filter, Operator, Term
from domain.model.incident import Status
from domain.model.paging import Order, PageRequest
from domain.model.selection import AllOf, Listed, OneOf, Paged, Root, Selection, Wanted
from domain.model.viewer import Audience
from domain.persistence import drivers
from domain.persistence.drivers import SqliteDriver
from domain.persistence.projections import MOST_VALUES
from tests.factories import make_incident
from tests.gql.dialects import on_both_databases
from tests.inside import inside

_UPDATES = Listed(
    name="updates", selection=Selection(view="incident_update", columns=("message",)), page=Paged(place=1)
)
_SYSTEMS = Listed(name="systems", selection=Selection(view="system", columns=("name",)))
_INCIDENT = Selection(view="incident", columns=("id", "created_at"), lists=(_SYSTEMS, _UPDATES))
_LAST = PageRequest(size=1)
_FIRST = Paged(place=0)
_OPEN = Term(Field.OPEN, Operator.EQ, True)


def _page(*, open_only: bool, page: PageRequest) -> Wanted:
    return _matching(_OPEN if open_only else EVERYTHING, page=page)


def _matching(tree: Filter, *, page: PageRequest = _LAST, order: str = "created_at") -> Wanted:
    return Wanted(rows=[AllOf(order=Order(field=order), tree=tree)], pages=[page, _LAST])


async def test_one_statement_reads_all_roots(domain: Domain) -> None:
    incident = await make_incident(domain, title="First", initial_message="Looking")
    database = inside(domain).database
    roots = [Root(selection=_INCIDENT, page=_FIRST), Root(selection=_INCIDENT), Root(selection=_INCIDENT)]
    projection = database.projection(roots, Audience.PUBLIC)
    rows = [
        *_page(open_only=True, page=_LAST).rows,
        OneOf(by="number", value=incident.number),
        OneOf(by="id", value="?"),
    ]

    found = await database.project(projection, Wanted(rows=rows, pages=[_LAST, _LAST]))

    moment = incident.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    row = [incident.id, moment, [["Payments"]], [["Looking"]]]
    assert found == [[row], row, None]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
@pytest.mark.parametrize("open_only", [True, False], ids=["open", "all"])
@pytest.mark.parametrize("backward", [True, False], ids=["backward", "forward"])
async def test_a_page_walks_an_index(domain: Domain, *, open_only: bool, backward: bool) -> None:
    database = inside(domain).database
    projection = database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.PUBLIC)
    page = PageRequest(size=50, backward=backward, after=("2026-03-01T09:30:00.000Z", "inc_1"))
    statement, parameters = projection.statement(_page(open_only=open_only, page=page))

    async with database._engines.reader.connect() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.text}", tuple(parameters))
        steps = [row.detail for row in plan]

    index = "ix_incidents_open" if open_only else "ix_incidents_created_at_id"
    assert any(step.startswith("SEARCH incidents USING") and index in step for step in steps), steps
    assert not any(step.startswith("SCAN incident") or "TEMP B-TREE" in step for step in steps), steps


async def test_a_form_of_a_selection_has_one_text_for_all_values(domain: Domain) -> None:
    projection = inside(domain).database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.PUBLIC)

    first, second, other = [
        projection.statement(_page(open_only=True, page=page))[0].text
        for page in (PageRequest(size=1), PageRequest(size=2), PageRequest(size=2, backward=True))
    ]

    assert first is second
    assert first != other


@pytest.mark.parametrize(("comparisons", "most"), [(1, 16), (100, 2)], ids=["short", "long"])
async def test_fewer_forms_are_kept_of_longer_filters(domain: Domain, comparisons: int, most: int) -> None:
    projection = inside(domain).database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.PUBLIC)
    kept: list[int] = []

    for number in range(18):
        parts = [Term(Field.NUMBER, Operator.GT, 1)] * (comparisons + number)
        projection.statement(_matching(AnyOf(tuple(parts))))
        kept.append(len(projection._statements))

    assert max(kept) == most


async def test_what_an_audience_may_not_see_is_not_read(domain: Domain) -> None:
    projection = inside(domain).database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.AUTHENTICATED)

    statement, _ = projection.statement(_page(open_only=True, page=_LAST))

    assert "visibility IN ('public', 'logged_in')" in statement.text


@on_both_databases
async def test_filters_of_one_form_share_a_text(domain: Domain) -> None:
    projection = inside(domain).database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.PUBLIC)

    def text(*terms: Term) -> str:
        return projection.statement(_matching(AnyOf(terms)))[0].text

    def status(*names: Status) -> Term:
        return Term(Field.STATUS, Operator.IN, names)

    three = status(Status.FIXING, Status.MONITORING, Status.RESOLVED)
    assert text(status(Status.FIXING)) == text(status(Status.RESOLVED))
    assert text(three) == text(status(*list(Status)[:4]))
    assert text(Term(Field.TEXT, Operator.EQ, "disk full")) == text(Term(Field.TEXT, Operator.EQ, "cache miss"))
    assert text(three) != text(status(Status.FIXING)) != text(three, three)


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_read_that_is_not_short_moves_to_a_thread(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await make_incident(domain, title=f"Incident {number}")
    database = inside(domain).database
    projection = database.projection([Root(selection=_INCIDENT, page=_FIRST)], Audience.PUBLIC)
    wanted = _matching(EVERYTHING, page=PageRequest(size=3))
    expected = await database.project(projection, wanted)
    driver = database._engines.driver
    assert isinstance(driver, SqliteDriver)
    await driver.close()
    monkeypatch.setattr(drivers, "_INSTRUCTIONS", 10)
    monkeypatch.setattr(drivers, "_MOST_SECONDS", 0)

    found = [await database.project(projection, wanted) for _ in range(2)]

    assert found == [expected, expected]
    # The process's own look at the log's head may have come meanwhile.
    assert [text for text in driver._long if "found_0" in text] == [projection.statement(wanted)[0].text]


async def test_a_row_of_more_values_than_a_function_takes_is_refused(domain: Domain) -> None:
    wide = Selection(view="incident", columns=("id",), lists=(_SYSTEMS,) * MOST_VALUES)

    with pytest.raises(ValueError, match="at most"):
        inside(domain).database.projection([Root(selection=wide)], Audience.PUBLIC)


async def test_a_database_that_is_away_is_left_to_the_pool(domain: Domain) -> None:
    database = inside(domain).database
    projection = database.projection([Root(selection=_INCIDENT)], Audience.PUBLIC)
    async with database._engines.writer.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE systems RENAME TO elsewhere"))

    found = await database.project(projection, Wanted(rows=[OneOf(by="id", value="inc_1")], pages=[_LAST, _LAST]))

    assert found is None
    async with database._engines.writer.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE elsewhere RENAME TO systems"))
