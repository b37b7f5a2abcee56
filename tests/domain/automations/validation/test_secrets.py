"""Places of references to secrets: outside of expressions, in the values of an action's settings."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from domain.automations.validation import problems_of
from domain.automations.validation.problems import below
from tests.domain.automations.validation.definitions import CATALOG, choose, log, messages_of, repeat

KEY = "${{ secrets.KEY }}"
INSIDE = "A secret stands outside of the `{{ }}`, as `${{ secrets.NAME }}`: an expression cannot work with it."
MISPLACED = "A secret stands in the config of an action only, as `${{ secrets.NAME }}`."
NESTED = {"action": "log", "config": {"message": "x"}}
#: A text wherever a definition takes one, but in the settings of actions.
EVERYWHERE: dict[str, Any] = {
    "triggers": [
        {
            "id": "down",
            "event": "system.degraded",
            "filter": "trigger.payload.systemId == 'a'",
            "for": {"template": "{{ 5 }}"},
            "window": {"count": 1, "minutes": 1, "partition_by": "trigger.payload.systemId"},
        },
        {"event": "time.cron", "config": {"cron": "0 9 * * *", "timezone": "Europe/Berlin"}},
    ],
    "conditions": [
        "true",
        {"and": [{"not": "false"}]},
        {"state": {"entity": "api", "status": "healthy", "for": {"template": "{{ 5 }}"}}},
        {"numeric_state": {"value": "1", "above": 0}},
    ],
    "actions": [
        {"id": "said", "description": "Says it", **log("x")},
        {"variables": {"plain": "a", "list": ["a", {"b": "c"}], "step": NESTED}},
        {"delay": {"template": "{{ 5 }}"}},
        {"wait_for_trigger": {"event": "incident.resolved", "filter": "true", "context_key": "a"}},
        {"wait_until": {"condition": "true"}},
        choose(("true", [{"stop": {"reason": "Over"}}]), otherwise=[{"condition": "true"}]),
        repeat(log("x"), for_each="[1]"),
        repeat(log("x"), until="true"),
    ],
    "mode": "queued",
    "once_for": "trigger.payload.systemId",
    "uses_state": ["api"],
    "run_as": "tok_x",
}


def places(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each text of a document, except in the settings of actions."""
    if isinstance(part, str):
        yield path
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, child in children:
        if key != "config" or path[:1] != ("actions",) or "variables" in path:
            yield from places(child, (*path, key))


def test_a_definition_without_secrets_is_fine() -> None:
    assert problems_of(EVERYWHERE, CATALOG) == []


@pytest.mark.parametrize("place", list(places(EVERYWHERE)), ids=lambda place: below("", *place))
@pytest.mark.parametrize("text", [KEY, f"'{KEY}'", f"{{{{ '{KEY}' | upper }}}}"], ids=["plain", "quoted", "filtered"])
def test_no_other_text_of_a_definition_takes_a_secret(place: tuple[str | int, ...], text: str) -> None:
    document = deepcopy(EVERYWHERE)
    *outside, last = place
    part: Any = document
    for key in outside:
        part = part[key]
    part[last] = text
    problems = problems_of(document, CATALOG)
    assert any(below("", *place).startswith(problem.path) for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'KEY' }}",
        "{{ 'KEY' | upper }}",
        "{{ KEY }}",
        "{{ KEY | upper }}",
        "{{ trigger.payload.title | default('KEY') }}",
        "{{ {'a': ['KEY']} | json }}",
        "{{ 'KEY' == 'x' }}",
        "fine: KEY, not: {{ '}}' + 'KEY' }}",
        "{{ 1 }} {{ 'KEY",
    ],
)
def test_a_secret_inside_an_expression_is_a_problem_with_its_path(text: str) -> None:
    last = text.rindex("KEY")
    text = text.replace("KEY", KEY)
    column = text.rindex(KEY) + 1
    assert last
    for step, path in (
        (log(text), "actions[0].config.message"),
        ({"action": "http.request", "config": {"url": "https://a.example", "headers": {"x": text}}}, ".headers.x"),
        ({"action": "http.request", "config": {"url": "https://a.example", "json": {"a": [text]}}}, ".json.a[0]"),
    ):
        [(place, message)] = messages_of(step).items()
        assert place.endswith(path)
        assert message == f"{INSIDE} (line 1, column {column})"


def test_a_secret_inside_an_expression_is_a_problem_with_its_line() -> None:
    assert messages_of(log(f"one\r\n{{{{ 1 }}}} {KEY}\r\n {{{{\n '{KEY}' }}}}")) == {
        "actions[0].config.message": f"{INSIDE} (line 4, column 3)"
    }


@pytest.mark.parametrize("text", [f"{{{{ 1 }}}}{KEY}{{{{ 2 }}}}", f"{{{KEY}}}", f"{KEY}{KEY}", f"$ {KEY} }}}}"])
def test_a_secret_beside_expressions_is_fine(text: str) -> None:
    assert messages_of(log(text)) == {}


@pytest.mark.parametrize(
    "step", [log("{{ secrets.KEY }}"), {"variables": {"a": "${{ secrets.KEY }}"}}, {"condition": "secrets.KEY"}]
)
def test_a_secret_stands_in_settings_of_actions_only(step: Any) -> None:
    [message] = messages_of(step).values()
    assert message.startswith("A secret stands in the config of an action only")


def test_a_secret_in_settings_is_fine() -> None:
    assert messages_of(log("Bearer ${{ secrets.KEY }}")) == {}


@pytest.mark.parametrize("step", [log("${{ secrets.MY KEY }}"), {"stop": {"reason": "${{ secrets. }}"}}])
def test_a_malformed_reference_to_a_secret_is_a_problem_anywhere(step: Any) -> None:
    assert list(messages_of(step).values()) == ["A secret is referred to as `${{ secrets.NAME }}`."]


def test_a_secret_in_the_name_of_a_setting_is_a_problem() -> None:
    config = {"url": "https://example.com", "headers": {"X-${{ secrets.KEY }}": "x"}}
    problems = messages_of({"action": "http.request", "config": config})
    assert list(problems.values()) == ["A secret stands in a value, not in the name of one."]
