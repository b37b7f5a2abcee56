"""Figures about incidents: equal to what their lists and timelines give when they are counted one by one."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import product

import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.counts import Group, Grouping
from domain.model.filters import EVERYTHING, AllOf, Field, Filter, Not, Operator, Term
from domain.model.incident import Incident, Severity
from domain.model.paging import Order, PageRequest
from domain.model.timeline import Mark
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession
from tests.domain.services.histories import WORDS, Histories
from tests.inside import inside
from tests.shared import clock_of, in_module_loop

pytestmark = in_module_loop
_STEPS = 150
_GROUPINGS = [
    (),
    *[(each,) for each in Grouping],
    (Grouping.SYSTEM, Grouping.SEVERITY),
    (Grouping.OPENED_BY, Grouping.STATUS),
]


@dataclass(frozen=True, slots=True)
class World:
    """A domain with a random history, which no test changes, and the timeline of each incident."""

    domain: Domain
    systems: Sequence[str]
    marks: dict[str, list[Mark]]
    start: datetime

    async def matching(self, tree: Filter, audience: Audience) -> Sequence[Incident]:
        """Return the incidents of the list with that filter."""
        page = PageRequest(size=100)
        return (await self.domain.reads.incident_page(tree, Order(field="created_at"), page, audience)).items


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(shared: Domain) -> World:
    """Write the history."""
    clock = clock_of(shared)
    start = clock.moment
    histories = Histories(shared, clock, random.Random(7))
    systems = await histories.systems()
    await histories.write(_STEPS)
    everything = PageRequest(size=100)
    found = await shared.reads.incident_page(EVERYTHING, Order(field="created_at"), everything, Audience.MANAGER)
    marks: dict[str, list[Mark]] = {}
    for each in found.items:
        marks[each.id] = await inside(shared).database.read(partial(_marks, each.id))
    return World(shared, systems, marks, start)


async def _marks(incident_id: str, session: ReadSession) -> list[Mark]:
    return await session.timeline.marks(incident_id)


def _filters(world: World) -> list[Filter]:
    terms = [
        Term(Field.SYSTEM, Operator.IN, (world.systems[0],)),
        Term(Field.SEVERITY, Operator.GTE, Severity.MAJOR),
        Term(Field.OPEN, Operator.EQ, True),
        *[Term(Field.TEXT, Operator.EQ, word) for word in WORDS[:2]],
    ]
    return [EVERYTHING, *terms, Not(terms[0]), AllOf((terms[0], terms[1]))]


def _groups(incident: Incident, by: Sequence[Grouping]) -> list[Group]:
    """Return the groups that an incident belongs to."""
    systems = (incident.system_ids or (None,)) if Grouping.SYSTEM in by else (None,)
    return [
        Group(
            severity=incident.severity if Grouping.SEVERITY in by else None,
            status=incident.status if Grouping.STATUS in by else None,
            opened_by=incident.opened_by if Grouping.OPENED_BY in by else None,
            system_id=system,
        )
        for system in systems
    ]


async def test_counts_are_those_of_the_incidents_of_the_list_in_groups(world: World) -> None:
    for tree, by in product(_filters(world), _GROUPINGS):
        listed = await world.matching(tree, Audience.MANAGER)
        expected = Counter(group for incident in listed for group in _groups(incident, by))
        counts = await world.domain.metrics.counts(tree, Audience.MANAGER, by)
        if not by:
            expected[Group()] += 0
        assert {each.group: each.count for each in counts} == expected, (tree, by)
        assert [each.group for each in counts] == sorted(expected, key=lambda group: group.place(by))


@pytest.mark.parametrize("audience", Audience)
async def test_a_count_by_text_is_of_what_its_audience_may_read(world: World, audience: Audience) -> None:
    tree = Term(Field.TEXT, Operator.EQ, WORDS[2])
    [total] = await world.domain.metrics.counts(tree, audience, [])
    assert total.count == len(await world.matching(tree, audience))


async def test_audiences_find_different_numbers(world: World) -> None:
    tree = Term(Field.TEXT, Operator.EQ, WORDS[2])
    totals = [(await world.domain.metrics.counts(tree, audience, []))[0].count for audience in Audience]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


async def test_a_grouping_into_too_many_groups_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.model.counts.MOST_ROWS", 2)
    with pytest.raises(DomainError, match="more than 2 rows") as refused:
        await world.domain.metrics.counts(EVERYTHING, Audience.PUBLIC, [Grouping.SYSTEM, Grouping.STATUS])
    assert (refused.value.code, refused.value.field) == ("BAD_USER_INPUT", ["groupBy"])
