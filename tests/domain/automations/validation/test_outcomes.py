"""Names of outcomes in expressions: `steps.<id>` and `wait`."""

from typing import Any

import pytest

from domain.automations.validation import problems_of
from tests.domain.automations.validation.definitions import CATALOG, OPEN, STOP, choose, log, make_definition, repeat

CALL: dict[str, Any] = {"id": "call", "action": "http.request", "config": {"url": "https://example.com"}}
TRIES = {**CALL, "continue_on_error": True}
USE = log("{{ steps.call.status }}")
BODY = log("{{ steps.call.output.body }}")
MAYBE = choose(("true", [CALL]))
WAIT = {"wait_until": {"condition": "true"}}
EVENT = {"wait_for_trigger": {"event": "incident.resolved"}}
DONE = log("{{ wait.completed }}")


def found(*steps: Any) -> list[tuple[str, str, str]]:
    """Return the path, severity and message of each problem."""
    problems = problems_of(make_definition(*steps), CATALOG)
    return [(problem.path, problem.severity.value, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([CALL, USE, BODY], id="an earlier step"),
        pytest.param([TRIES, USE], id="the status of one that may fail"),
        pytest.param([TRIES, {"if": "steps.call.status == 'success'", "then": [BODY]}], id="checked for success"),
        pytest.param([TRIES, {"if": ["steps.call.output is defined"], "then": [BODY]}], id="checked for an output"),
        pytest.param([TRIES, {"condition": "steps.call.output.status == 200"}, BODY], id="required before"),
        pytest.param(
            [TRIES, {"condition": "steps.call.output.status == 200 and true"}, BODY], id="required among more"
        ),
        pytest.param([TRIES, log("{{ steps.call.output.body | default('none') }}")], id="with a default"),
        pytest.param(
            [TRIES, log("{{ steps.call.output.body if steps.call.status == 'success' else 'none' }}")], id="chosen"
        ),
        pytest.param([TRIES, {"condition": "steps.call.output.body.ok"}], id="in a condition"),
        pytest.param([MAYBE, {"if": "steps.call is defined", "then": [USE, BODY and USE]}], id="checked before"),
        pytest.param([MAYBE, log("{{ steps.call.status if steps.call is defined else 1 }}")], id="checked in place"),
        pytest.param([choose(("true", [CALL]), otherwise=[STOP]), BODY], id="all paths that go on"),
        pytest.param([{"parallel": [CALL, STOP]}, BODY], id="after a parallel"),
        pytest.param([repeat(CALL, for_each=["a"]), BODY], id="after a list of items"),
        pytest.param([{"id": "group", "sequence": [CALL]}, BODY, log("{{ steps.group.status }}")], id="after a group"),
        pytest.param([STOP, USE, CALL], id="never run"),
        pytest.param([{"id": "kept", "variables": {"a": 1}}, log("{{ steps.kept.output.a }}")], id="variables"),
        pytest.param([{"id": "held", "if": "true", "then": [CALL]}, log("{{ steps.held.output.value }}")], id="if"),
        pytest.param([{**WAIT, "id": "w"}, DONE, {"condition": "steps.w.output.timedOut == true"}], id="a wait"),
        pytest.param([EVENT, DONE, log("{{ wait.trigger.payload.incidentId }}")], id="an event"),
        pytest.param([{"parallel": [{"sequence": [WAIT, DONE]}]}], id="a wait in a branch"),
        pytest.param(
            [repeat({"if": "repeat.index > 0", "then": [DONE]}, WAIT, count=2)], id="a wait of a former round"
        ),
    ],
)
def test_an_outcome_that_is_there_may_be_named(steps: list[Any]) -> None:
    assert found(*steps) == []


NOT_BEFORE = "The step 'call' does not run before this."
PERHAPS = "The step 'call' may not have run before this; check `steps.call is defined` first."
NO_OUTPUT = "Where the step 'call' fails, it has no output; check `steps.call.status == 'success'` first."
NO_WAIT = "`wait` exists after a wait_until or wait_for_trigger only."
TEXT = "config.message"


@pytest.mark.parametrize(
    ("steps", "path", "severity", "message"),
    [
        pytest.param([CALL, log("{{ steps.cal.status }}")], TEXT, "error", "There is no step 'cal'; there are call."),
        pytest.param([log("{{ steps.call }}")], TEXT, "error", "There is no step 'call'; no step has an id."),
        pytest.param([log("{{ steps.call.status }}"), CALL], TEXT, "error", NOT_BEFORE),
        pytest.param([{**CALL, "enabled": False}, USE], TEXT, "error", NOT_BEFORE),
        pytest.param([{"parallel": [CALL, USE]}], f"parallel[1].{TEXT}", "error", NOT_BEFORE),
        pytest.param([{"if": "true", "then": [CALL], "else": [USE]}], f"else[0].{TEXT}", "error", NOT_BEFORE),
        pytest.param([MAYBE, USE], TEXT, "error", PERHAPS),
        pytest.param([repeat(CALL, **{"while": "true"}), USE], TEXT, "error", PERHAPS),
        pytest.param([repeat(USE, CALL, count=2)], f"repeat.sequence[0].{TEXT}", "error", PERHAPS),
        pytest.param([{"sequence": [STOP, CALL], "continue_on_error": True}, USE], TEXT, "error", NOT_BEFORE),
        pytest.param([{"sequence": [CALL], "continue_on_error": True}, USE], TEXT, "error", PERHAPS),
        pytest.param([MAYBE, {"condition": "steps.call.status == 'success'"}], "condition", "warning", PERHAPS),
        pytest.param([TRIES, BODY], TEXT, "warning", NO_OUTPUT),
        pytest.param([TRIES, {"condition": "steps.call.status == 'failed'"}, BODY], TEXT, "warning", NO_OUTPUT),
        pytest.param(
            [CALL, {"condition": "steps.call.status == 'ok'"}],
            "condition",
            "error",
            "`steps.call.status` is never 'ok'; it is one of success, failed.",
        ),
        pytest.param(
            [OPEN, {"condition": "steps.open.output.incident == 1"}],
            "condition",
            "error",
            "There is no `steps.open.output.incident`; there is incidentId, reference, externalId, reused, artifact.",
        ),
        pytest.param(
            [{"id": "a", "sequence": [CALL]}, {"condition": "steps.a.output == 1"}],
            "condition",
            "error",
            "There is no `steps.a.output`; there is status, error.",
        ),
        pytest.param(
            [{**log("x"), "id": "noted"}, log("{{ steps.noted.output.line }}")],
            TEXT,
            "error",
            "There is no `steps.noted.output.line`; there is nothing in it.",
        ),
        pytest.param([DONE, WAIT], TEXT, "error", NO_WAIT),
        pytest.param([{"delay": 1}, DONE], TEXT, "error", NO_WAIT),
        pytest.param([{"parallel": [WAIT]}, DONE], TEXT, "error", NO_WAIT),
    ],
)
def test_an_outcome_that_may_not_be_there_is_a_problem_with_its_place(
    steps: list[Any], path: str, severity: str, message: str
) -> None:
    [(place, *problem)] = found(*steps)
    assert place.partition(".")[2] == path
    assert problem[0] == severity
    assert problem[1].rpartition(" (line")[0] == message


def test_before_a_run_there_are_no_outcomes() -> None:
    problems = problems_of(make_definition(CALL, conditions=["steps.call.status == 'success'"]), CATALOG)
    assert [problem.path for problem in problems] == ["conditions[0]"]
