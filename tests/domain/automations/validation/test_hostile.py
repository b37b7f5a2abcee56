"""Definitions meant to break the server: each is refused or bounded quickly, with its path."""

import time
from typing import Any

import pytest

from domain.automations.definitions.documents import load_document
from domain.automations.running.work import MOST_STEPS
from domain.automations.validation import problems_of
from domain.automations.validation.bounds import SIZE_BYTES
from domain.errors import InvalidInputError
from tests.domain.automations.validation.definitions import CATALOG, log, make_definition, repeat


def nested(step: Any, depth: int) -> Any:
    for _ in range(depth):
        step = {"sequence": [step]}
    return step


def doubled(depth: int) -> str:
    return "trigger.id" if depth == 0 else f"({doubled(depth - 1)} == {doubled(depth - 1)})"


def itself() -> dict[str, Any]:
    step: dict[str, Any] = {}
    step["sequence"] = [step]
    return step


HOSTILE = [
    pytest.param([nested(log("x"), 10_000)], "actions[0].sequence[0]", "nested deeper than 32", id="nested actions"),
    pytest.param([log("x")] * 10_000, "actions", "more than 4000 parts", id="sibling actions"),
    pytest.param([itself()], "actions[0].sequence[0]", "nested deeper than 32", id="a step in itself"),
    pytest.param([{"condition": doubled(9)}], "actions[0].condition", "at most 4096", id="exponential"),
    pytest.param([{"condition": "(" * 2000}], "actions[0].condition", "deeper than 32", id="brackets"),
    pytest.param([{"condition": {"or": ["true"] * 50_000}}], "actions[0].condition.or", "4000 parts", id="terms"),
    pytest.param([{"condition": " or ".join(["true"] * 50_000)}], "actions[0]", "larger than 256 kB", id="text"),
    pytest.param([repeat(log("x"), count=10**9)], "actions[0].repeat.count", "10000", id="rounds"),
    pytest.param([log("{{ ''.__class__ }}")], "actions[0].config.message", "underscore", id="attributes"),
    pytest.param([log("{{ trigger.id.upper() }}")], "actions[0].config.message", "A call is not", id="calls"),
    pytest.param([log("{{ 1 }}" * 2_000)], "actions[0].config.message", "more than 1000 {{ }}", id="spans"),
    pytest.param([log("x" * SIZE_BYTES)], "", "larger than 256 kB", id="size"),
    pytest.param([log("a\0b")], "actions[0].config.message", "character", id="no text"),
    pytest.param([{"delay": {"seconds": 10**400}}], "actions[0].delay.seconds", "too large", id="number"),
]


@pytest.mark.parametrize(("actions", "path", "message"), HOSTILE)
def test_a_hostile_definition_is_refused_with_its_place(actions: list[Any], path: str, message: str) -> None:
    begun = time.perf_counter()
    [problem] = problems_of(make_definition(*actions), CATALOG)
    print(f"refused in {(time.perf_counter() - begun) * 1000:.1f} ms: {problem.path[:80]}: {problem.message[:80]}")
    assert problem.path.startswith(path)
    assert message in problem.message


def test_hostile_loops_in_loops_are_bounded_when_they_run() -> None:
    assert problems_of(make_definition(repeat(repeat(log("x"), count=10_000), count=10_000)), CATALOG) == []
    assert MOST_STEPS == 10_000


def test_a_hostile_definition_of_long_expressions_is_still_judged() -> None:
    terms = " == ".join(["trigger.id"] * 290)
    steps = [{"condition": f"{terms} == {index}"} for index in range(20)]
    begun = time.perf_counter()
    assert problems_of(make_definition(*steps), CATALOG) == []
    print(f"accepted in {(time.perf_counter() - begun) * 1000:.0f} ms")


REPEATED = "{" + "".join(f'"k{number}":1,' for number in range(20_000)) + '"k0":1}'
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{index}: &a{index} [{', '.join([f'*a{index - 1}'] * 9)}]\n" for index in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(LAUGHS, "more than 20000 parts", id="billion laughs"),
        pytest.param("a: &a [*a]", "deeper than 64 levels", id="a list in itself"),
        pytest.param("a: &a {x: 1}\nb: {<<: *a}", "Merging", id="merging"),
        pytest.param("[" * 100_000, "deeper than 64 levels", id="brackets"),
        pytest.param('{"a":' * 50_000, "deeper than 64 levels", id="brackets of JSON"),
        pytest.param("a: [" + "1," * 100_000 + "1]", "more than 20000 parts", id="items"),
        pytest.param("a: !!python/object/apply:os.system ['ls']", "tag", id="objects"),
        pytest.param(REPEATED, "'k0' comes twice", id="keys of JSON"),
        pytest.param("a: " + "x" * SIZE_BYTES, "larger than 256 kB", id="size"),
    ],
)
def test_a_hostile_document_is_refused(text: str, message: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(InvalidInputError, match=message):
        load_document(text)
    print(f"refused in {(time.perf_counter() - begun) * 1000:.1f} ms")
