"""Variables that are refused before the library reads them: too many, too deep, or with an invalid text."""

from typing import Any

import pytest
from graphql import GraphQLError, build_schema, get_operation_ast, parse

from gql.limits.nulls import misplaced_null
from gql.limits.variables import unreadable

SCHEMA = build_schema(
    """
    scalar JSON
    input I { name: String, more: I }
    type Query { f(a: Int! = 1, b: Int, c: JSON, i: I, n: [Int!]): Int }
    type Mutation { f(a: Int! = 1, b: Int): Int }
    """
)


def refusals(variables: Any, document: str = "query ($c: JSON) { f(c: $c) }") -> list[GraphQLError]:
    operation = get_operation_ast(parse(document))
    assert operation is not None
    return unreadable(SCHEMA, operation, variables)


def only(errors: list[GraphQLError]) -> tuple[str, str]:
    [error] = errors
    return str((error.extensions or {})["code"]), error.message


def nested(depth: int) -> Any:
    value: Any = {"c": 1}
    for _ in range(depth - 1):
        value = {"c": value}
    return value


def test_an_operation_without_variables_is_not_refused() -> None:
    assert refusals(None) == refusals({}) == []


@pytest.mark.parametrize("deep", [{"c": [0] * 4_999}, {"c": {"x": [[0] * 1_000, [0] * 3_996]}}], ids=["flat", "nested"])
def test_variables_may_hold_5000_values(deep: Any) -> None:
    assert refusals(deep) == []
    assert only(refusals({**deep, "d": 0})) == ("BAD_USER_INPUT", "The variables may hold 5000 values at most.")


def test_variables_may_nest_33_levels() -> None:
    assert refusals(nested(33)) == []
    message = "Lists and objects may lie 32 deep in one another at most."
    assert only(refusals(nested(34))) == ("DEPTH_LIMIT", message)
    assert only(refusals({"c": [nested(33)]})) == ("DEPTH_LIMIT", message)


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        pytest.param({"c": "a\0b"}, ["c"], id="a text"),
        pytest.param({"c": {"x": ["good", {"y": "a\0"}]}}, ["x", "1", "y"], id="a text within"),
        pytest.param({"c": {"x\0": 1}}, ["x\ufffd"], id="a name"),
    ],
)
def test_a_text_with_a_nul_is_refused_with_the_path(variables: Any, field: list[str]) -> None:
    [error] = refusals(variables)
    assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED", "field": field}


@pytest.mark.parametrize(
    ("values", "count"),
    [
        pytest.param(["x"] * 18, 0, id="few and short"),
        pytest.param(["x"] * 19 + [1], 6, id="more than a few"),
        pytest.param(["x" * 200], 0, id="not too long"),
        pytest.param(["x" * 201], 1, id="long"),
        pytest.param([1] * 30, 0, id="many and right"),
    ],
)
def test_many_or_long_values_have_few_errors_and_no_suggestions(values: list[Any], count: int) -> None:
    assert len(refusals({"n": values}, "query ($n: [Int!]) { f(n: $n) }")) == count


def test_a_long_name_counts_as_well_as_a_long_text() -> None:
    document = "query ($i: I) { f(i: $i) }"
    assert refusals({"i": {"nam": "x"}}, document) == []
    [error] = refusals({"i": {"nam": "x", "y" * 201: 1}}, document)[:1]
    assert "Did you mean" not in error.message


@pytest.mark.parametrize(
    ("document", "variables", "refused"),
    [
        pytest.param("mutation ($a: Int) { f(a: $a) }", {"a": None}, True, id="a place with a default"),
        pytest.param("mutation ($a: Int) { f(a: $a) }", {}, False, id="left out"),
        pytest.param("mutation ($a: Int) { f(a: $a) }", {"a": 1}, False, id="given"),
        pytest.param("mutation ($b: Int) { f(b: $b) }", {"b": None}, False, id="a place for null"),
        pytest.param("mutation ($b: Int, $a: Int) { f(a: $a, b: $b) }", {"b": None, "a": 2}, False, id="another one"),
        pytest.param("query ($a: Int = 2) { f(a: $a) }", {"a": None}, True, id="a default of its own"),
        pytest.param("query ($a: Int = 2) { ...F } fragment F on Query { f(a: $a) }", {"a": None}, True, id="spread"),
        pytest.param("query ($b: Boolean = true) { f @skip(if: $b) }", {"b": None}, True, id="in a directive"),
        pytest.param(
            "query ($a: Int = 2, $b: Int = 3) { f(a: $a, b: $b) }", {"b": None}, False, id="beside a default in use"
        ),
        pytest.param(
            "query ($a: Int, $b: Int = 2) { f(a: $a, b: $b) }", {"a": None, "b": None}, False, id="validation's"
        ),
    ],
)
def test_a_null_is_refused_at_a_non_null_place(document: str, variables: Any, refused: bool) -> None:
    parsed = parse(document)
    operation = get_operation_ast(parsed)
    assert operation is not None
    error = misplaced_null(SCHEMA, parsed, operation, variables)
    assert (error is not None) == refused
    if error is not None:
        [name] = [name for name, value in variables.items() if value is None]
        assert error.message.startswith(f"Variable '${name}' is null, and ")
        assert error.extensions == {"code": "GRAPHQL_VALIDATION_FAILED"}
        assert error.nodes
