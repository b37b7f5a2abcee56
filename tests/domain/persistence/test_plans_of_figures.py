"""Plans of the statements behind figures and the past: what asks for few walks an index, and not the table."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

from domain.bootstrap import Domain
from domain.model.counts import GroupBy, Grouping
from domain.model.filters import EVERYTHING, Field, Operator, Term
from domain.model.metrics import Lapse
from domain.model.paging import Order, PageRequest
from domain.model.place import Place
from domain.model.series import TimeBucket, spans_between
from domain.model.viewer import Audience
from domain.persistence.counts import counting
from domain.persistence.keyset import paged_by
from domain.persistence.log_tables import changes
from domain.persistence.metrics import Measuring
from domain.persistence.replay import ReplayRepository
from domain.persistence.tables import incident_updates, incidents
from tests.domain.persistence.test_plans_of_pages import row_of
from tests.inside import inside
from tests.shared import in_module_loop

pytestmark = in_module_loop
#: One in a hundred is open: enough that each database prefers an index to the table.
_COUNT = 5_000
_OPEN = Term(Field.OPEN, Operator.EQ, True)


class Explain(Executable, ClauseElement):
    """The query for the plan of another one."""

    inherit_cache = False

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement


@compiles(Explain)
def _explained(element: Explain, compiler: SQLCompiler, **options: Any) -> str:
    begin = "EXPLAIN QUERY PLAN" if compiler.dialect.name == "sqlite" else "EXPLAIN"
    return f"{begin} {compiler.process(element.statement, **options)}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def filled(shared: Domain) -> AsyncIterator[Domain]:
    """Yield a domain with thousands of incidents, few of which are open."""
    rows = [row_of(number) for number in range(_COUNT)]
    for number, row in enumerate(rows):
        is_open = number % 100 == 0
        row |= {"status": "fixing" if is_open else "resolved", "resolved_at": None if is_open else row["created_at"]}
        row["identified_at"] = row["acknowledged_at"] = None if is_open else row["created_at"]
    steps = [_step_of(row) for row in rows if row["resolved_at"]]
    async with inside(shared).database._engines.writer.begin() as connection:
        await connection.execute(sa.insert(incidents), rows)
        await connection.execute(sa.insert(incident_updates), steps)
        await connection.execute(sa.insert(changes), [_change_of(row) for row in rows])
        await connection.execute(sa.text("ANALYZE"))
    yield shared


async def test_counts_of_open_incidents_walk_the_index_of_these(filled: Domain) -> None:
    for by in ((Grouping.SEVERITY,), (Grouping.STATUS,), (Grouping.SEVERITY, Grouping.STATUS)):
        steps = await _plan(filled, lambda dialect, by=by: counting(dialect, _OPEN, Audience.PUBLIC, GroupBy(each=by)))
        assert any("ix_incidents_open" in step for step in steps), steps
        assert not any(step == "SCAN incidents" or "Seq Scan" in step for step in steps), steps


async def test_metrics_walk_the_indexes_of_times(filled: Domain) -> None:
    end = row_of(_COUNT)["created_at"]
    spans = spans_between(end - timedelta(minutes=10), end, TimeBucket.HOUR)

    def measuring(dialect: sa.Dialect) -> sa.Select[Any]:
        asked = Measuring(dialect, EVERYTHING, Audience.PUBLIC, spans=spans, bucket=TimeBucket.HOUR, by=GroupBy())
        return asked.statement()

    steps = await _plan(filled, measuring)

    of_times = [f"incidents_{lapse}" for lapse in Lapse]
    for index in ("incidents_open", "incidents_occurred_at_id", "incident_updates_steps", *of_times):
        assert any(f"ix_{index}" in step for step in steps), (index, steps)
    assert not any(step in {"SCAN incidents", "SCAN steps"} or "Seq Scan" in step for step in steps), steps


@pytest.mark.parametrize("by_cursor", [False, True])
async def test_a_list_of_the_past_reads_the_changes_since_alone(filled: Domain, *, by_cursor: bool) -> None:
    moment = row_of(_COUNT - 10)["created_at"]
    place = Place(moment=moment, seq=_COUNT - 10 if by_cursor else None)
    order, page = Order(field="created_at"), PageRequest(size=20)
    async with inside(filled).database._engines.reader.connect() as connection:
        parts = ReplayRepository(connection)._matching(EVERYTHING, order, Audience.PUBLIC, place)
    for statement, keys in parts:
        asked = paged_by(statement, keys, page)
        steps = await _plan(filled, lambda _, asked=asked: asked)
        assert not any(_is_of_all_changes(step) for step in steps), steps


def _is_of_all_changes(step: str) -> bool:
    return "SCAN changes" in step or "Seq Scan on changes" in step or step.endswith("(kind=?)")


def _change_of(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"].replace("inc", "chg"),
        "kind": "incident",
        "entity_id": row["id"],
        "version": 1,
        "action": "created",
        "reactive": True,
        "has_events": True,
        "visibility": "public",
        **{name: [] for name in ("changed_fields", "described_fields", "touched", "events")},
        **{name: {} for name in ("delta", "actor", "cause", "after")},
        "occurred_at": row["created_at"],
    }


def _step_of(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"].replace("inc", "upd"),
        "incident_id": row["id"],
        "message": "Over",
        "status_change": "resolved",
        "visibility": "public",
        "created_at": row["resolved_at"],
        "created_by_type": "system",
        "created_by_id": "monitor",
    }


async def _plan(domain: Domain, make: Any) -> list[str]:
    async with inside(domain).database._engines.reader.connect() as connection:
        # Only a connection that reads rows learns of the indexes and figures that others have made since.
        await connection.execute(sa.select(incidents.c.id).limit(1))
        plan = (await connection.execute(Explain(make(connection.dialect)))).all()
        return [str(row[-1]).strip() for row in plan]
