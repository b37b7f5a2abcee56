"""Properties of all texts and all scopes."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.automations.expressions.errors import EvaluationError, ExpressionError
from domain.automations.expressions.flips import next_flip_of
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.templates import compile_template
from tests.domain.automations.conditions.scopes import NOW
from tests.examples import examples

pytestmark = pytest.mark.timing


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b.c",
            "a['x']",
            "items",
            "__class__",
            ".__class__",
            "['__class__']",
            ".upper",
            ".items",
            "0",
            "-1",
            "1e308",
        ),
        *(
            "9223372036854775807",
            "'x'",
            "''",
            "\\",
            "'",
            '"',
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
        ),
        *("+", "-", "*", "/", "%", "**", "//", "~", "|", "|upper", "|first", "|last", "|json", "|join", "|sort", "#}"),
        *("|unique", "|length", "|abs", "|int", "|round", "|default(1)", "|replace('x',a)", "|older_than(1)", "|iso"),
        *(
            "|duration_since",
            "|minutes",
            "|truncate(2)",
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "in",
            "not",
            "is",
            "and",
            "or",
        ),
        *("if", "else", "defined", "none", "true", "now", ",", ".", ":", ";", "=", "\n", "\r", "\0", "é", "٣", "ﬁ", ""),
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map(" ".join), st.lists(PIECES).map("".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("2026-03-01T09:00:00Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcx"), inner, max_size=4),
    max_leaves=12,
)
ATOMS = st.sampled_from(
    [
        "a",
        "b.c",
        "a['x']",
        "a.items",
        "b[0]",
        "a[b]",
        "a.upper",
        "b.c.__len",
        "now",
        "1",
        "2.5",
        "'x'",
        "none",
        "[1, 'x']",
    ]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or"])
    filters = st.sampled_from(
        [
            *("upper", "json", "first", "sort", "unique", "join", "abs", "round", "int", "float", "iso", "minutes"),
            *("length", "last", "default(1)", "replace('x', a)", "older_than(a)", "duration_since", "date('unix')"),
        ]
    )
    return st.one_of(
        st.tuples(inner, operators, inner).map(" ".join).map("({})".format),
        st.tuples(inner, filters).map(" | ".join).map("({})".format),
        inner.map("not {}".format).map("({})".format),
        st.tuples(inner, inner, inner).map(lambda parts: "({} if {} else {})".format(*parts)),
    )


def _fault(accept: Callable[[str], object], text: str) -> ExpressionError | None:
    try:
        accept(text)
    except ExpressionError as error:
        return error
    return None


@examples(150)
@given(TEXTS, st.sampled_from([compile_expression, compile_template]))
def test_any_text_compiles_or_has_an_error(text: str, accept: Callable[[str], object]) -> None:
    error = _fault(accept, text)
    if error is not None:
        assert error.message
        assert 1 <= error.line <= text.count("\n") + text.count("\r") + 1
        assert 1 <= error.column <= len(text) + 1


@examples(150)
@given(st.integers(1, 5000), PIECES, PIECES)
def test_a_text_of_one_repeated_piece_compiles_or_fails_quickly(count: int, piece: str, last: str) -> None:
    started = time.perf_counter()
    _fault(compile_expression, (piece + " ") * count + last)
    assert time.perf_counter() - started < 1


@examples(150)
@given(st.recursive(ATOMS, _larger, max_leaves=10), st.fixed_dictionaries({}, optional={"a": JSON, "b": JSON}))
def test_any_expression_gives_plain_data_or_an_error_quickly(source: str, scope: dict[str, Any]) -> None:
    if _fault(compile_expression, source):
        return
    expression = compile_expression(source)
    started = time.perf_counter()
    flip = next_flip_of(expression, scope, now=NOW)
    assert flip is None or flip > NOW
    with suppress(EvaluationError):
        assert expression.decided(scope, now=NOW).value in {True, False, None}
    with suppress(EvaluationError):
        assert isinstance(expression.value(scope, now=NOW), str | int | float | list | dict | tuple | None)
    assert time.perf_counter() - started < 0.5
