"""The rule by which a recorded state matches a filter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.model.filters import EVERYTHING, AllOf, AnyOf, Field, Filter, Not, Operator, Term, fields_of, matches
from domain.model.incident import Severity, Status

FACTS: dict[str, Any] = {
    "status": "fixing",
    "severity": "major",
    "number": 7,
    "system_ids": ["sys_1", "sys_2"],
    "opened_by": {"id": "tok_1"},
    "occurred_at": "2026-03-01T09:00:00.000Z",
    "created_at": "2026-03-01T09:00:00.000Z",
    "updated_at": "2026-03-01T09:30:00.000Z",
    "resolved_at": None,
}
NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
YES, NO = AllOf(), AnyOf(())

CASES: dict[str, tuple[Filter, bool]] = {
    "everything": (EVERYTHING, True),
    "any of nothing": (NO, False),
    "all of two": (AllOf((YES, NO)), False),
    "any of two": (AnyOf((NO, YES)), True),
    "not": (Not(NO), True),
    "a status in a list": (Term(Field.STATUS, Operator.IN, (Status.FIXING, Status.RESOLVED)), True),
    "a status not in a list": (Term(Field.STATUS, Operator.IN, (Status.RESOLVED,)), False),
    "open": (Term(Field.OPEN, Operator.EQ, True), True),
    "not open": (Term(Field.OPEN, Operator.EQ, False), False),
    "severities compare by rank, not by name": (Term(Field.SEVERITY, Operator.GT, Severity.MINOR), True),
    "critical is above major": (Term(Field.SEVERITY, Operator.GTE, Severity.CRITICAL), False),
    "a severity in a list": (Term(Field.SEVERITY, Operator.IN, (Severity.MAJOR,)), True),
    "a number": (Term(Field.NUMBER, Operator.LTE, 7), True),
    "one of its systems": (Term(Field.SYSTEM, Operator.IN, ("sys_2", "sys_9")), True),
    "another system": (Term(Field.SYSTEM, Operator.IN, ("sys_9",)), False),
    "who opened it": (Term(Field.OPENED_BY, Operator.IN, ("tok_1",)), True),
    "a moment itself": (Term(Field.CREATED_AT, Operator.EQ, NINE), True),
    "after a moment": (Term(Field.UPDATED_AT, Operator.GT, NINE), True),
    "an absent value matches nothing": (Term(Field.RESOLVED_AT, Operator.LT, NINE), False),
    "not of an absent value matches": (Not(Term(Field.RESOLVED_AT, Operator.LT, NINE)), True),
}


@pytest.mark.parametrize(("tree", "expected"), CASES.values(), ids=CASES.keys())
def test_a_recorded_state_matches(tree: Filter, expected: bool) -> None:
    assert matches(tree, FACTS) is expected


def test_the_fields_of_a_filter_are_those_of_all_its_parts() -> None:
    number, text = Term(Field.NUMBER, Operator.EQ, 1), Term(Field.TEXT, Operator.EQ, "x")
    assert fields_of(AllOf((number, AnyOf((Not(text),))))) == {Field.NUMBER, Field.TEXT}
    assert fields_of(EVERYTHING) == frozenset()
