"""Figures about incidents: equal to what their lists and timelines give when they are counted one by one."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, product
from math import ceil
from typing import Any

import pytest
import pytest_asyncio

from domain.bootstrap import Domain
from domain.errors import DomainError
from domain.model.counts import Group, GroupBy, Grouping
from domain.model.filters import EVERYTHING, AllOf, Field, Filter, Not, Operator, Term
from domain.model.incident import Incident, Severity, Status
from domain.model.metrics import Durations, Lapse, MetricsPoint, Tally
from domain.model.paging import Order, PageRequest
from domain.model.series import Span, TimeBucket, spans_between
from domain.model.timeline import Mark
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession
from tests.domain.services.histories import WORDS, Histories
from tests.examples import pairs
from tests.inside import inside
from tests.shared import clock_of, in_module_loop

pytestmark = in_module_loop
_STEPS = 120
_GROUPINGS = [
    GroupBy(),
    *[GroupBy(each=(each,)) for each in Grouping],
    GroupBy(each=(Grouping.SYSTEM, Grouping.SEVERITY, Grouping.LABEL)),
    GroupBy(each=(Grouping.OPENED_BY, Grouping.STATUS)),
    GroupBy(each=(Grouping.LABEL,), label_key="team"),
]


@dataclass(frozen=True, slots=True)
class World:
    """A domain with a random history, which no test changes, and the timeline of each incident."""

    domain: Domain
    systems: Sequence[str]
    marks: dict[str, list[Mark]]
    start: datetime
    end: datetime

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
    end = clock.moment
    everything = PageRequest(size=100)
    found = await shared.reads.incident_page(EVERYTHING, Order(field="created_at"), everything, Audience.MANAGER)
    marks: dict[str, list[Mark]] = {}
    for each in found.items:
        marks[each.id] = await inside(shared).database.read(partial(_marks, each.id))
    return World(shared, systems, marks, start, end)


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


def _groups(incident: Incident, by: GroupBy) -> list[Group]:
    """Return the groups that an incident belongs to."""
    systems = (incident.system_ids or (None,)) if Grouping.SYSTEM in by.each else (None,)
    labels = [label for label in incident.labels if by.label_key in {None, label[0]}]
    labelled: Sequence[tuple[str, str] | None] = labels if labels and Grouping.LABEL in by.each else [None]
    return [
        Group(
            severity=incident.severity if Grouping.SEVERITY in by.each else None,
            status=incident.status if Grouping.STATUS in by.each else None,
            opened_by=incident.opened_by if Grouping.OPENED_BY in by.each else None,
            system_id=system,
            label=label,
        )
        for system, label in product(systems, labelled)
    ]


async def test_counts_are_those_of_the_incidents_of_the_list_in_groups(world: World) -> None:
    for tree, by in pairs(_filters(world), _GROUPINGS):
        listed = await world.matching(tree, Audience.MANAGER)
        expected = Counter(group for incident in listed for group in _groups(incident, by))
        counts = await world.domain.metrics.counts(tree, Audience.MANAGER, by)
        if not by.each:
            expected[Group()] += 0
        assert {each.group: each.count for each in counts} == expected, (tree, by)
        assert [each.group for each in counts] == sorted(expected, key=lambda group: group.place(by.each))


@pytest.mark.parametrize("audience", Audience)
async def test_a_count_by_text_is_of_what_its_audience_may_read(world: World, audience: Audience) -> None:
    tree = Term(Field.TEXT, Operator.EQ, WORDS[2])
    [total] = await world.domain.metrics.counts(tree, audience, GroupBy())
    assert total.count == len(await world.matching(tree, audience))


async def test_audiences_find_different_numbers(world: World) -> None:
    tree = Term(Field.TEXT, Operator.EQ, WORDS[2])
    totals = [(await world.domain.metrics.counts(tree, audience, GroupBy()))[0].count for audience in Audience]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


async def test_a_grouping_into_too_many_groups_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.model.counts.MOST_ROWS", 2)
    with pytest.raises(DomainError, match="more than 2 rows") as refused:
        await world.domain.metrics.counts(EVERYTHING, Audience.PUBLIC, GroupBy(each=(Grouping.SYSTEM, Grouping.STATUS)))
    assert (refused.value.code, refused.value.field) == ("BAD_USER_INPUT", ["groupBy"])


# ------------------------------------------------------------------------------------------------- one by one, in time


def _steps(incident: Incident, marks: Sequence[Mark]) -> list[tuple[datetime, Status]]:
    """Return the statuses of an incident in the order of its timeline, each with its date."""
    steps = [(incident.occurred_at, Status.INVESTIGATING)]
    for mark in sorted(marks, key=lambda mark: (mark.at, not mark.is_opening, mark.id)):
        if mark.status is not steps[-1][1]:
            steps.append((mark.at, mark.status))
    return steps


def _expected(world: World, incidents: Sequence[Incident], span: Span) -> MetricsPoint:
    counted = Counter[Tally]()
    open_at_end = 0
    lapses: dict[Lapse, list[timedelta]] = {}
    for incident in incidents:
        steps = _steps(incident, world.marks[incident.id])
        counted[Tally.OPENED] += span.start <= incident.occurred_at < span.end
        for (_, former), (at, status) in pairwise(steps):
            if span.start <= at < span.end:
                counted[Tally.RESOLVED] += status is Status.RESOLVED
                counted[Tally.REOPENED] += former is Status.RESOLVED
        until = [status for at, status in steps if at < span.end]
        open_at_end += bool(until) and until[-1] is not Status.RESOLVED
        for lapse in Lapse:
            moment = getattr(incident, lapse.value)
            if moment is not None and span.start <= moment < span.end:
                lapses.setdefault(lapse, []).append(moment - incident.occurred_at)
    return MetricsPoint(
        span=span,
        opened=counted[Tally.OPENED],
        resolved=counted[Tally.RESOLVED],
        reopened=counted[Tally.REOPENED],
        open_at_end=open_at_end,
        lapses={lapse: _durations(sorted(found)) for lapse, found in lapses.items()},
    )


def _durations(sorted_times: Sequence[timedelta]) -> Durations:
    seconds = [each.total_seconds() for each in sorted_times]
    ranked = [seconds[ceil(len(seconds) * share / 10) - 1] for share in (5, 9)]
    mean: Any = pytest.approx(sum(seconds) / len(seconds))
    return Durations(count=len(seconds), mean_seconds=mean, p50_seconds=ranked[0], p90_seconds=ranked[1])


async def test_metrics_are_those_of_the_timelines_one_by_one(world: World) -> None:
    reopened, timed = 0, set[Lapse]()
    chance = random.Random(3)
    for tree, by in pairs(_filters(world), _GROUPINGS):
        bucket = chance.choice([None, *TimeBucket])
        lasting = timedelta(hours=20) if bucket is TimeBucket.HOUR else timedelta(days=30)
        start = world.start + (world.end - world.start) * chance.random() - lasting / 2
        spans = spans_between(start, start + lasting, bucket)
        groups: dict[Group, list[Incident]] = {} if by.each else {Group(): []}
        for incident in await world.matching(tree, Audience.MANAGER):
            for group in _groups(incident, by):
                groups.setdefault(group, []).append(incident)
        expected = {group: [_expected(world, found, span) for span in spans] for group, found in groups.items()}
        metrics = await world.domain.metrics.metrics(
            tree, Audience.MANAGER, start=start, end=start + lasting, bucket=bucket, by=by
        )
        found = {each.group: each.points for each in metrics}
        for group, points in expected.items():
            # A group in which nothing happened since, and of which nothing is open, is left out.
            assert list(found.get(group, [])) == points or not any(map(_shows, points)), (tree, by, bucket)
        assert set(found) <= set(expected)
        timed |= {lapse for points in expected.values() for point in points for lapse in point.lapses}
        reopened += sum(point.reopened for points in expected.values() for point in points)
    assert reopened > 0
    assert timed == set(Lapse)


def _shows(point: MetricsPoint) -> bool:
    return bool(point.opened or point.resolved or point.reopened or point.open_at_end or point.lapses)


@pytest.mark.parametrize(
    ("lasting", "bucket", "by", "field"),
    [
        (timedelta(seconds=-1), None, GroupBy(), "from"),
        (timedelta(0), TimeBucket.DAY, GroupBy(), "from"),
        (timedelta(hours=1_001), TimeBucket.HOUR, GroupBy(), "bucket"),
        (timedelta(days=365 * 100), TimeBucket.DAY, GroupBy(), "bucket"),
        (timedelta(hours=900), TimeBucket.HOUR, GroupBy(each=(Grouping.SYSTEM,)), "groupBy"),
    ],
)
async def test_metrics_that_cannot_be_shown_are_refused(
    world: World, lasting: timedelta, bucket: TimeBucket | None, by: GroupBy, field: str
) -> None:
    with pytest.raises(DomainError) as refused:
        await world.domain.metrics.metrics(
            EVERYTHING,
            Audience.PUBLIC,
            start=world.start,
            end=world.start + lasting,
            bucket=bucket,
            by=by,
        )
    assert (refused.value.code, refused.value.field) == ("BAD_USER_INPUT", [field])
