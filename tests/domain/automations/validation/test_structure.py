"""Problems of a definition's form: their paths and words."""

from typing import Any

import pytest

from domain.automations.definitions.definition import STEPS
from domain.automations.validation import InvalidDefinitionError, parsed, problems_of
from domain.automations.validation.problems import MOST_PROBLEMS
from tests.domain.automations.validation.definitions import (
    CATALOG,
    OPEN,
    RESOLVE,
    STOP,
    choose,
    log,
    make_definition,
    messages_of,
    repeat,
)


def test_a_definition_without_problems_is_read() -> None:
    assert parsed(make_definition(OPEN, RESOLVE), CATALOG).actions[0].id == "open"


def test_a_definition_with_problems_is_not_read() -> None:
    with pytest.raises(InvalidDefinitionError, match=r"^triggers: ") as caught:
        parsed({"triggers": []}, CATALOG)
    assert [problem.path for problem in caught.value.problems] == ["triggers"]


def test_problems_of_form_hide_all_others() -> None:
    assert list(messages_of({"action": "no.such"}, mode="sometimes")) == ["mode"]


@pytest.mark.parametrize(
    ("step", "path"),
    [
        pytest.param(
            choose(("true", [{"delay": {"seconds": -1}}])), "choose[0].sequence[0].delay.seconds", id="choose"
        ),
        pytest.param(choose(("true", [STOP]), otherwise=[{}]), "else[0]", id="else"),
        pytest.param({"parallel": [STOP, {"sequence": []}]}, "parallel[1].sequence", id="parallel"),
        pytest.param(repeat({"stop": {"error": 1}}, count=2), "repeat.sequence[0].stop.error", id="repeat"),
        pytest.param(repeat(STOP, **{"while": "1 +"}), "repeat.while", id="while"),
        pytest.param(repeat(STOP, for_each="1 +"), "repeat.for_each", id="for_each"),
        pytest.param(repeat(STOP, for_each=[]), "repeat.for_each", id="an empty list"),
        pytest.param({"if": "1 +", "then": [STOP]}, "if", id="if"),
        pytest.param({"if": ["true", {"or": []}], "then": [STOP]}, "if[1].or", id="if of several"),
        pytest.param({"if": [], "then": [STOP]}, "if", id="if of none"),
        pytest.param({"if": "true", "then": [{}]}, "then[0]", id="then"),
        pytest.param({"if": "true", "then": [STOP], "else": [{}]}, "else[0]", id="else of an if"),
        pytest.param({"if": "true"}, "then", id="if without then"),
        pytest.param({"condition": {"and": ["true", {"not": {"or": []}}]}}, "condition.and[1].not.or", id="condition"),
        pytest.param({"condition": {"state": {"entity": "a", "status": "x"}}}, "condition.state.status", id="state"),
        pytest.param({"variables": {"a-b": 1}}, "variables.a-b", id="variable"),
        pytest.param({"id": "open-it", "stop": {}}, "id", id="hyphenated id"),
    ],
)
def test_a_path_is_as_people_write_it(step: Any, path: str) -> None:
    assert list(messages_of(step)) == [f"actions[0].{path}"]


def test_a_faulty_expression_has_line_and_column() -> None:
    assert messages_of({"condition": "a ==\n  )"}) == {"actions[0].condition": "Unexpected ')'. (line 2, column 3)"}


@pytest.mark.parametrize("step", [{}, {"type": "delay"}, {"delay": {"seconds": 1}, "stop": {}}])
def test_a_step_without_one_kind_is_a_problem_that_lists_the_kinds(step: Any) -> None:
    assert messages_of(step) == {"actions[0]": f"A step has exactly one of {', '.join(STEPS)}."}


@pytest.mark.parametrize(("step", "others"), [(STOP, {"rate_limit": []}), ({"stop": []}, {}), ({"wait_until": []}, {})])
def test_a_list_in_place_of_an_object_is_said_without_names_of_classes(step: Any, others: Any) -> None:
    said = messages_of(step, **others)
    assert list(said.values()) == ["This has to be an object: keys with values."]


def test_an_unknown_key_is_a_problem_that_lists_the_known_ones() -> None:
    problems = messages_of({"delay": {"seconds": 1}, "nmae": "x"}, modus="single")
    assert problems["modus"].startswith("This key is unknown; there are triggers, conditions, actions, mode")
    known = "id, description, enabled, continue_on_error, delay"
    assert problems["actions[0].nmae"] == f"This key is unknown; there are {known}."


@pytest.mark.parametrize("document", [None, [], "x", 1, {"triggers": {"event": "x"}}, {}])
def test_a_document_that_is_no_definition_is_a_problem(document: Any) -> None:
    assert problems_of(document, CATALOG)


def test_an_expression_stands_without_braces() -> None:
    problems = messages_of({"condition": "{{ true }}"}, once_for="{{ trigger.id }} {{ 1 }}")
    assert problems["once_for"].startswith("An expression stands without {{ and }}.")
    assert problems["actions[0].condition"].endswith("here it is: condition: 'true'")


def test_only_the_first_hundred_problems_are_listed() -> None:
    problems = problems_of(make_definition(*[{}] * 500), CATALOG)
    assert len(problems) == MOST_PROBLEMS
    assert problems[-1].message == "There are 401 more problems."


def test_a_hostile_key_stays_within_its_line() -> None:
    assert list(messages_of({**log("x"), "a\nb": 1})) == ["actions[0]['a\\nb']"]
