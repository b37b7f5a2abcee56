"""The values of filters."""

from typing import Any

import pytest

from domain.automations.expressions.errors import EvaluationError
from domain.automations.expressions.language import compile_expression
from tests.domain.automations.conditions.scopes import NOW

SCOPE: dict[str, Any] = {
    "none": None,
    "since": "2026-03-01T09:00:00Z",
    "ahead": "2026-03-01T10:00:00+00:00",
    "naive": "2026-03-01T09:00:00",
    "object": {"b": 1, "a": [True, None]},
    "list": [3, 1, 2, 1],
    "mixed": [1, True, {"a": 1}, {"a": 1}, "1"],
    "empty": [],
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("gone | default('x')", "x"),
        ("none | default", ""),
        ("'' | default('x')", "x"),
        ("0 | default('x')", 0),
        ("'aB' | upper", "AB"),
        ("'aB' | lower", "ab"),
        ("'aB c' | capitalize", "Ab c"),
        ("' a ' | trim", "a"),
        ("5 | upper", 5),
        ("'abcdef' | truncate(3)", "abc…"),
        ("'abc' | truncate(3)", "abc"),
        ("5 | truncate(3)", 5),
        ("'abc' | length", 3),
        ("list | length", 4),
        ("object | length", 2),
        ("5 | length", 0),
        ("object | json", '{"b":1,"a":[true,null]}'),
        ("since | iso", "2026-03-01T09:00:00.000Z"),
        ("0 | iso", "1970-01-01T00:00:00.000Z"),
        ("ahead | date", "2026-03-01T10:00:00.000Z"),
        ("since | date('date')", "2026-03-01"),
        ("since | date('TIME')", "09:00:00"),
        ("since | date('unix')", 1772355600),
        ("since | date('rfc2822')", "Sun, 01 Mar 2026 09:00:00 +0000"),
        ("list | join", "3, 1, 2, 1"),
        ("['a', none, true] | join('-')", "a--true"),
        ("'a.b.c' | replace('.', '')", "abc"),
        ("'a.b' | replace('.')", "ab"),
        ("'ab' | replace('', 'x')", "ab"),
        ("5 | replace('a', 'b')", 5),
        ("2 | minutes", 120),
        ("'0.5' | hours", 1800.0),
        ("since | duration_since", 1800.0),
        ("naive | duration_since", 1800.0),
        ("ahead | duration_since", 0.0),
        ("'rubbish' | duration_since", 0.0),
        ("none | duration_since", 0.0),
        ("since | older_than(30 | minutes)", True),
        ("since | older_than(1801)", False),
        ("'rubbish' | older_than(0)", False),
        ("list | first", 3),
        ("list | last", 1),
        ("'abc' | last", "c"),
        ("list | unique", [3, 1, 2]),
        ("mixed | unique", [1, True, {"a": 1}, "1"]),
        ("list | sort", [1, 1, 2, 3]),
        ("'12' | int", 12),
        ("'3.9' | int", 3),
        ("'x' | int", 0),
        ("'x' | int(7)", 7),
        ("true | int", 1),
        ("'1.5' | float", 1.5),
        ("none | float", 0.0),
        ("2.567 | round(2)", 2.57),
        ("2.567 | round", 3),
        ("-2 | abs", 2),
    ],
)
def test_a_filter_gives_its_value(source: str, value: Any) -> None:
    given = compile_expression(source).value(SCOPE, now=NOW)
    assert (given, type(given)) == (value, type(value))


@pytest.mark.parametrize(
    "source",
    [
        "'x' | iso",
        "since | date('%1000d')",
        "since | date(5)",
        "1e300 | iso",
        "5 | join",
        "object | sort",
        "mixed | sort",
        "empty | first",
        "empty | last",
        "'x' | minutes",
        "true | hours",
        "9223372036854775807 | hours",
        "1e308 | hours",
        "1.5 | round(16)",
        "1.5 | round(-1)",
        "'abc' | truncate(-1)",
        "'abc' | truncate('x')",
        "'x' | abs",
        "1e30 | int",
        "since | older_than('x')",
    ],
)
def test_a_filter_refuses_a_wrong_argument(source: str) -> None:
    with pytest.raises(EvaluationError):
        compile_expression(source).value(SCOPE, now=NOW)
