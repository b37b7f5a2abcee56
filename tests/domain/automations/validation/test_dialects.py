"""Definitions as Home Assistant, GitHub Actions and n8n have them: taken, or answered with lines that work."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from domain.automations.definitions.documents import load_document
from domain.automations.validation import problems_of
from domain.automations.validation.problems import MOST_PROBLEMS
from tests.domain.automations.validation.definitions import CATALOG

HEADER = ("name", "description", "group", "enabled")
ANSWER = re.compile(r"(?:Home Assistant|GitHub Actions|n8n) has it like this; here it is: (.+)")
LEFT_OUT = re.compile(r"(?:Home Assistant|GitHub Actions|n8n) has this; here it is left out: .+")

CASES = load_document(Path(__file__).with_name("dialects.yaml").read_text())
TAKEN, ANSWERED = ([pytest.param(case, id=case["name"]) for case in CASES[part]] for part in ("taken", "answered"))


def definition(text: str) -> dict[str, Any]:
    """Return the definition of a file, completed by what a definition needs."""
    document = load_document(text)
    foreign = {"trigger", "on", "nodes"} & set(document)
    return document if foreign or "triggers" in document else {"triggers": [{"event": "incident.created"}], **document}


def told(document: dict[str, Any]) -> dict[str, str]:
    """Return the messages by their paths; the members of a file beside the definition are none of it."""
    inner = {key: value for key, value in document.items() if key not in HEADER}
    return {problem.path: problem.message for problem in problems_of(inner, CATALOG)}


def repaired(document: dict[str, Any], path: str, line: str) -> dict[str, Any]:
    """Return the document with a line in the place of what is at that path."""
    document = copy.deepcopy(document)
    *outside, last = [int(key) if key.isdigit() else key for key in re.findall(r"[A-Za-z_-]+|\d+", path)]
    part: Any = document
    for key in outside:
        part = part[key]
    new = load_document(f"line:\n{'' if line.startswith('-') else '  '}{line}")["line"]
    if isinstance(new, list):
        part[last] = new[0]
    else:
        del part[last]
        part.update(new)
    return document


@pytest.mark.parametrize("case", TAKEN)
def test_what_has_one_meaning_is_taken(case: dict[str, str]) -> None:
    assert told(definition(case["written"])) == {}


@pytest.mark.parametrize("case", ANSWERED)
def test_what_others_write_is_answered_with_the_line_that_works(case: dict[str, str]) -> None:
    document = definition(case["written"])
    answer = ANSWER.fullmatch(told(document)[case["at"]])
    assert answer is not None
    assert answer[1] == case["line"]
    for _ in range(5):
        answers = {place: ANSWER.fullmatch(message) for place, message in told(document).items()}
        if not answers:
            return
        assert None not in answers.values(), told(document)
        place, found = next(iter(answers.items()))
        assert found is not None
        document = repaired(document, place, found[1])
    raise AssertionError(told(document))


@pytest.mark.parametrize("key", ["runs-on: ubuntu", "connections: {}", "max_exceeded: silent", "permissions: {}"])
def test_what_has_no_counterpart_is_said_to_be_left_out(key: str) -> None:
    [message] = told(definition(f"actions: []\n{key}")).values()
    assert LEFT_OUT.fullmatch(message)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("${{ trigger.payload.title }}", "{{ trigger.payload.title }}"),
        ("={{ trigger.payload.title }}!", "{{ trigger.payload.title }}!"),
        ("a=${{ trigger.id }} ${{ secrets.KEY }}", "a={{ trigger.id }} ${{ secrets.KEY }}"),
    ],
)
def test_marks_that_would_stay_in_a_text_are_warned_of(text: str, meant: str) -> None:
    call = {"action": "http.request", "config": {"url": "https://example.com", "body": text}}
    document = {"triggers": [{"event": "incident.created"}], "actions": [call]}
    [problem] = problems_of(document, CATALOG)
    assert (problem.path, problem.is_error) == ("actions[0].config.body", False)
    assert problem.message.endswith(f"; without it: {meant}")


@pytest.mark.parametrize("text", ["a={{ trigger.id }}", "=SUM(A1)", "cost: $ {{ trigger.id }}", "${{ secrets.KEY }}"])
def test_marks_that_are_meant_are_not_warned_of(text: str) -> None:
    call = {"action": "http.request", "config": {"url": "https://example.com", "body": text}}
    assert told({"triggers": [{"event": "incident.created"}], "actions": [call]}) == {}


def test_a_problem_of_our_own_words_stays_as_it_is() -> None:
    problems = told(definition("actions: [{action: log, config: {mesage: x}}, {delay: -1}]\nmodus: single"))
    assert not any(ANSWER.fullmatch(message) or LEFT_OUT.fullmatch(message) for message in problems.values())
    assert {"modus", "actions[1].delay.seconds"} <= set(problems)


def test_a_line_that_would_be_too_long_is_not_given() -> None:
    long = [{"service": "notify.x", "data": {"message": "x" * 2_000}}]
    [message] = told({"triggers": [{"event": "manual"}], "actions": long}).values()
    assert "exactly one of" in message
    message = told({"triggers": [{"event": "manual"}], "action": long})["action"]
    assert message == "Home Assistant has it like this; here the key is actions."


def test_many_answers_are_bounded_as_problems_are() -> None:
    steps = [{"alias": "x", "delay": 1}] * 500
    assert len(problems_of({"triggers": [{"event": "manual"}], "actions": steps}, CATALOG)) == MOST_PROBLEMS
