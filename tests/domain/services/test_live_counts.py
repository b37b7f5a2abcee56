"""Live counts over random histories: after each change they are what is counted anew."""

import random
from itertools import combinations

import pytest

from domain.bootstrap import Domain
from domain.model.counts import Counting, GroupBy, Grouping
from domain.model.filters import EVERYTHING, AllOf, Field, Filter, Not, Operator, Term
from domain.model.incident import Severity, Status
from domain.model.viewer import Audience
from domain.services.live_counts import watch_of
from tests.conftest import SteppingClock
from tests.domain.services.histories import Histories

_OPEN = Term(Field.OPEN, Operator.EQ, True)
_TREES: tuple[Filter, ...] = (
    EVERYTHING,
    _OPEN,
    AllOf((_OPEN, Term(Field.SEVERITY, Operator.GTE, Severity.MAJOR))),
    Not(Term(Field.STATUS, Operator.IN, (Status.RESOLVED, Status.FIXING))),
    AllOf((_OPEN, Term(Field.TEXT, Operator.EQ, "disk"))),
)
_BYS = [GroupBy(each=each) for size in range(3) for each in combinations(Grouping, size)]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_counts_kept_by_changes_are_those_counted_anew(domain: Domain, clock: SteppingClock) -> None:
    histories = Histories(domain, clock, random.Random(7), removes_incidents=True)
    await histories.systems()
    audience = Audience.MANAGER
    followed = []
    for number, by in enumerate(_BYS):
        counting = Counting(tree=_TREES[number % len(_TREES)], by=by)
        live = domain.metrics.live(counting, audience)
        await live.reread()
        followed.append((counting, live))
    skipped = sent = 0
    for _ in range(12):
        position = await domain.events.head()
        await histories.write(4)
        changes = [each for each in await domain.events.raw(position, limit=100) if each.kind == "incident"]
        for counting, live in followed:
            wanted = list(filter(watch_of(counting, audience).wants, changes))
            step = await live.advance(wanted)
            anew = await domain.metrics.counts(counting.tree, audience, counting.by)
            assert live.beginning().counts == anew, counting
            sent += step is not None
            skipped += bool(wanted) and not any(map(counting.may_differ, wanted))
    assert sent > 20
    assert skipped > 10
