"""Definitions that come as texts."""

import json

import pytest

from domain.automations.definitions.documents import TextPlace
from domain.automations.validation import InvalidDefinitionError, Problem
from domain.automations.validation.written import placed, places_in, read_text

TEXT = """triggers:
- event: manual
actions: [
  {action: log,
   config: {message: 1, "a b": 2}}]
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ("triggers[0].event", 2, 3),
        ("actions[0].action", 4, 4),
        ("actions[0].config.message", 5, 13),
        ("actions[0].config['a b']", 5, 25),
        ("actions[0].config.level", 5, 4),
        ("actions[0].config.message.deeper[3]", 5, 13),
        ("actions[7]", 3, 1),
    ],
)
def test_a_problem_is_at_its_part_or_at_the_innermost_around_it(path: str, line: int, column: int) -> None:
    [problem] = placed([Problem(path=path, message="No.")], TEXT)
    assert problem.place == TextPlace(line=line, column=column)


@pytest.mark.parametrize("path", ["", "mode", "conditions[0]"])
def test_a_problem_of_what_is_not_there_has_no_place(path: str) -> None:
    assert placed([Problem(path=path, message="No.")], TEXT)[0].place is None


def test_texts_in_json_have_places_where_they_are_yaml_too() -> None:
    assert places_in(json.dumps({"a": [1, {"b": 2}]}))["a[1].b"] == TextPlace(line=1, column=12)
    assert places_in(r'{"a": "\/\ud83d\ude42", "b":' + "\t1}").keys() <= {"a", "b"}
    assert places_in("") == places_in("a: [") == {}


def test_an_unreadable_text_is_one_problem_with_its_place() -> None:
    with pytest.raises(
        InvalidDefinitionError, match=r"^definition: This is not YAML: .* \(line 1, column 12\)\.$"
    ) as found:
        read_text("triggers: [")
    [problem] = found.value.problems
    assert (problem.path, problem.place) == ("", TextPlace(line=1, column=12))
