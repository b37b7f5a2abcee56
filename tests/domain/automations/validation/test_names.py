"""Names in expressions: artifacts, variables, and the roots of each place."""

from typing import Any

import pytest

from tests.domain.automations.validation.definitions import OPEN, STOP, choose, log, messages_of, repeat

USE = log("{{ artifacts.open.incident.incidentId }}")
SET = {"variables": {"x": 1}}
WAIT = {"wait_for_trigger": {"event": "incident.resolved"}}
HEALTHY_FOR = {"entity": "a", "status": "healthy", "for": {"template": "{{ artifacts.no }}"}}
NAMES_IT = "artifacts.open.incident.status == 'resolved'"
MAYBE = choose(("true", [OPEN]))


@pytest.mark.parametrize("text", ["artifacts.open", "artifacts['open'].incident", "artifacts.open['incident'].status"])
def test_an_artifact_of_an_earlier_step_is_known(text: str) -> None:
    assert messages_of(OPEN, log(f"{{{{ {text} | json }}}}"), {"condition": text}) == {}


def test_the_bare_word_artifacts_is_no_reference() -> None:
    assert messages_of(log("artifacts.nothing and {{ 1 }} artifacts.none")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("artifacts.other", "There is no step 'other' that produces something."),
        ("artifacts['open-it']", "There is no step 'open-it' that produces something."),
        ("artifacts.said", "The step 'said' produces nothing."),
        ("artifacts.open.ticket", "The step 'open' produces `incident`, not `ticket`."),
    ],
)
def test_an_artifact_that_no_step_produces_is_a_problem(text: str, message: str) -> None:
    problems = messages_of(OPEN, log("x", id="said"), log(f"{{{{ {text} }}}}"))
    assert problems == {"actions[2].config.message": f"{message} (line 1, column 4)"}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([choose(("true", [OPEN]), otherwise=[STOP]), USE], id="all paths that go on"),
        pytest.param([{"if": "true", "then": [OPEN], "else": [STOP]}, USE], id="then, or it ends"),
        pytest.param([MAYBE, {"if": ["artifacts.open is defined", NAMES_IT], "then": [USE]}], id="checked by an if"),
        pytest.param([repeat(OPEN, for_each=["a"]), USE], id="after a list of items"),
        pytest.param([{"parallel": [OPEN, STOP]}, USE], id="after a parallel"),
        pytest.param([repeat(OPEN, count=2), USE], id="after a counted loop"),
        pytest.param([repeat(OPEN, until="artifacts.open is defined"), USE], id="after until"),
        pytest.param([MAYBE, choose(("artifacts.open is defined and true", [USE]))], id="checked before"),
        pytest.param([MAYBE, {"condition": {"and": ["artifacts.open is defined", "true"]}}, USE], id="required before"),
        pytest.param([MAYBE, log("{{ artifacts.open.incident.status | default('none') }}")], id="with a default"),
        pytest.param([MAYBE, log("{{ artifacts.open.incident.status if artifacts.open is defined else 1 }}")], id="if"),
        pytest.param([STOP, USE, OPEN], id="never run"),
        pytest.param([{**USE, "enabled": False}, OPEN], id="switched off"),
    ],
)
def test_an_artifact_on_every_path_may_be_named(steps: list[Any]) -> None:
    assert messages_of(*steps) == {}


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([USE, OPEN], id="too early"),
        pytest.param([MAYBE, USE], id="one branch only"),
        pytest.param([choose(("true", [OPEN]), otherwise=[log("x")]), USE], id="not in else"),
        pytest.param([{"if": "true", "then": [OPEN]}, USE], id="then only"),
        pytest.param([{"if": "true", "then": [OPEN], "else": [USE]}], id="in the else of an if"),
        pytest.param([MAYBE, {"if": [NAMES_IT, "artifacts.open is defined"], "then": [STOP]}], id="checked too late"),
        pytest.param([{"parallel": [OPEN, USE]}], id="in a parallel branch"),
        pytest.param([{"parallel": [{"sequence": [{"condition": "true"}, OPEN]}]}, USE], id="after an end in a branch"),
        pytest.param([repeat(OPEN, for_each="trigger.payload.systemName"), USE], id="in a loop of perhaps no item"),
        pytest.param([repeat(OPEN, **{"while": "true"}), USE], id="in a loop of perhaps no round"),
        pytest.param([repeat(USE, OPEN, count=2)], id="the first round"),
        pytest.param([{**OPEN, "enabled": False}, USE], id="switched off"),
    ],
)
def test_an_artifact_missing_on_some_path_is_a_problem(steps: list[Any]) -> None:
    [message] = messages_of(*steps).values()
    assert message.startswith("The step 'open' ")


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (choose(("not artifacts.no", [STOP])), "choose[0].when"),
        ({"condition": {"or": [{"not": "artifacts.no"}]}}, "condition.or[0].not"),
        ({"condition": {"numeric_state": {"value": "artifacts.no", "above": 1}}}, "condition.numeric_state.value"),
        (
            {"wait_until": {"condition": {"state": HEALTHY_FOR}}},
            "wait_until.condition.state.for.template",
        ),
        ({"if": "artifacts.no", "then": [STOP]}, "if"),
        ({"if": ["true", "artifacts.no"], "then": [STOP]}, "if[1]"),
        (repeat(STOP, for_each="artifacts.no"), "repeat.for_each"),
        (repeat(STOP, for_each=["a", {"b": "{{ artifacts.no }}"}]), "repeat.for_each[1].b"),
        (repeat(STOP, **{"while": "artifacts.no"}), "repeat.while"),
        (repeat(log("x"), until="artifacts.no"), "repeat.until"),
        ({"wait_for_trigger": {"event": "incident.resolved", "filter": "artifacts.no"}}, "wait_for_trigger.filter"),
        ({"variables": {"a": [{"b": "{{ artifacts.no }}"}]}}, "variables.a[0].b"),
        ({"delay": {"template": "{{ artifacts.no }}"}}, "delay.template"),
    ],
)
def test_references_are_checked_in_every_expression(step: Any, path: str) -> None:
    assert list(messages_of(step)) == [f"actions[0].{path}"]


def test_a_variable_that_no_earlier_step_sets_is_a_problem() -> None:
    assert list(messages_of({"condition": "vars.x"}, SET, {"condition": "vars.x and variables.x"})) == [
        "actions[0].condition"
    ]


def test_a_variable_of_an_earlier_round_is_known() -> None:
    assert messages_of(repeat({"condition": "vars.x"}, SET, count=2)) == {}


def test_names_of_loops_are_known_inside_of_them_only() -> None:
    assert list(messages_of(repeat(log("{{ repeat.index }}"), count=2), log("{{ repeat.index }}"))) == [
        "actions[1].config.message"
    ]


def test_resume_is_known_only_after_the_wait() -> None:
    assert list(messages_of(log("{{ resume.payload }}"), WAIT, log("{{ resume.payload }}"))) == [
        "actions[0].config.message"
    ]


def test_resume_of_a_branch_is_unknown_after_the_parallel() -> None:
    assert list(messages_of({"parallel": [WAIT]}, log("{{ resume.event }}"))) == ["actions[1].config.message"]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        pytest.param({"conditions": ["vars.x"]}, "conditions[0]", id="gates come before a run"),
        pytest.param({"once_for": "health.system.status"}, "once_for", id="once_for"),
        pytest.param({"actions": [{"condition": "payload.x"}]}, "actions[0].condition", id="unknown"),
        pytest.param({"actions": [log("{{ state.incident.a }}")]}, "actions[0].config.message", id="state in texts"),
    ],
)
def test_an_unknown_name_is_a_problem_that_lists_the_known_ones(parts: Any, path: str) -> None:
    assert "here; there are trigger" in messages_of(**parts)[path]


def test_an_unknown_kind_of_entity_lists_the_known_ones() -> None:
    problems = messages_of(
        log("x"), conditions=["state.nonsense.x.y == 1", "state['healht'][trigger.payload.id]", "state.incident.x"]
    )
    kinds = "incident, system, automation_run, erasure, maintenance"
    told_of = f"There is no state of 'nonsense'; there is that of {kinds}. (line 1, column 1)"
    assert problems["conditions[0]"] == told_of
    assert "healht" in problems["conditions[1]"]
    assert "conditions[2]" not in problems
