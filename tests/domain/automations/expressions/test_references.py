"""The references of expressions."""

import pytest

from domain.automations.expressions.analysis import references
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.references import DYNAMIC
from domain.automations.expressions.templates import compile_template


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("1 == 'trigger.id'", []),
        ("trigger", [("trigger",)]),
        ("trigger.payload['a-b'][0]", [("trigger", "payload", "a-b", 0)]),
        ("a.b == c.d", [("a", "b"), ("c", "d")]),
        ("a[b.c].d", [("a", DYNAMIC, "d"), ("b", "c")]),
        ("(a | first).b", [("a",)]),
        ("(a if b else c).d", [("a",), ("b",), ("c",)]),
        ("(a | first)[b]", [("a",), ("b",)]),
        ("a | default(b) | join(c)", [("a",), ("b",), ("c",)]),
        ("a in b and not c is defined", [("a",), ("b",), ("c",)]),
        ("-a + b % 2", [("a",), ("b",)]),
    ],
)
def test_the_references_of_an_expression_are_its_paths(source: str, paths: list[tuple[object, ...]]) -> None:
    found = [(reference.root, *reference.parts) for reference in references(compile_expression(source))]
    assert found == paths


def test_a_reference_has_its_place_in_the_whole_template() -> None:
    (reference,) = references(compile_template("Hello\n  {{ 1 + trigger.payload.title }}"))
    assert (reference.path, reference.line, reference.column) == ("trigger.payload.title", 2, 10)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ artifacts.open }}", [("open",)]),
        ("{{ artifacts.open.incident.incidentId }}", [("open", "incident", "incidentId")]),
        ("{{ artifacts['open-it'][\"incident\"] }}", [("open-it", "incident")]),
        ("{{ artifacts.open[variables.x] }}", [("open", DYNAMIC)]),
        ("{{ artifacts[variables.x] }} {{ artifacts }}", [(DYNAMIC,), ()]),
        ("the word artifacts.open outside of a span", []),
        ("{{ trigger.artifacts.open }}", []),
    ],
)
def test_318_artifact_references_are_found_in_spans_only(source: str, found: list[tuple[object, ...]]) -> None:
    given = references(compile_template(source))
    assert [reference.parts for reference in given if reference.root == "artifacts"] == found
