"""Parsing of conditions, and the errors of invalid ones."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from domain.automations.conditions.duration import Duration
from domain.automations.conditions.model import Condition
from domain.automations.expressions.errors import EvaluationError
from domain.errors import InvalidInputError
from tests.domain.automations.conditions.parsing import parse_condition
from tests.domain.automations.conditions.scopes import NOW, make_scope

STATE = {"entity": "api", "status": "healthy"}


@pytest.mark.parametrize(
    "document",
    [
        "a == 1",
        {"and": ["a", {"or": ["b", {"not": "c"}]}]},
        {"numeric_state": {"value": "a", "above": 1}},
        {"numeric_state": {"value": 5, "above": 1, "below": 9.5}},
        {"time": {"after": "09:00", "before": "17:30", "weekday": [0, 4], "timezone": "Europe/Berlin"}},
        {"state": STATE},
        {"state": {**STATE, "for": {"seconds": 0.5}}},
    ],
    ids=json.dumps,
)
def test_a_condition_is_serialized_as_it_was_parsed(document: Any) -> None:
    condition = parse_condition(document)
    adapter: TypeAdapter[Condition] = TypeAdapter(Condition)
    assert adapter.dump_python(condition, mode="json", by_alias=True, exclude_unset=True) == document


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (5, ""),
        (None, ""),
        ({}, ""),
        ([], ""),
        ({"xor": ["a"]}, ""),
        ("", ""),
        ("{{ a }}", ""),
        ({"and": []}, "and"),
        ({"or": "a"}, "or"),
        ({"and": ["a"], "or": ["b"]}, "or"),
        ({"not": ["a"]}, "not"),
        ({"and": ["a", {"or": ["a", "b =="]}]}, "and.1.or.1"),
        ({"numeric_state": {"value": "a"}}, "numeric_state"),
        ({"numeric_state": {"value": "", "above": 1}}, "numeric_state.value"),
        ({"numeric_state": {"value": True, "above": 1}}, "numeric_state.value"),
        ({"numeric_state": {"value": "a", "above": "1"}}, "numeric_state.above"),
        ({"numeric_state": {"value": "a", "above": float("nan")}}, "numeric_state.above"),
        ({"time": {}}, "time"),
        ({"time": {"timezone": "UTC"}}, "time"),
        ({"time": {"after": "9:00"}}, "time.after"),
        ({"time": {"before": "24:00"}}, "time.before"),
        ({"time": {"before": "09:60\n"}}, "time.before"),
        ({"time": {"after": "09:00", "before": "09:00"}}, "time"),
        ({"time": {"weekday": []}}, "time.weekday"),
        ({"time": {"weekday": [7]}}, "time.weekday.0"),
        ({"time": {"after": "09:00", "timezone": "Mars/Base"}}, "time.timezone"),
        ({"time": {"after": "09:00", "timezone": "../etc/passwd"}}, "time.timezone"),
        ({"time": {"after": "09:00", "timezone": "Europe"}}, "time.timezone"),
        ({"state": {"entity": "", "status": "healthy"}}, "state.entity"),
        ({"state": {"entity": "api", "status": "fine"}}, "state.status"),
        ({"state": {**STATE, "for": {}}}, "state.for"),
        ({"state": {**STATE, "for": {"seconds": 1, "template": "{{ 1 }}"}}}, "state.for"),
        ({"state": {**STATE, "for": {"seconds": 0}}}, "state.for.seconds"),
        ({"state": {**STATE, "for": {"seconds": 2_592_001}}}, "state.for.seconds"),
        ({"state": {**STATE, "for": {"minutes": 43_201}}}, "state.for.minutes"),
        ({"state": {**STATE, "for": {"hours": 721}}}, "state.for.hours"),
        ({"state": {**STATE, "for": {"template": "{{ a"}}}, "state.for.template"),
        ({"state": {**STATE, "dwell": {"hours": 1}}}, "state.dwell"),
    ],
    ids=repr,
)
def test_316_an_invalid_condition_is_refused_with_the_path_of_the_fault(document: Any, path: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_condition(document)
    assert ".".join(caught.value.field or []) == path


def test_a_syntax_error_has_its_place_in_the_message() -> None:
    with pytest.raises(InvalidInputError, match=r"line 1, column 5"):
        parse_condition({"not": "a =="})


def test_thirty_nested_conditions_are_accepted() -> None:
    document: Any = "true"
    for _ in range(30):
        document = {"and": [document]}
    assert parse_condition(document) is not None


def test_conditions_describe_themselves_as_a_json_schema() -> None:
    schema = TypeAdapter(Condition).json_schema()
    assert {"All", "AnyOf", "Negation", "NumericState", "TimeOfDay", "SystemState"} <= set(schema["$defs"])


@pytest.mark.parametrize(
    ("document", "length"),
    [
        ({"seconds": 0.5}, timedelta(seconds=0.5)),
        ({"minutes": 5}, timedelta(minutes=5)),
        ({"hours": 2}, timedelta(hours=2)),
        ({"template": "{{ trigger.payload.count | minutes }}"}, timedelta(minutes=3)),
        ({"template": "90"}, timedelta(seconds=90)),
    ],
    ids=repr,
)
def test_a_duration_is_seconds(document: Any, length: timedelta) -> None:
    assert Duration.model_validate(document).seconds_in(make_scope(), now=NOW) == length.total_seconds()


@pytest.mark.parametrize("template", ["{{ 0 }}", "{{ -1 }}", "soon", "{{ none }}", "{{ 721 | hours }}", "{{ gone }}"])
def test_a_template_that_gives_no_duration_is_an_error(template: str) -> None:
    with pytest.raises(EvaluationError):
        Duration(template=template).seconds_in(make_scope(), now=NOW)
