"""The values of conditions, and their details (316)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.automations.conditions.evaluation import evaluate
from domain.automations.expressions.errors import EvaluationError
from tests.domain.automations.conditions.parsing import parse_condition
from tests.domain.automations.conditions.scopes import NOW, make_scope

LATENCY = "health.systems.api.latency_ms"


def holds(document: Any, *, now: datetime = NOW, **extra: Any) -> bool:
    verdict = evaluate(parse_condition(document), make_scope(**extra), now=now)
    assert verdict.details["value"] == verdict.value
    json.dumps(verdict.details)
    return verdict.value


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("trigger.payload.count == 3", True),
        ("trigger.payload.gone != 3", False),
        ({"and": ["true", "1 == 1"]}, True),
        ({"and": ["true", "1 == 2"]}, False),
        ({"or": ["false", "1 == 1"]}, True),
        ({"or": ["false", "1 == 2"]}, False),
        ({"not": "1 == 2"}, True),
        ({"not": {"and": ["true", {"or": ["false", "false"]}]}}, True),
    ],
    ids=repr,
)
def test_combinators_combine(document: Any, expected: bool) -> None:
    assert holds(document) is expected


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (5, {"above": 4}, True),
        (5, {"above": 5}, False),
        (5, {"below": 5}, False),
        (5, {"above": 4, "below": 6}, True),
        (5, {"above": 5.5, "below": 6}, False),
        (LATENCY, {"above": 200}, True),
        (LATENCY, {"below": 200}, False),
        ("'12.5'", {"above": 12}, True),
        ("trigger.payload.title", {"above": 0}, False),
        ("variables.none", {"below": 5}, False),
        ("variables.empty", {"below": 5}, False),
        ("1 == 1", {"above": 0}, False),
        ("trigger.payload.gone", {"below": 5}, False),
        ("trigger.payload.items", {"below": 5}, False),
    ],
)
def test_a_number_lies_strictly_within_bounds_and_a_text_does_not(
    value: Any, bounds: dict[str, float], expected: bool
) -> None:
    assert holds({"numeric_state": {"value": value, **bounds}}) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"status": "healthy"}, True),
        ({"status": "degraded"}, False),
        ({"status": "healthy", "for": {"minutes": 10}}, True),
        ({"status": "healthy", "for": {"seconds": 600.001}}, False),
        ({"status": "degraded", "for": {"seconds": 1}}, False),
        ({"status": "healthy", "for": {"template": "{{ 10 | minutes }}"}}, True),
        ({"status": "healthy", "for": {"template": "{{ 11 | minutes }}"}}, False),
        ({"entity": "gone", "status": "healthy"}, False),
    ],
    ids=repr,
)
def test_a_system_state_may_have_to_last(state: dict[str, Any], expected: bool) -> None:
    assert holds({"state": {"entity": "api", **state}}) is expected


@pytest.mark.parametrize(
    "health",
    [{}, None, {"systems": None}, {"systems": {"api": None}}, {"systems": {"api": {"status": "healthy"}}}],
    ids=repr,
)
def test_an_unknown_state_does_not_hold(health: Any) -> None:
    assert not holds({"state": {"entity": "api", "status": "healthy", "for": {"seconds": 1}}}, health=health)


WORKDAY = {"after": "09:00", "before": "17:00"}
NIGHT = {"after": "22:00", "before": "06:00"}


@pytest.mark.parametrize(
    ("window", "clock", "expected"),
    [
        (WORKDAY, "2026-03-02T08:59:59", False),
        (WORKDAY, "2026-03-02T09:00:00", True),
        (WORKDAY, "2026-03-02T16:59:59", True),
        (WORKDAY, "2026-03-02T17:00:00", False),
        ({"after": "09:00"}, "2026-03-02T23:59:59", True),
        ({"after": "09:00"}, "2026-03-03T00:00:00", False),
        ({"before": "09:00"}, "2026-03-02T00:00:00", True),
        ({"before": "09:00"}, "2026-03-02T09:00:00", False),
        ({"after": "22:00", "before": "00:00"}, "2026-03-02T23:00:00", True),
        ({"after": "22:00", "before": "00:00"}, "2026-03-03T00:00:00", False),
        (NIGHT, "2026-03-02T22:00:00", True),
        (NIGHT, "2026-03-03T05:59:59", True),
        (NIGHT, "2026-03-03T06:00:00", False),
        (NIGHT, "2026-03-02T12:00:00", False),
        ({"weekday": [0]}, "2026-03-02T12:00:00", True),
        ({"weekday": [6]}, "2026-03-02T12:00:00", False),
        ({**WORKDAY, "weekday": [1]}, "2026-03-02T12:00:00", False),
        ({"weekday": [6], "timezone": "America/New_York"}, "2026-03-02T04:59:59", True),
        ({**WORKDAY, "timezone": "Asia/Tokyo"}, "2026-03-02T00:00:00", True),
        ({**WORKDAY, "timezone": "Europe/Berlin"}, "2026-07-01T07:00:00", True),
        ({**WORKDAY, "timezone": "Europe/Berlin"}, "2026-03-02T07:59:00", False),
    ],
    ids=repr,
)
def test_a_time_window_is_in_its_time_zone(window: dict[str, Any], clock: str, expected: bool) -> None:
    assert holds({"time": window}, now=datetime.fromisoformat(clock).replace(tzinfo=UTC)) is expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("2026-03-01T23:00:00", True),
        ("2026-03-02T05:00:00", True),
        ("2026-03-01T05:00:00", False),
        ("2026-03-02T23:00:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_its_first_day(clock: str, expected: bool) -> None:
    sunday_night = {"time": {**NIGHT, "weekday": [6]}}
    assert holds(sunday_night, now=datetime.fromisoformat(clock).replace(tzinfo=UTC)) is expected


def test_the_details_have_each_part_up_to_the_decisive_one() -> None:
    condition = parse_condition(
        {"and": [{"not": "false"}, {"numeric_state": {"value": LATENCY, "above": 300}}, "trigger.never.reached"]}
    )
    assert evaluate(condition, make_scope(), now=NOW).details == {
        "kind": "and",
        "value": False,
        "parts": [
            {"kind": "not", "value": True, "parts": [{"kind": "expression", "value": False, "expression": "false"}]},
            {"kind": "numeric_state", "value": False, "number": 250, "above": 300.0, "below": None},
        ],
    }


def test_the_details_of_time_and_state_have_their_inputs() -> None:
    condition = parse_condition(
        {
            "and": [
                {"time": {"weekday": [6], "timezone": "Europe/Berlin"}},
                {"state": {"entity": "api", "status": "healthy", "for": {"minutes": 1}}},
            ]
        }
    )
    window, state = evaluate(condition, make_scope(), now=NOW).details["parts"]
    assert window["local"] == "2026-03-01T10:30:00+01:00"
    assert (state["status"], state["in_status_since"], state["for_seconds"]) == ("healthy", "2026-03-01T09:20:00Z", 60)


def test_an_error_names_the_path_of_the_part_without_a_value() -> None:
    condition = parse_condition({"and": ["true", {"not": {"or": ["false", "1 / 0"]}}]})
    with pytest.raises(EvaluationError) as caught:
        evaluate(condition, make_scope(), now=NOW + timedelta(days=1))
    assert caught.value.field == ["and", "1", "not", "or", "1"]
