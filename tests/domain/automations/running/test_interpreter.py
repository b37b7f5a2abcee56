"""Steps in order: choices, loops, parallel branches, variables, guards and stops."""

from typing import Any

import pytest

from domain.automations.running import work
from domain.model.automation import AutomationRun, RunStatus
from tests.domain.automations.world import World
from tests.domain.dialects import on_one_database

LOG = {"action": "log", "config": {"message": "here"}}
FAILS = {"action": "incident.resolve", "config": {"incidentId": "inc_unknown"}}
GOES_ON = {**FAILS, "continue_on_error": True}
STOP = {"stop": {"reason": "Enough."}}
STOP_FAILED = {"stop": {"reason": "Too bad.", "error": True}}
NO = {"condition": "1 == 2"}


def note(**values: Any) -> dict[str, Any]:
    return {"variables": values}


def choose(number: int, *, otherwise: bool) -> dict[str, Any]:
    branches = [{"when": f"trigger.payload.n == {branch}", "sequence": [note(branch=branch)]} for branch in (1, 2)]
    return {"choose": branches, **({"else": [note(branch="else")]} if otherwise else {})}


@on_one_database
async def test_a_choice_takes_the_first_branch_that_holds(world: World) -> None:
    last = note(came="{{ variables.branch | default('nowhere') }}")
    for number, otherwise, branch in ((1, True, 1), (2, True, 2), (3, True, "else"), (3, False, "nowhere")):
        run = await world.ran(choose(number, otherwise=otherwise), last, payload={"n": number})
        assert run.status is RunStatus.SUCCESS
        chosen = await world.step(run, "actions[0]")
        assert chosen.output["matchedBranch"] == (number - 1 if number < 3 else None)
        assert (await world.step(run, "actions[1]")).output == {"came": branch}


IFS: dict[str, tuple[dict[str, Any], bool, str]] = {
    "it holds": ({"if": "trigger.payload.n == 1"}, True, "then"),
    "it does not hold": ({"if": "trigger.payload.n == 2"}, False, "else"),
    "something is missing": ({"if": "trigger.payload.no == 1"}, False, "else"),
    "all hold": ({"if": ["trigger.payload.n == 1", {"not": "trigger.payload.n == 2"}]}, True, "then"),
    "one does not": ({"if": ["trigger.payload.n == 1", "trigger.payload.n == 2"]}, False, "else"),
    "there is no else": ({"if": "trigger.payload.n == 2", "else": None}, False, "nowhere"),
}


@on_one_database
async def test_an_if_does_what_its_condition_says(world: World) -> None:
    last = note(came="{{ variables.branch | default('nowhere') }}")
    rest = {"then": [note(branch="then")], "else": [note(branch="else")]}
    runs = await world.all_over(
        {case: world.ran({**rest, **step}, last, payload={"n": 1}) for case, (step, *_) in IFS.items()}
    )
    for case, (_, holds, came) in IFS.items():
        steps = {step.path: step for step in await world.steps(runs[case])}
        assert (steps["actions[0]"].kind, steps["actions[0]"].output["value"]) == ("if", holds), case
        assert steps["actions[1]"].output == {"came": came}, case
        assert len(steps) == (2 if came == "nowhere" else 3), case


GUARD = "The condition at actions[0] does not hold."
ENDS: dict[str, tuple[list[Any], str, str | None, list[str]]] = {
    "failure": ([FAILS, LOG], "failed", "Incident inc_unknown not found.", ["failed"]),
    "continue on error": ([GOES_ON, LOG], "success", None, ["failed", "success"]),
    "disabled": ([{**LOG, "enabled": False}, LOG], "success", None, ["skipped", "success"]),
    "guard that holds": ([{"condition": "1 == 1"}, LOG], "success", None, ["success"] * 2),
    "guard": ([NO, LOG], "success", GUARD, ["success"]),
    "stop": ([STOP, LOG], "success", "Enough.", ["success"]),
    "failed stop": ([STOP_FAILED, LOG], "failed", "Too bad.", ["success"]),
    "stop in a sequence": ([{"sequence": [STOP]}, LOG], "success", "Enough.", ["success"]),
    "nothing goes on after a stop": (
        [{"sequence": [STOP_FAILED], "continue_on_error": True}, LOG], "failed", "Too bad.", ["success"]
    ),
    "group that goes on": (
        [{"sequence": [FAILS, LOG], "continue_on_error": True}, LOG], "success", None, ["failed", "success"]
    ),
    "stop in a branch": ([{"parallel": [STOP, LOG]}, LOG], "success", None, ["success"] * 4),
    "guard in a branch": ([{"parallel": [NO, LOG]}, LOG], "success", None, ["success"] * 4),
    "failed stop in a branch": ([{"parallel": [STOP_FAILED]}, LOG], "failed", "Too bad.", ["success", "failed"]),
    "branches that go on": (
        [{"parallel": [FAILS], "continue_on_error": True}, LOG], "success", None, ["failed", "failed", "success"]
    ),
}  # fmt: skip


@on_one_database
async def test_a_run_ends_by_its_steps_outcome(world: World) -> None:
    runs = await world.all_over({case: world.ran(*steps) for case, (steps, *_) in ENDS.items()})
    ends = {case: (run.status, run.message, list((await world.trace(run)).values())) for case, run in runs.items()}
    assert ends == {case: tuple(expected) for case, (_, *expected) in ENDS.items()}
    assert all(run.finished_at is not None for run in runs.values())


@on_one_database
async def test_a_disabled_step_is_shown_with_its_kind(world: World) -> None:
    run = await world.ran({"delay": {"seconds": 9}, "enabled": False}, {"parallel": [LOG], "enabled": False})
    assert [(step.kind, step.output) for step in await world.steps(run)] == [
        ("delay", {"reason": "disabled"}),
        ("parallel", {"reason": "disabled"}),
    ]


ROUNDS: dict[str, tuple[dict[str, Any], int]] = {
    "count": ({"count": 3}, 3),
    "for each": ({"for_each": "trigger.payload.items"}, 2),
    "for each of nothing": ({"for_each": "trigger.payload.none"}, 0),
    "for each of a list": ({"for_each": ["a", "{{ trigger.payload.items[0] }}", 3]}, 3),
    "while": ({"while": "repeat.index < 2"}, 2),
    "while, for ever": ({"while": "1 == 1", "max_iterations": 4}, 4),
    "while, with an error": ({"while": "1 / 0 == 1"}, 0),
    "until": ({"until": "repeat.index >= 1"}, 2),
    "until, with an error": ({"until": "1 / 0 == 1", "max_iterations": 3}, 3),
}


@on_one_database
async def test_a_variable_of_one_round_is_seen_in_the_next(world: World) -> None:
    async def rounds(repeat: dict[str, Any]) -> AutomationRun:
        count = note(seen="{{ variables.seen + 1 }}")
        steps = [note(seen=0), {"repeat": {**repeat, "sequence": [count]}}, note(total="{{ variables.seen }}")]
        return await world.ran(*steps, payload={"items": ["a", "b"], "none": []})

    runs = await world.all_over({case: rounds(repeat) for case, (repeat, _) in ROUNDS.items()})
    counted = {case: (await world.step(run, "actions[2]")).output["total"] for case, run in runs.items()}
    assert counted == {case: expected for case, (_, expected) in ROUNDS.items()}


@on_one_database
async def test_repeat_is_the_inner_loop_and_afterwards_the_outer_one(world: World) -> None:
    inner = {"repeat": {"for_each": "['x', 'y']", "sequence": [note(seen="{{ repeat.item }}{{ repeat.index }}")]}}
    after = note(outer="{{ repeat.item }}{{ repeat.index }}")
    run = await world.ran({"repeat": {"for_each": "['a', 'b']", "sequence": [inner, after]}}, payload={})
    outputs = [step.output for step in await world.steps(run) if step.kind == "variables"]
    seen = [{"seen": "x0"}, {"seen": "y1"}]
    assert outputs == [*seen, {"outer": "a0"}, *seen, {"outer": "b1"}]


@on_one_database
async def test_the_items_of_a_list_are_rendered_once_as_the_loop_begins(world: World) -> None:
    listed = ["plain", "{{ variables.n }}", {"n": "{{ variables.n }}"}, ["{{ variables.n }}!"]]
    seen = note(n=2, seen="{{ repeat.item }}")
    run = await world.ran(note(n=1), {"repeat": {"for_each": listed, "sequence": [seen]}})
    assert (await world.step(run, "actions[1]")).output == {"items": ["plain", 1, {"n": 1}, ["1!"]]}
    outputs = [step.output["seen"] for step in await world.steps(run) if ".repeat[" in step.path]
    assert outputs == ["plain", 1, {"n": 1}, ["1!"]]


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "for each": ({"repeat": {"for_each": "trigger.payload.n", "sequence": [LOG]}}, "for_each needs a list."),
    "for each undefined": ({"repeat": {"for_each": "trigger.payload.no", "sequence": [LOG]}}, "payload.no is not"),
    "for each of a list": ({"repeat": {"for_each": ["{{ trigger.payload.no }}"], "sequence": [LOG]}}, "payload.no is"),
    "if": ({"if": ["1 == 1", "1 / 0 > 1"], "then": [LOG]}, "Nothing can be divided by 0."),
    "delay": ({"delay": {"template": "{{ trigger.payload.no }}"}}, "trigger.payload.no is not defined."),
    "delay of text": ({"delay": {"template": "{{ trigger.payload.n }}x"}}, "A delay needs 0 to 2592000 seconds, not"),
    "variables": ({"variables": {"x": "{{ trigger.payload.no }}"}}, "trigger.payload.no is not defined."),
    "condition": ({"condition": "1 / (trigger.payload.n - 1) > 1"}, "Nothing can be divided by 0."),
    "choose": ({"choose": [{"when": "1 / 0 > 1", "sequence": [LOG]}]}, "choose[0].when"),
    "context key": (
        {"wait_for_trigger": {"event": "incident.resolved", "context_key": "{{ trigger.payload.no }}"}}, "payload.no"
    ),
}  # fmt: skip


@on_one_database
async def test_an_expression_without_a_value_fails_the_step_and_the_run(world: World) -> None:
    runs = await world.all_over({case: world.ran(step, LOG, payload={"n": 1}) for case, (step, _) in ERRORS.items()})
    for case, run in runs.items():
        [failed] = await world.steps(run)
        assert ERRORS[case][1] in str(failed.error), case
        assert (run.status, run.message) == (RunStatus.FAILED, failed.error), case


@on_one_database
async def test_branches_do_not_see_each_other_and_are_merged_afterwards(world: World) -> None:
    branches = [note(a=1, shared="first"), {"sequence": [note(b=2)]}, note(old="{{ variables.a }}")]
    look = note(found="{{ variables.a }} {{ variables.b }} {{ variables.old }} {{ variables.shared }}")
    run = await world.ran(note(a=0, shared="none"), {"parallel": branches}, look)
    assert (await world.step(run, "actions[2]")).output == {"found": "1 2 0 first"}


async def test_the_number_of_a_runs_steps_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "MOST_STEPS", 8)
    forever = {"repeat": {"while": "1 == 1", "sequence": [note(x=1)]}, "continue_on_error": True}
    run = await world.ran({"parallel": [forever, NO], "continue_on_error": True}, LOG)
    assert (run.status, run.message) == (RunStatus.FAILED, "The run came to more than 8 steps.")
    assert len(await world.steps(run)) == 8
